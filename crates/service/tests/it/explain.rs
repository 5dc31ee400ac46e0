//! What an operator learns about decisions, and that a caller learns none of it.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::{Explanation, Question, Supposition, Who};

use crate::fixtures::{allow, allow_account, policy, smallest};
use crate::kms::{BOB, OWNER, ROOT, STRANGER, TestKey, TestKms};
use crate::query::Signer;

const REGION: &str = "us-east-1";
const ALICE_ARN: &str = "arn:aws:iam::111122223333:user/alice";
const BOB_ARN: &str = "arn:aws:iam::111122223333:user/bob";
const ROOT_ARN: &str = "arn:aws:iam::111122223333:root";
const STRANGE_ALICE_ARN: &str = "arn:aws:iam::444455556666:user/alice";

fn key_with(kms: &TestKms, statements: &[Value]) -> TestKey {
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    put_policy(kms, &key, statements);
    key
}

fn put_policy(kms: &TestKms, key: &TestKey, statements: &[Value]) {
    let body = json!({"KeyId": key.id, "Policy": policy(statements), "BypassPolicyLockoutSafetyCheck": true});
    kms.call_as(ROOT, REGION, OpName::PutKeyPolicy, &body).unwrap();
}

fn when(mut statement: Value, sid: &str, condition: Value) -> Value {
    statement["Condition"] = condition;
    statement["Sid"] = json!(sid);
    statement
}

/// Calls, and asks why the answer was what it was.
fn explained(kms: &TestKms, caller: &str, op: OpName, body: &Value) -> Explanation {
    let id = kms.request_id_of(caller, REGION, op, body);
    kms.node().explain(&id).unwrap_or_else(|error| panic!("{op} by {caller}: {error}"))
}

#[test]
fn a_refusal_names_the_condition_that_failed() {
    let kms = TestKms::new();
    let condition = json!({"StringEquals": {"kms:EncryptionContext:app": ["ledger", "audit"]}});
    let key = key_with(&kms, &[when(allow(ALICE_ARN, "kms:Encrypt"), "Ledger", condition)]);
    let body = json!({"KeyId": key.arn, "Plaintext": "AA==", "EncryptionContext": {"app": "other"}});
    let told = explained(&kms, OWNER, OpName::Encrypt, &body);
    let [decision] = told.decisions.as_slice() else { panic!("one decision: {told:?}") };
    assert!(!told.allowed && !decision.allowed);
    assert_eq!((decision.principal.as_str(), decision.action.as_str()), (ALICE_ARN, "kms:Encrypt"));
    assert_eq!(decision.resource, key.arn);
    assert_eq!(decision.reason, "no resource-based policy allows kms:Encrypt");
    let statement = &decision.statements[0];
    assert_eq!((statement.sid.as_deref(), statement.matched), (Some("Ledger"), false));
    let failed = statement.failed_condition.as_ref().unwrap();
    assert_eq!((failed.operator.as_str(), failed.key.as_str()), ("StringEquals", "kms:EncryptionContext:app"));
    assert_eq!(
        (failed.wanted.as_slice(), failed.actual.as_slice()),
        (&["ledger".to_owned(), "audit".into()][..], &["other".to_owned()][..])
    );
    // The caller's identity policy is looked at all the same.
    assert!(decision.statements.iter().any(|own| own.policy_type == "identity-based policy" && own.matched));
}

#[test]
fn what_was_allowed_is_explained_too() {
    let kms = TestKms::new();
    let tls = json!({"Bool": {"aws:SecureTransport": "false"}});
    let mut deny = when(allow("*", "kms:Sign"), "Tls", tls);
    deny["Effect"] = json!("Deny");
    let key = key_with(&kms, &[allow_account(), deny]);
    let told = explained(&kms, OWNER, OpName::Encrypt, &smallest(OpName::Encrypt, &key.arn));
    let decision = &told.decisions[0];
    assert!(told.allowed && decision.reason.ends_with("allow it"), "{told:?}");
    assert!(decision.reason.contains("AdministratorAccess"), "{told:?}");
    let outcomes: Vec<_> = decision.statements.iter().map(|own| own.outcome.as_str()).collect();
    assert_eq!(outcomes, ["applies: leaves it to the caller's own policies", "is about other actions", "applies"]);
    assert_eq!(decision.values[0].key, "aws:SecureTransport");
    assert_eq!(decision.values[0].values, ["false"]);
}

