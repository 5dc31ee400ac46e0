//! The lockout safety check (behaviours 7.3): whoever stores a key policy must be able to change it later.

use strongroom_authz::decide::keeps_policy_open;
use strongroom_authz::policy::model::PolicyKind;

use crate::world::{Person, World, attached};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn a_policy_must_let_its_author_change_it() {
    let by = |principal: &str, rest: &str| {
        format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Resource":"*",{rest}}}"#)
    };
    let all = r#""Action":"kms:*""#;
    let root = by("arn:aws:iam::111122223333:root", all);
    let ann = "arn:aws:iam::111122223333:user/ann";
    check("the account", &[&root], true);
    check("the author", &[&by(ann, all)], true);
    check("the author, for this action", &[&by(ann, r#""Action":"kms:PutKeyPolicy""#)], true);
    check("the author, for other actions", &[&by(ann, r#""Action":"kms:Encrypt""#)], false);
    check("somebody else", &[&by("arn:aws:iam::111122223333:user/bob", all)], false);
    check("another account", &[&by("arn:aws:iam::444455556666:root", all)], false);
    check("a statement without a resource", &[r#"{"Effect":"Allow","Principal":"*","Action":"kms:*"}"#], false);
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}"#;
    check("a deny beside it", &[&root, deny], false);
    let with_tls =
        |truth: &str| by(ann, &format!(r#"{all},"Condition":{{"Bool":{{"aws:SecureTransport":"{truth}"}}}}"#));
    check("a condition that holds now", &[&with_tls("true")], true);
    check("a condition that does not hold now", &[&with_tls("false")], false);

    #[track_caller]
    fn check(who: &str, statements: &[&str], expect: bool) {
        let world = World {
            person: Person {
                kind: "user".to_owned(),
                account: "111122223333".to_owned(),
                path: "/".to_owned(),
                name: "ann".to_owned(),
                id: "AIDAANNANNANNANNANNA".to_owned(),
                ..Person::default()
            },
            action: "kms:PutKeyPolicy".to_owned(),
            owner: "111122223333".to_owned(),
            context: vec![("aws:SecureTransport".to_owned(), vec!["true".to_owned()])],
            ..World::default()
        };
        let policy = attached(PolicyKind::Key, &format!(r#"{{"Statement":[{}]}}"#, statements.join(",")));
        let got = world.with_request(|request, _, _| keeps_policy_open(request, &policy, KEY));
        assert_eq!(got, expect, "{who}");
    }
}
