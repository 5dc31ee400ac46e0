//! Grants, from their making to their end (behaviours 4.6 and 6).

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};

use crate::fixtures::{allow, policy, smallest};
use crate::kms::{Answer, BOB, OWNER, ROOT, STRANGE_BOB, STRANGER, TestKey, TestKms, expect_code};

const REGION: &str = "us-east-1";
const DENIED: Option<&str> = Some("AccessDeniedException");
const ALICE_ARN: &str = "arn:aws:iam::111122223333:user/alice";
const BOB_ARN: &str = "arn:aws:iam::111122223333:user/bob";
const STRANGE_ALICE_ARN: &str = "arn:aws:iam::444455556666:user/alice";

/// A symmetric key that nobody but alice may use by policy.
fn alices_key(kms: &TestKms) -> TestKey {
    let body = json!({"Policy": policy(&[allow(ALICE_ARN, "kms:*")])});
    let metadata = kms.call(OpName::CreateKey, &body).unwrap();
    let text = |member: &str| metadata["KeyMetadata"][member].as_str().unwrap().to_owned();
    TestKey {
        region: REGION,
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        id: text("KeyId"),
        arn: text("Arn"),
    }
}

fn grant(kms: &TestKms, key: &TestKey, grantee: &str, operations: &[&str], extra: Value) -> Value {
    try_grant(kms, OWNER, key, grantee, operations, extra).unwrap()
}

fn try_grant(kms: &TestKms, by: &str, key: &TestKey, grantee: &str, operations: &[&str], extra: Value) -> Answer {
    let mut body = json!({"KeyId": key.arn, "GranteePrincipal": grantee, "Operations": operations});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    kms.call_as(by, REGION, OpName::CreateGrant, &body)
}

fn encrypt(kms: &TestKms, by: &str, key: &TestKey, context: Value) -> Answer {
    let mut body = smallest(OpName::Encrypt, &key.arn);
    body["EncryptionContext"] = context;
    kms.call_as(by, REGION, OpName::Encrypt, &body)
}

fn listed(kms: &TestKms, key: &TestKey, filter: Value) -> Vec<Value> {
    kms.with_key(key, OpName::ListGrants, &filter).unwrap()["Grants"].as_array().unwrap().clone()
}

#[test]
fn a_grant_allows_what_it_says_at_once_and_until_it_ends() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    expect_code(&encrypt(&kms, BOB, &key, json!({})), DENIED, "before");
    let made = grant(&kms, &key, BOB_ARN, &["Encrypt", "Encrypt"], json!({"Name": "n"}));
    expect_code(&encrypt(&kms, BOB, &key, json!({})), None, "granted");
    expect_code(&encrypt(&kms, ROOT, &key, json!({})), DENIED, "to another");
    let other = smallest(OpName::GenerateDataKey, &key.arn);
    expect_code(&kms.call_as(BOB, REGION, OpName::GenerateDataKey, &other), DENIED, "something else");

    let entries = listed(&kms, &key, json!({}));
    assert_eq!(entries.len(), 1);
    assert_eq!(
        entries[0],
        json!({
            "KeyId": key.arn, "GrantId": made["GrantId"], "Name": "n", "CreationDate": 1_790_000_000.123,
            "GranteePrincipal": BOB_ARN, "IssuingAccount": "arn:aws:iam::111122223333:root", "Operations": ["Encrypt"]
        })
    );
    assert_eq!(made["GrantId"].as_str().unwrap().len(), 64);

    let revoke = json!({"GrantId": made["GrantId"], "DryRun": true});
    expect_code(&kms.with_key(&key, OpName::RevokeGrant, &revoke), Some("DryRunOperationException"), "dry run");
    expect_code(&encrypt(&kms, BOB, &key, json!({})), None, "still there");
    let revoke = json!({"GrantId": made["GrantId"]});
    expect_code(
        &kms.call_as(BOB, REGION, OpName::RevokeGrant, &json!({"KeyId": key.arn, "GrantId": made["GrantId"]})),
        DENIED,
        "grantees do not revoke",
    );
    assert_eq!(kms.with_key(&key, OpName::RevokeGrant, &revoke).unwrap(), Value::Null);
    expect_code(&encrypt(&kms, BOB, &key, json!({})), DENIED, "revoked");
    let (code, message) = kms.with_key(&key, OpName::RevokeGrant, &revoke).unwrap_err();
    let text = format!("Grant ID {} not found", made["GrantId"].as_str().unwrap());
    assert_eq!((code.as_str(), message), ("NotFoundException", Some(text)));
}

