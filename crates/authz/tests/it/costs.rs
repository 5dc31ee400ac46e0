//! What hostile input may cost.

use std::time::{Duration, Instant};

use strongroom_authz::decide::{Cause, Decision, FaultKind, Layer};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::error::{Malformed, PolicyError};
use strongroom_authz::policy::model::PolicyKind;

use crate::world::{Person, World};

/// Bad documents are refused within this time; tests are not optimized, so it is the whole budget.
const BUDGET: Duration = Duration::from_millis(10);

#[test]
fn bad_documents_are_refused_at_once() {
    let statements = |count: usize| format!(r#"{{"Statement":[{}]}}"#, vec!["{}"; count].join(","));
    let deep = |open: &str, count: usize| format!(r#"{{"Statement":{}"#, open.repeat(count));
    let keys = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!(r#""{at}":1"#)).collect();
        format!("{{{},\"0\":1}}", members.join(","))
    };
    check(&" ".repeat(32_769), PolicyError::TooLong { bytes: 32_769, limit_bytes: 32_768 });
    check(&deep("[", 30_000), Malformed::TooDeep.into());
    check(&deep(r#"{"a":"#, 6_000), Malformed::TooDeep.into());
    check(&statements(10_000), Malformed::TooManyStatements.into());
    check(&keys(3_000), Malformed::DuplicateKey("0".into()).into());
    check(&format!(r#"{{"Id":"{}"#, "\\u0041".repeat(5_000)), Malformed::NotJson.into());

    #[track_caller]
    fn check(text: &str, expect: PolicyError) {
        let time = || {
            let start = Instant::now();
            assert_eq!(Policy::parse(PolicyKind::Key, text), Err(expect.clone()));
            start.elapsed()
        };
        // The machine is shared: one try within the budget shows that the work fits into it.
        let best = (0..200).map(|_| time()).find(|took| *took < BUDGET);
        assert!(best.is_some(), "{expect:?} takes longer than {BUDGET:?}");
    }
}

#[test]
fn costly_patterns_deny() {
    let pattern = format!("*{}", "?a".repeat(7_000));
    let condition = format!(r#""Condition":{{"StringLike":{{"kms:ViaService":"{pattern}"}}}}"#);
    let allow = format!(r#"{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",{condition}}}"#);
    let deny = format!(r#"{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",{condition}}}"#);
    let open = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
    let world = |statements: &[&str]| World {
        person: Person { kind: "root".to_owned(), account: "111122223333".to_owned(), ..Person::default() },
        action: "kms:Decrypt".to_owned(),
        resource: "arn:aws:kms:us-east-1:111122223333:key/x".to_owned(),
        owner: "111122223333".to_owned(),
        key_policies: Some(vec![format!(r#"{{"Statement":[{}]}}"#, statements.join(","))]),
        context: vec![("kms:ViaService".to_owned(), vec![format!("{}b", "a".repeat(30_000))])],
        ..World::default()
    };
    check(&world(&[&allow]), Cause::NoAllow(Layer::Resource));
    let Decision::Deny(refusal) = world(&[&deny, open]).judge() else { panic!("what cannot be evaluated denies") };
    assert!(matches!(refusal.cause, Cause::ExplicitDeny(_)), "{refusal:?}");

    #[track_caller]
    fn check(world: &World, expect: Cause) {
        let Decision::Deny(refusal) = world.judge() else { panic!("what cannot be evaluated does not allow") };
        assert_eq!(refusal.cause, expect);
        assert_eq!(refusal.faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::TooCostly]);
    }
}
