//! Who may retire a grant (behaviours 6.6 and RetireGrant in 4.6).

use strongroom_authz::decide::{Policies, Request};
use strongroom_authz::grants::Grant;
use strongroom_authz::proof::{Denied, WholeAccount, authorize_retirement};

use crate::world::{GrantSpec, Person, World, principal};

const OWNER: &str = "111122223333";
const FOREIGN: &str = "444455556666";
const RETIRE: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:RetireGrant","Resource":"*"}}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}}"#;

fn grant() -> Grant {
    let spec = GrantSpec {
        grantee: format!("arn:aws:iam::{OWNER}:user/grantee"),
        operations: vec!["Decrypt".to_owned()],
        ..GrantSpec::default()
    };
    Grant { retiring: Some(principal(&format!("arn:aws:iam::{FOREIGN}:user/retiring"))), ..spec.grant(0) }
}

fn user(account: &str, name: &str) -> World {
    World {
        person: Person {
            kind: "user".to_owned(),
            account: account.to_owned(),
            path: "/".to_owned(),
            name: name.to_owned(),
            id: "AIDAAAAAAAAAAAAAAAAA".to_owned(),
            ..Person::default()
        },
        action: "kms:RetireGrant".to_owned(),
        owner: OWNER.to_owned(),
        cross_account: true,
        key_policies: Some(vec![key_policy("Allow")]),
        ..World::default()
    }
}

fn key_policy(effect: &str) -> String {
    format!(r#"{{"Statement":{{"Effect":"{effect}","Principal":"*","Action":"kms:*","Resource":"*"}}}}"#)
}

fn retire(world: &World, grant: &Grant) -> Result<(), Denied> {
    world.with_request(|request: &Request<'_>, policies: &Policies<'_>, owner| {
        authorize_retirement(request, policies, grant, WholeAccount(owner)).map(drop)
    })
}

#[test]
fn the_grant_says_who_may_retire_it() {
    let with_retire = Grant { operations: grants_of(&["RetireGrant"]), ..grant() };
    let identity = |world: World, text: &str| World { identity: vec![text.to_owned()], ..world };
    check("the retiring principal, of any account", &user(FOREIGN, "retiring"), &grant(), true);
    check("somebody else of its account", &user(FOREIGN, "other"), &grant(), false);
    check("the grantee without RetireGrant", &user(OWNER, "grantee"), &grant(), false);
    check("the grantee with RetireGrant", &user(OWNER, "grantee"), &with_retire, true);
    check("a user of the issuing account", &user(OWNER, "other"), &grant(), false);
    check("a user whom the issuing account delegates to", &identity(user(OWNER, "other"), RETIRE), &grant(), true);
    check("an identity policy of another account", &identity(user(FOREIGN, "other"), RETIRE), &grant(), false);
    let root = |account: &str| {
        let person = Person { kind: "root".to_owned(), account: account.to_owned(), ..Person::default() };
        World { person, ..user(account, "") }
    };
    check("the root of the issuing account", &root(OWNER), &grant(), true);
    check("the root of another account", &root(FOREIGN), &grant(), false);
}

#[test]
fn policies_deny_or_delegate_and_never_allow() {
    let retiring = user(FOREIGN, "retiring");
    let denied_by_key = World { key_policies: Some(vec![key_policy("Deny")]), ..retiring.clone() };
    check("an explicit deny of the key policy", &denied_by_key, &grant(), false);
    let denied_by_identity = World { identity: vec![DENY.to_owned()], ..retiring };
    check("an explicit deny of an identity policy", &denied_by_identity, &grant(), false);
    let without_policies = World { key_policies: None, identity: vec![RETIRE.to_owned()], ..user(FOREIGN, "other") };
    check("an identity policy without anything else", &without_policies, &grant(), false);
    let issuer = World { key_policies: None, identity: vec![RETIRE.to_owned()], ..user(OWNER, "other") };
    let foreign_grant = Grant { issuing_account: principal(&format!("arn:aws:iam::{FOREIGN}:root")), ..grant() };
    check("a grant that another account made", &issuer, &foreign_grant, false);
}

fn grants_of(names: &[&str]) -> strongroom_authz::grants::GrantOperations {
    names.iter().map(|name| name.parse().expect("a grant operation")).collect()
}

#[track_caller]
fn check(who: &str, world: &World, grant: &Grant, expect: bool) {
    let got = retire(world, grant);
    assert_eq!(got.is_ok(), expect, "{who}: {got:?}");
}