#[test]
fn a_deny_of_the_policy_wins_over_grants() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    grant(&kms, &key, BOB_ARN, &["Encrypt"], json!({}));
    let mut deny = allow(BOB_ARN, "kms:Encrypt");
    deny["Effect"] = json!("Deny");
    let body = json!({"Policy": policy(&[allow(ALICE_ARN, "kms:*"), deny])});
    kms.with_key(&key, OpName::PutKeyPolicy, &body).unwrap();
    expect_code(&encrypt(&kms, BOB, &key, json!({})), DENIED, "denied");
    assert_eq!(listed(&kms, &key, json!({})).len(), 1, "the grant outlives the change");
}

#[test]
fn constraints_decide_by_the_encryption_context() {
    let kms = TestKms::new();
    let check = |constraints: Value, context: Value, allowed: bool| {
        let key = alices_key(&kms);
        let extra = json!({"Constraints": constraints});
        grant(&kms, &key, BOB_ARN, &["Encrypt", "DescribeKey"], extra);
        let code = if allowed { None } else { DENIED };
        expect_code(&encrypt(&kms, BOB, &key, context.clone()), code, &format!("{constraints} {context}"));
        let described = kms.call_as(BOB, REGION, OpName::DescribeKey, &json!({"KeyId": key.arn}));
        let needs_source = constraints.get("SourceArn").is_some();
        expect_code(&described, if needs_source { DENIED } else { None }, "DescribeKey has no context");
    };
    let pairs = json!({"a": "1", "b": "2"});
    check(json!({"EncryptionContextEquals": pairs}), pairs.clone(), true);
    check(json!({"EncryptionContextEquals": pairs}), json!({"a": "1"}), false);
    check(json!({"EncryptionContextEquals": pairs}), json!({"a": "1", "b": "2", "c": "3"}), false);
    check(json!({"EncryptionContextSubset": {"a": "1"}}), pairs.clone(), true);
    check(json!({"EncryptionContextSubset": {"a": "1"}}), json!({"a": "2"}), false);
    check(json!({"EncryptionContextSubset": {"a": "1"}}), json!({"A": "1"}), false);
    check(json!({"EncryptionContextSubset": {"a": "1"}}), json!({}), false);
    // Nobody calls on behalf of a resource here.
    check(json!({"SourceArn": "arn:aws:s3:us-east-1:111122223333:bucket"}), json!({}), false);
}

#[test]
fn the_same_request_with_a_name_makes_one_grant() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    let make = |extra: Value| grant(&kms, &key, BOB_ARN, &["Encrypt"], extra);
    let first = make(json!({"Name": "n"}));
    let again = make(json!({"Name": "n"}));
    assert_eq!(first["GrantId"], again["GrantId"]);
    assert_ne!(first["GrantToken"], again["GrantToken"], "each call has a token of its own");
    let other = make(json!({"Name": "n", "RetiringPrincipal": ALICE_ARN}));
    assert_ne!(first["GrantId"], other["GrantId"], "other parameters");
    assert_ne!(make(json!({}))["GrantId"], make(json!({}))["GrantId"], "no name");
    assert_eq!(listed(&kms, &key, json!({})).len(), 4);
}

#[test]
fn tokens_are_those_that_were_given_out() {
    let kms = TestKms::new();
    let (key, other) = (alices_key(&kms), alices_key(&kms));
    let made = grant(&kms, &key, BOB_ARN, &["Encrypt", "RetireGrant"], json!({}));
    let elsewhere = grant(&kms, &other, BOB_ARN, &["Encrypt"], json!({}));
    let token = made["GrantToken"].as_str().unwrap().to_owned();
    let with_tokens = |by: &str, tokens: Value| {
        let mut body = smallest(OpName::Encrypt, &key.arn);
        body["GrantTokens"] = tokens;
        kms.call_as(by, REGION, OpName::Encrypt, &body)
    };
    expect_code(&with_tokens(BOB, json!([token, elsewhere["GrantToken"]])), None, "good ones");
    expect_code(&with_tokens(ROOT, json!([token])), DENIED, "of another grantee");
    let flipped = format!("{}{}", &token[..token.len() - 2], if token.ends_with("AA") { "BB" } else { "AA" });
    for bad in ["x".to_owned(), "not a token".into(), token[1..].to_owned(), flipped] {
        expect_code(&with_tokens(BOB, json!([bad])), Some("InvalidGrantTokenException"), &bad);
        let retired = kms.call_as(BOB, REGION, OpName::RetireGrant, &json!({"GrantToken": bad}));
        expect_code(&retired, Some("InvalidGrantTokenException"), &bad);
    }
    for body in [
        json!({}),
        json!({"GrantToken": token, "KeyId": key.arn}),
        json!({"KeyId": key.arn}),
        json!({"GrantId": made["GrantId"]}),
    ] {
        expect_code(&kms.call(OpName::RetireGrant, &body), Some("ValidationException"), &body.to_string());
    }
    let body = json!({"GrantToken": token});
    assert_eq!(kms.call_as(BOB, REGION, OpName::RetireGrant, &body).unwrap(), Value::Null);
    expect_code(&kms.call_as(BOB, REGION, OpName::RetireGrant, &body), Some("NotFoundException"), "twice");
    expect_code(&with_tokens(BOB, json!([token])), DENIED, "a token of a grant that is gone");
}