#[test]
fn grants_are_named() {
    let kms = TestKms::new();
    let manage = when(allow(ROOT_ARN, "kms:*"), "Root", json!({"ArnEquals": {"aws:PrincipalArn": ROOT_ARN}}));
    let key = key_with(&kms, &[manage]);
    let grant = json!({
        "KeyId": key.arn, "GranteePrincipal": ALICE_ARN, "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"volume": "7"}},
    });
    let made = kms.call_as(ROOT, REGION, OpName::CreateGrant, &grant).unwrap();
    let id = made["GrantId"].as_str().unwrap();
    let told = |volume: &str| {
        let body = json!({"KeyId": key.arn, "Plaintext": "AA==", "EncryptionContext": {"volume": volume}});
        explained(&kms, OWNER, OpName::Encrypt, &body)
    };
    let allowed = told("7");
    assert!(allowed.allowed && allowed.decisions[0].reason.contains(&format!("grant {id}")), "{allowed:?}");
    assert_eq!((allowed.decisions[0].grants[0].grant_id.as_str(), allowed.decisions[0].grants[0].matched), (id, true));
    let refused = told("8");
    let grant = &refused.decisions[0].grants[0];
    assert_eq!((refused.allowed, grant.matched), (false, false));
    assert_eq!(grant.outcome, "constrains the encryption context to another one");
}

/// The operator learns what the stranger must not.
#[test]
fn strangers_are_explained_to_the_operator_alone() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let absent = key.arn.replace(&key.id, "00000000-0000-4000-8000-000000000000");
    let there = explained(&kms, STRANGER, OpName::DescribeKey, &json!({"KeyId": key.arn}));
    let nowhere = explained(&kms, STRANGER, OpName::DescribeKey, &json!({"KeyId": absent}));
    assert!(there.decisions[0].reason.contains("belongs to another account"), "{there:?}");
    assert!(nowhere.decisions[0].reason.contains("does not exist"), "{nowhere:?}");
    assert!(!there.allowed && !nowhere.allowed);
}

#[test]
fn every_decision_of_a_request_is_kept() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let alias = explained(&kms, OWNER, OpName::CreateAlias, &smallest(OpName::CreateAlias, &key.id));
    let resources: Vec<_> = alias.decisions.iter().map(|decision| decision.resource.as_str()).collect();
    assert_eq!(resources, ["arn:aws:kms:us-east-1:111122223333:alias/app", key.arn.as_str()]);
    let list = explained(&kms, OWNER, OpName::ListKeys, &json!({}));
    assert_eq!(list.decisions[0].resource, "*");
}

#[test]
fn what_is_not_kept_is_not_made_up() {
    let kms = TestKms::new();
    for id in ["", "x", "00000000-0000-4000-8000-000000000000"] {
        assert!(kms.node().explain(id).unwrap_err().to_string().contains("no decision of request"), "{id}");
    }
    // A request that came to no decision.
    let id = kms.request_id_of(OWNER, REGION, OpName::DescribeKey, &json!({}));
    assert!(kms.node().explain(&id).is_err());
}

fn simulate(kms: &TestKms, supposition: &Supposition) -> Explanation {
    kms.runtime().block_on(kms.node().simulate(supposition)).unwrap()
}

