//! What a decision keeps: the grant or statement that allowed, and of a refusal how everything met the request.

use strongroom_authz::decide::{Allowed, Decision, FaultKind, Layer, Outcome, ResourceBasis};
use strongroom_authz::grants::GrantOutcome;
use strongroom_authz::policy::Grade;
use strongroom_authz::proof::{WholeAccount, authorize};
use strongroom_core::ids::GrantId;

use crate::world::{GrantSpec, Person, World};

fn world(statements: &str) -> World {
    World {
        person: Person {
            kind: "user".to_owned(),
            account: "111122223333".to_owned(),
            path: "/".to_owned(),
            name: "ann".to_owned(),
            id: "AIDAANNANNANNANNANNA".to_owned(),
            ..Person::default()
        },
        action: "kms:Decrypt".to_owned(),
        resource: "*".to_owned(),
        owner: "111122223333".to_owned(),
        key_policies: Some(vec![format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)]),
        encryption_context: Some(vec![("app".to_owned(), "ledger".to_owned())]),
        ..World::default()
    }
}

fn grant(operation: &str, subset: &[(&str, &str)]) -> GrantSpec {
    let pairs = subset.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    GrantSpec {
        grantee: "arn:aws:iam::111122223333:user/ann".to_owned(),
        operations: vec![operation.to_owned()],
        subset: Some(pairs),
        ..GrantSpec::default()
    }
}

const BOB: &str =
    r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Action":"kms:*","Resource":"*"}"#;

#[test]
fn the_proof_names_the_grant_that_allowed() {
    let world = World { grants: vec![grant("Encrypt", &[]), grant("Decrypt", &[("app", "ledger")])], ..world(BOB) };
    let proof = world
        .with_request(|request, policies, owner| authorize(request, policies, WholeAccount(owner)))
        .expect("the second grant allows");
    assert_eq!(proof.decision().grant(), Some(GrantId([1; 32])));
    assert_eq!(proof.action().to_string(), "kms:Decrypt");
}

#[test]
fn the_proof_names_the_statements_that_allowed() {
    let account =
        r#"{"Sid":"Account","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;
    let other = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    let own = r#"{"Sid":"Own","Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
    let identity = format!(r#"{{"Statement":[{other},{own}]}}"#);
    let Decision::Allow(Allowed::Policies {
        resource: Some(ResourceBasis::Statement(resource)),
        identity: Some(identity),
    }) = (World { identity: vec![identity], ..world(&format!("{BOB},{account}")) }).judge()
    else {
        panic!("both sides allow")
    };
    assert_eq!((resource.layer, resource.statement, resource.sid.as_deref()), (Layer::Resource, 1, Some("Account")));
    assert_eq!((identity.layer, identity.statement, identity.sid.as_deref()), (Layer::Identity, 1, Some("Own")));
}

#[test]
fn a_refusal_tells_how_everything_met_the_request() {
    let with_condition = |condition: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*",
                "Condition":{{"StringEquals":{{"kms:EncryptionContext:app":"ledger"}},{condition}}}}}"#
        )
    };
    let statements = [
        BOB.to_owned(),
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#.to_owned(),
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:s3:::a"}"#.to_owned(),
        with_condition(r#""StringLike":{"kms:ViaService":"*"}"#),
        with_condition(r#""NumericEquals":{"kms:EncryptionContext:app":"1"}"#),
        r#"{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            .to_owned(),
    ];
    let grants = vec![grant("Encrypt", &[]), grant("Decrypt", &[("app", "x")])];
    let world = World { grants, ..world(&statements.join(",")) };
    let denied = world
        .with_request(|request, policies, owner| authorize(request, policies, WholeAccount(owner)).map(drop))
        .expect_err("nothing allows");
    let trace = &denied.refusal().trace;
    let outcomes: Vec<_> = trace.statements.iter().map(|row| row.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::OtherPrincipal,
            Outcome::OtherAction,
            Outcome::OtherResource,
            Outcome::ConditionFails(1),
            Outcome::Fault(FaultKind::WrongType),
            Outcome::ConditionFails(0),
        ]
    );
    let grants: Vec<_> = trace.grants.iter().map(|row| row.1).collect();
    assert_eq!(grants, [GrantOutcome::OtherOperation, GrantOutcome::OtherContext]);
    let faults: Vec<_> = denied.refusal().faults.iter().map(|fault| (fault.at.statement, fault.kind)).collect();
    assert_eq!(faults, [(4, FaultKind::WrongType)]);
    assert!(!denied.for_caller().contains("ledger"), "the caller reads AWS's message and nothing more");
}

#[test]
fn a_trace_goes_on_where_a_decision_stops() {
    let open = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}"#;
    let (decision, trace) = world(&format!("{open},{open}")).explain();
    assert!(decision.is_allow());
    let outcomes: Vec<_> = trace.statements.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Applies(Grade::Direct); 2]);
}