#[test]
fn a_grant_says_who_may_retire_it() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    let check = |by: &str, operations: &[&str], retiring: Option<&str>, code: Option<&str>| {
        let made = grant(&kms, &key, STRANGE_ALICE_ARN, operations, json!({"RetiringPrincipal": retiring}));
        let body = json!({"KeyId": key.arn, "GrantId": made["GrantId"]});
        let what = format!("{by} {operations:?} {retiring:?}");
        expect_code(&kms.call_as(by, REGION, OpName::RetireGrant, &body), code, &what);
    };
    let strange_bob = "arn:aws:iam::444455556666:user/bob";
    check(STRANGER, &["Encrypt"], None, DENIED);
    check(STRANGER, &["Encrypt", "RetireGrant"], None, None);
    check(STRANGE_BOB, &["Encrypt", "RetireGrant"], None, DENIED);
    check(STRANGE_BOB, &["Encrypt"], Some(strange_bob), None);
    check(STRANGER, &["Encrypt"], Some(strange_bob), DENIED);
    // The account that made it, by its administrators.
    check(OWNER, &["Encrypt"], None, None);
    check(BOB, &["Encrypt"], None, None);
    check(ROOT, &["Encrypt"], Some(strange_bob), None);
    // A stranger does not learn which grants there are.
    let made = grant(&kms, &key, BOB_ARN, &["Encrypt"], json!({}));
    let text = |id: &Value| {
        let body = json!({"KeyId": key.arn, "GrantId": id});
        kms.call_as(STRANGER, REGION, OpName::RetireGrant, &body).unwrap_err()
    };
    assert_eq!(text(&made["GrantId"]), text(&json!("0".repeat(64))));
}

#[test]
fn grants_cross_accounts() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    grant(&kms, &key, STRANGE_ALICE_ARN, &["Encrypt"], json!({}));
    expect_code(&encrypt(&kms, STRANGER, &key, json!({})), None, "the grantee");
    expect_code(&encrypt(&kms, STRANGE_BOB, &key, json!({})), DENIED, "another of its account");
    grant(&kms, &key, "arn:aws:iam::444455556666:root", &["Encrypt"], json!({}));
    expect_code(&encrypt(&kms, STRANGE_BOB, &key, json!({})), None, "the account");
    let revoke = |id: &Value| {
        let body = json!({"KeyId": key.arn, "GrantId": id});
        kms.call_as(STRANGER, REGION, OpName::RevokeGrant, &body)
    };
    expect_code(&revoke(&listed(&kms, &key, json!({}))[0]["GrantId"]), DENIED, "no grant lets revoke");
}

#[test]
fn a_granted_create_grant_makes_narrower_grants_alone() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    let parent = json!({"Constraints": {"EncryptionContextSubset": {"a": "1"}}});
    grant(&kms, &key, BOB_ARN, &["CreateGrant", "Encrypt", "Decrypt"], parent);
    let check = |operations: &[&str], constraints: Value, code: Option<&str>| {
        let answer = try_grant(&kms, BOB, &key, STRANGE_ALICE_ARN, operations, json!({"Constraints": constraints}));
        expect_code(&answer, code, &format!("{operations:?} {constraints}"));
    };
    check(&["Encrypt"], json!({"EncryptionContextSubset": {"a": "1"}}), None);
    check(&["Encrypt", "CreateGrant"], json!({"EncryptionContextSubset": {"a": "1", "b": "2"}}), None);
    check(&["Encrypt"], json!({"EncryptionContextEquals": {"a": "1"}}), None);
    check(&["Encrypt"], Value::Null, DENIED);
    check(&["Encrypt"], json!({"EncryptionContextSubset": {"b": "2"}}), DENIED);
    check(&["GenerateDataKey"], json!({"EncryptionContextSubset": {"a": "1"}}), DENIED);
    check(&["Encrypt", "DescribeKey"], json!({"EncryptionContextSubset": {"a": "1"}}), DENIED);
}