#[test]
fn a_supposed_request_is_decided_as_a_sent_one() {
    let kms = TestKms::new();
    let ledger = json!({"StringEquals": {"kms:EncryptionContext:app": "ledger"}});
    let network = json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}});
    let via_alias = json!({"StringEquals": {"kms:RequestAlias": "alias/app"}});
    let key = key_with(
        &kms,
        &[
            when(allow(ALICE_ARN, "kms:Encrypt"), "Ledger", ledger),
            when(allow(BOB_ARN, "kms:Decrypt"), "Network", network),
            when(allow(BOB_ARN, "kms:DescribeKey"), "Alias", via_alias),
            when(allow(ROOT_ARN, "kms:*"), "Root", json!({"ArnEquals": {"aws:PrincipalArn": ROOT_ARN}})),
        ],
    );
    kms.call_as(ROOT, REGION, OpName::CreateAlias, &smallest(OpName::CreateAlias, &key.id)).unwrap();
    let base = |principal: &str, operation: &str| Supposition {
        principal: principal.into(),
        operation: operation.into(),
        key: Some(key.arn.clone()),
        ..Supposition::default()
    };
    let check = |supposition: &Supposition, allowed: bool| {
        let told = simulate(&kms, supposition);
        assert_eq!(told.allowed, allowed, "{supposition:?}: {told:#?}");
        told
    };
    check(&base(ALICE_ARN, "Encrypt"), false);
    let pairs = |app: &str| Some([("app".to_owned(), app.to_owned())].into());
    check(&Supposition { encryption_context: pairs("ledger"), ..base(ALICE_ARN, "Encrypt") }, true);
    check(&Supposition { encryption_context: pairs("other"), ..base(ALICE_ARN, "kms:Encrypt") }, false);
    let from = |ip: &str| Some(ip.parse().unwrap());
    let refused = check(&base(BOB_ARN, "Decrypt"), false);
    let failed = refused.decisions[0].statements[1].failed_condition.as_ref().unwrap();
    assert!(failed.key == "aws:SourceIp" && failed.actual.is_empty(), "{failed:?}");
    check(&Supposition { source_ip: from("203.0.113.9"), ..base(BOB_ARN, "Decrypt") }, true);
    check(&Supposition { source_ip: from("192.0.2.9"), ..base(BOB_ARN, "Decrypt") }, false);
    check(&Supposition { key: Some("alias/app".into()), ..base(BOB_ARN, "DescribeKey") }, true);
    check(&base(BOB_ARN, "DescribeKey"), false);
    check(&base(ROOT_ARN, "Encrypt"), true);
    check(&base(OWNER, "ReEncrypt"), true);
    check(&base(STRANGE_ALICE_ARN, "Encrypt"), false);
    check(&base("anonymous", "Encrypt"), false);
    check(&base("ec2.amazonaws.com", "Encrypt"), false);
    check(&Supposition { key: None, ..base(ALICE_ARN, "CreateKey") }, true);
    check(&Supposition { key: Some("alias/app".into()), ..base(ALICE_ARN, "DeleteAlias") }, false);
    assert_eq!(simulate(&kms, &base(ROOT_ARN, "ReEncrypt")).decisions.len(), 2);
}

#[test]
fn suppositions_that_make_no_sense() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let base = Supposition {
        principal: ALICE_ARN.into(),
        operation: "Encrypt".into(),
        key: Some(key.arn.clone()),
        ..Supposition::default()
    };
    let check = |supposition: Supposition, expect: &str| {
        let error = kms.runtime().block_on(kms.node().simulate(&supposition)).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(Supposition { operation: "Encript".into(), ..base.clone() }, "Encript is not an operation");
    check(Supposition { key: None, ..base.clone() }, "name one");
    check(Supposition { key: Some("alias/none".into()), ..base.clone() }, "there is no key alias/none");
    check(Supposition { region: Some("nowhere".into()), key: Some("alias/x".into()), ..base.clone() }, "not a Region");
    let context = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    check(Supposition { context: context("oops", "x"), ..base.clone() }, "no condition key is called oops");
    check(Supposition { context: context("aws:CurrentTime", "later"), ..base.clone() }, "is not a value of");
    check(Supposition { context: context("aws:PrincipalArn", "x"), ..base.clone() }, "follows from the principal");
    for nobody in
        ["", "ann", "arn:aws:iam::111122223333:user/nobody", "arn:aws:iam::111122223333:group/x", "arn:aws:s3:::x"]
    {
        check(Supposition { principal: nobody.into(), ..base.clone() }, "there is no principal");
    }
}