#[test]
fn bad_grants_are_refused() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    let invalid = Some("ValidationException");
    let check = |key: &TestKey, change: Value, code: Option<&str>| {
        let mut body = json!({"KeyId": key.arn, "GranteePrincipal": BOB_ARN, "Operations": ["DescribeKey"]});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        expect_code(&kms.call(OpName::CreateGrant, &body), code, &change.to_string());
    };
    let service = json!({"GranteePrincipal": null, "GranteeServicePrincipal": "s3.amazonaws.com"});
    let with = |more: Value| {
        let mut body = service.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let source = json!({"SourceArn": "arn:aws:s3:us-east-1:111122223333:bucket"});
    check(&key, json!({"GranteePrincipal": null}), invalid);
    check(&key, json!({"GranteeServicePrincipal": "s3.amazonaws.com"}), invalid);
    check(&key, service.clone(), invalid);
    check(&key, with(json!({"Constraints": source})), invalid);
    check(&key, with(json!({"RetiringPrincipal": BOB_ARN})), invalid);
    check(&key, with(json!({"RetiringPrincipal": BOB_ARN, "Constraints": source})), None);
    check(&key, json!({"RetiringPrincipal": BOB_ARN, "RetiringServicePrincipal": "s3.amazonaws.com"}), invalid);
    check(&key, json!({"Operations": []}), invalid);
    check(&key, json!({"Operations": ["Sign"]}), invalid);
    check(&key, json!({"Operations": ["GetPublicKey"]}), invalid);
    for nobody in ["arn:aws:iam::111122223333:group/g", "arn:aws:s3:::b", "111122223333", "arn:aws:iam::1:user/x"] {
        check(&key, json!({"GranteePrincipal": nobody}), Some("InvalidArnException"));
        check(&key, json!({"RetiringPrincipal": nobody}), Some("InvalidArnException"));
    }
    check(&key, json!({"KeyId": "alias/a"}), Some("InvalidArnException"));
    let nine: serde_json::Map<_, _> = (0..9).map(|at| (at.to_string(), json!("v"))).collect();
    check(&key, json!({"Constraints": {"EncryptionContextSubset": nine}}), invalid);
    check(&key, json!({"Constraints": {"EncryptionContextEquals": {"a": "x".repeat(385)}}}), invalid);
    check(&key, json!({"Constraints": {"EncryptionContextEquals": {"a": "é".repeat(384)}}}), None);
    check(&key, json!({"DryRun": true}), Some("DryRunOperationException"));
    assert_eq!(listed(&kms, &key, json!({})).len(), 2);

    let signing = kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    check(&signing, json!({"Operations": ["Sign", "Verify", "GetPublicKey", "CreateGrant", "RetireGrant"]}), None);
    check(&signing, json!({"Operations": ["Encrypt"]}), invalid);
    check(&signing, json!({"Constraints": {"EncryptionContextSubset": {"a": "b"}}}), invalid);
    check(&signing, json!({"Constraints": source}), None);
    let (short, none) = (json!({"GrantId": "ab"}), json!({"GrantId": "0".repeat(64)}));
    for op in [OpName::RevokeGrant, OpName::RetireGrant, OpName::ListGrants] {
        expect_code(&kms.with_key(&key, op, &short), Some("InvalidGrantIdException"), &op.to_string());
    }
    for op in [OpName::RevokeGrant, OpName::RetireGrant] {
        expect_code(&kms.with_key(&key, op, &none), Some("NotFoundException"), &op.to_string());
    }
    assert_eq!(listed(&kms, &key, none), Vec::<Value>::new());
}