#[test]
fn who_can_is_told_with_what_remains_open() {
    let kms = TestKms::new();
    let ledger = json!({"StringEquals": {"kms:EncryptionContext:app": "ledger"}});
    let mut tls = when(allow("*", "kms:*"), "Tls", json!({"Bool": {"aws:SecureTransport": "false"}}));
    tls["Effect"] = json!("Deny");
    let mut not_bob = when(allow(BOB_ARN, "kms:Decrypt"), "NotBob", json!({"Null": {"aws:PrincipalArn": "false"}}));
    not_bob["Effect"] = json!("Deny");
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let grant = json!({
        "KeyId": key.arn, "GranteePrincipal": "arn:aws:iam::444455556666:user/bob", "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextEquals": {"volume": "7"}},
    });
    kms.call_as(ROOT, REGION, OpName::CreateGrant, &grant).unwrap();
    put_policy(
        &kms,
        &key,
        &[
            when(allow(ROOT_ARN, "kms:*"), "Root", json!({"ArnEquals": {"aws:PrincipalArn": ROOT_ARN}})),
            when(allow(ALICE_ARN, "kms:Decrypt"), "Ledger", ledger),
            allow(BOB_ARN, "kms:*"),
            allow(STRANGE_ALICE_ARN, "kms:Decrypt"),
            tls,
            not_bob,
        ],
    );
    let ask = |operation: &str| {
        let question = Question { operation: operation.into(), key: key.arn.clone(), ..Question::default() };
        kms.runtime().block_on(kms.node().who_can(&question)).unwrap()
    };
    let told = ask("Decrypt");
    let names: Vec<_> = told.principals.iter().map(|who| who.principal.as_str()).collect();
    let strange_bob = "arn:aws:iam::444455556666:user/bob";
    assert_eq!(names, [ROOT_ARN, ALICE_ARN, STRANGE_ALICE_ARN, strange_bob], "{told:#?}");
    let of = |name: &str| -> &Who { told.principals.iter().find(|who| who.principal == name).unwrap() };
    let alice = of(ALICE_ARN);
    let condition = &alice.by[0].conditions[0];
    assert_eq!((condition.key.as_str(), condition.wanted[0].as_str()), ("kms:EncryptionContext:app", "ledger"));
    assert!(alice.unless[0].what.contains("(Tls)"), "{alice:?}");
    assert_eq!(alice.unless[0].conditions[0].key, "aws:SecureTransport");
    let by_grant = of(strange_bob).by.iter().find(|by| by.what.starts_with("grant ")).unwrap();
    assert_eq!(by_grant.conditions[0].wanted, ["volume=7"]);
    assert_eq!(
        ask("ScheduleKeyDeletion").principals.iter().map(|who| who.principal.as_str()).collect::<Vec<_>>(),
        [ROOT_ARN, BOB_ARN]
    );
}

/// Who is said to be able is, when what remains open is met, and the others are not.
#[test]
fn who_can_agrees_with_decisions() {
    let kms = TestKms::new();
    let key = key_with(&kms, &[allow_account(), allow(STRANGE_ALICE_ARN, "kms:DescribeKey")]);
    for op in OpName::ALL.iter().filter(|op| smallest(**op, "x").get("KeyId").is_some()) {
        let question = Question { operation: op.to_string(), key: key.arn.clone(), ..Question::default() };
        let told = kms.runtime().block_on(kms.node().who_can(&question)).unwrap();
        let can = |name: &str| told.principals.iter().any(|who| who.principal == name);
        for (caller, arn) in [(OWNER, ALICE_ARN), (BOB, BOB_ARN), (STRANGER, STRANGE_ALICE_ARN)] {
            let supposition = Supposition {
                principal: arn.into(),
                operation: op.to_string(),
                key: Some(key.arn.clone()),
                ..Supposition::default()
            };
            assert_eq!(can(arn), simulate(&kms, &supposition).allowed, "{op} by {caller}: {told:?}");
        }
    }
}

/// Decisions of IAM and STS are kept as those of KMS are.
#[test]
fn decisions_of_iam_are_kept_too() {
    let kms = TestKms::new();
    let signer = Signer::configured(OWNER, "iam");
    let reply = kms.iam(Some(&signer), "GetUser&UserName=bob");
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = kms.node().explain(&reply.get("RequestId").unwrap()).unwrap();
    assert_eq!((told.operation.as_str(), told.allowed), ("GetUser", true));
    assert_eq!(told.decisions[0].resource, BOB_ARN);
    assert!(told.decisions[0].reason.contains("AdministratorAccess"), "{told:?}");
}