#[test]
fn grants_are_listed_in_pages_and_by_who_may_retire_them() {
    let kms = TestKms::new();
    let (key, other) = (alices_key(&kms), alices_key(&kms));
    for at in 0..23 {
        let retiring = if at % 2 == 0 { json!({"RetiringPrincipal": BOB_ARN}) } else { json!({}) };
        let grantee = if at % 3 == 0 { BOB_ARN } else { STRANGE_ALICE_ARN };
        grant(&kms, if at < 20 { &key } else { &other }, grantee, &["Encrypt"], retiring);
    }
    let pages = |op: OpName, mut body: Value| {
        let mut seen = Vec::new();
        loop {
            let page = kms.call(op, &body).unwrap();
            let grants = page["Grants"].as_array().unwrap();
            assert!(grants.len() <= 4);
            seen.extend(grants.iter().map(|grant| grant["GrantId"].as_str().unwrap().to_owned()));
            assert_eq!(page["Truncated"], json!(page.get("NextMarker").is_some()));
            let Some(marker) = page.get("NextMarker") else { break };
            body["Marker"] = marker.clone();
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "nothing twice");
        count
    };
    assert_eq!(pages(OpName::ListGrants, json!({"KeyId": key.id, "Limit": 4})), 20);
    assert_eq!(pages(OpName::ListGrants, json!({"KeyId": key.id, "Limit": 4, "GranteePrincipal": BOB_ARN})), 7);
    assert_eq!(pages(OpName::ListRetirableGrants, json!({"RetiringPrincipal": BOB_ARN, "Limit": 4})), 12);
    assert_eq!(pages(OpName::ListRetirableGrants, json!({"RetiringPrincipal": ALICE_ARN, "Limit": 4})), 0);
    let first = kms.call(OpName::ListGrants, &json!({"KeyId": key.id, "Limit": 4})).unwrap();
    for body in [json!({"KeyId": other.id, "Marker": first["NextMarker"]}), json!({"KeyId": key.id, "Marker": "x"})] {
        expect_code(&kms.call(OpName::ListGrants, &body), Some("InvalidMarkerException"), &body.to_string());
    }
    expect_code(
        &kms.call(OpName::ListGrants, &json!({"KeyId": key.id, "Limit": 101})),
        Some("ValidationException"),
        "",
    );
    let body = json!({"RetiringPrincipal": BOB_ARN});
    expect_code(&kms.call_as(STRANGER, REGION, OpName::ListRetirableGrants, &body), DENIED, "another account's");
    expect_code(&kms.call(OpName::ListRetirableGrants, &json!({})), Some("ValidationException"), "nobody");
    let body = json!({"RetiringServicePrincipal": "s3.amazonaws.com"});
    expect_code(&kms.call(OpName::ListRetirableGrants, &body), DENIED, "a service's");
}

#[test]
fn policies_grants_tags_and_tokens_survive_a_restart() {
    let kms = TestKms::new();
    let key = alices_key(&kms);
    let extra =
        json!({"Name": "n", "RetiringPrincipal": BOB_ARN, "Constraints": {"EncryptionContextSubset": {"a": "1"}}});
    let made = grant(&kms, &key, BOB_ARN, &["Encrypt"], extra.clone());
    grant(&kms, &key, STRANGE_ALICE_ARN, &["Encrypt"], json!({}));
    kms.with_key(&key, OpName::TagResource, &smallest(OpName::TagResource, &key.id)).unwrap();
    let before = listed(&kms, &key, json!({}));
    let tags = kms.with_key(&key, OpName::ListResourceTags, &json!({})).unwrap();
    let document = kms.with_key(&key, OpName::GetKeyPolicy, &json!({})).unwrap();

    let kms = kms.restarted();
    expect_code(&encrypt(&kms, ROOT, &key, json!({"a": "1"})), DENIED, "the policy");
    expect_code(&encrypt(&kms, BOB, &key, json!({"a": "1"})), None, "the grant");
    expect_code(&encrypt(&kms, BOB, &key, json!({})), DENIED, "its constraint");
    assert_eq!(listed(&kms, &key, json!({})), before);
    assert_eq!(kms.with_key(&key, OpName::ListResourceTags, &json!({})).unwrap(), tags);
    assert_eq!(kms.with_key(&key, OpName::GetKeyPolicy, &json!({})).unwrap(), document);
    assert_eq!(grant(&kms, &key, BOB_ARN, &["Encrypt"], extra)["GrantId"], made["GrantId"]);
    let body = json!({"GrantToken": made["GrantToken"]});
    expect_code(&kms.call_as(BOB, REGION, OpName::RetireGrant, &body), None, "an old token");
    let kms = kms.restarted();
    expect_code(&encrypt(&kms, BOB, &key, json!({"a": "1"})), DENIED, "retired for good");
    assert_eq!(listed(&kms, &key, json!({})).len(), 1);
}
