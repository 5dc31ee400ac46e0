//! Key policies decide, as AWS decides (behaviours 7): each row is a policy, a caller and what becomes of a call.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};

use crate::fixtures::{allow, allow_account, policy, smallest};
use crate::kms::{BOB, OWNER, ROOT, STRANGE_BOB, STRANGER, TestKey, TestKms, expect_code};

const REGION: &str = "us-east-1";
const ALICE_ARN: &str = "arn:aws:iam::111122223333:user/alice";
const BOB_ARN: &str = "arn:aws:iam::111122223333:user/bob";
const ROOT_ARN: &str = "arn:aws:iam::111122223333:root";
const STRANGE_ALICE_ARN: &str = "arn:aws:iam::444455556666:user/alice";

fn deny(principal: &str, action: &str) -> Value {
    let mut statement = allow(principal, action);
    statement["Effect"] = json!("Deny");
    statement
}

fn when(mut statement: Value, condition: Value) -> Value {
    statement["Condition"] = condition;
    statement
}

/// A symmetric key that only lets the root manage it, and beside that what `statements` say.
fn key_with(kms: &TestKms, statements: &[Value]) -> TestKey {
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    put(kms, &key, statements);
    key
}

fn put(kms: &TestKms, key: &TestKey, statements: &[Value]) {
    let manage = ["kms:PutKeyPolicy", "kms:GetKeyPolicy"].map(|action| {
        // The account's principals but the root are kept out.
        when(allow(ROOT_ARN, action), json!({"ArnEquals": {"aws:PrincipalArn": ROOT_ARN}}))
    });
    let text = policy(&[&manage[..], statements].concat());
    let body = json!({"KeyId": key.id, "Policy": text, "BypassPolicyLockoutSafetyCheck": true});
    // Whoever may at present.
    let put = kms.call_as(ROOT, REGION, OpName::PutKeyPolicy, &body);
    expect_code(&put, None, &text);
}

#[test]
fn the_key_policy_decides() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let check = |statements: &[Value], caller: &str, op: OpName, allowed: bool| {
        put(&kms, &key, statements);
        let answer = kms.call_as(caller, REGION, op, &smallest(op, &key.arn));
        let code = (!allowed).then_some("AccessDeniedException");
        expect_code(&answer, code, &format!("{caller} {op} {statements:?}"));
    };
    let encrypt = OpName::Encrypt;
    // The account decides, and every principal of it is an administrator.
    check(&[allow_account()], OWNER, encrypt, true);
    check(&[allow_account()], BOB, encrypt, true);
    check(&[allow_account()], ROOT, encrypt, true);
    check(&[allow_account()], STRANGER, encrypt, false);
    check(&[allow("111122223333", "kms:*")], BOB, encrypt, true);
    // Without that statement nobody but who is named, not even the root.
    check(&[], OWNER, encrypt, false);
    check(&[], ROOT, encrypt, false);
    check(&[allow(BOB_ARN, "kms:Encrypt")], BOB, encrypt, true);
    check(&[allow(BOB_ARN, "kms:Encrypt")], OWNER, encrypt, false);
    check(&[allow(BOB_ARN, "kms:Encrypt")], ROOT, encrypt, false);
    check(&[allow(BOB_ARN, "KMS:encr*")], BOB, encrypt, true);
    check(&[allow(BOB_ARN, "kms:Decrypt")], BOB, encrypt, false);
    check(&[allow(BOB_ARN, "kms:GenerateDataKey")], BOB, OpName::GenerateDataKeyWithoutPlaintext, false);
    check(&[allow("*", "kms:Encrypt")], OWNER, encrypt, true);
    // An explicit deny wins.
    check(&[allow_account(), deny(BOB_ARN, "kms:Encrypt")], BOB, encrypt, false);
    check(&[allow_account(), deny(BOB_ARN, "kms:Encrypt")], OWNER, encrypt, true);
    check(&[allow_account(), deny("*", "kms:*crypt")], ROOT, encrypt, false);
    check(&[allow_account(), deny("*", "kms:*crypt")], ROOT, OpName::DescribeKey, true);
    // Across accounts both sides must allow; the other side's principals are administrators there.
    check(&[allow(STRANGE_ALICE_ARN, "kms:Encrypt")], STRANGER, encrypt, true);
    check(&[allow(STRANGE_ALICE_ARN, "kms:Encrypt")], STRANGE_BOB, encrypt, false);
    check(&[allow("444455556666", "kms:Encrypt")], STRANGE_BOB, encrypt, true);
    check(&[allow("*", "kms:Encrypt")], STRANGE_BOB, encrypt, true);
    check(&[allow("444455556666", "kms:*")], STRANGER, OpName::DescribeKey, true);
    // Some operations have no effect across accounts (behaviours 2.6).
    check(&[allow("444455556666", "kms:*")], STRANGER, OpName::DisableKey, false);
    check(&[allow("444455556666", "kms:*")], STRANGER, OpName::PutKeyPolicy, false);
    check(&[allow("444455556666", "kms:*")], STRANGER, OpName::TagResource, false);
    // The alias side is the account's, the key side is the key's.
    check(&[allow(BOB_ARN, "kms:CreateAlias")], OWNER, OpName::CreateAlias, false);
    check(&[allow(BOB_ARN, "kms:CreateAlias")], BOB, OpName::CreateAlias, true);
    check(&[], BOB, OpName::DeleteAlias, false);
    check(&[allow(BOB_ARN, "kms:DeleteAlias")], BOB, OpName::DeleteAlias, true);
}

#[test]
fn refusals_read_as_those_of_aws() {
    let kms = TestKms::new();
    let key = key_with(&kms, &[allow_account(), deny(BOB_ARN, "kms:Encrypt")]);
    let text = |caller: &str| {
        let body = smallest(OpName::Encrypt, &key.arn);
        kms.call_as(caller, REGION, OpName::Encrypt, &body).unwrap_err().1.unwrap()
    };
    let head = format!("is not authorized to perform: kms:Encrypt on resource: {}", key.arn);
    assert_eq!(text(BOB), format!("User: {BOB_ARN} {head} with an explicit deny in a resource-based policy"));
    put(&kms, &key, &[]);
    assert_eq!(
        text(OWNER),
        format!("User: {ALICE_ARN} {head} because no resource-based policy allows the kms:Encrypt action")
    );
}

/// What a policy can ask of requests: with the condition the call is allowed, with another value it is not.
#[test]
fn conditions_see_the_request() {
    let kms = TestKms::new();
    let symmetric = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let signing = kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let mac = kms.create_key(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let agreement = kms.create_key(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    let alias = json!({"AliasName": "alias/app", "TargetKeyId": symmetric.id});
    kms.call(OpName::CreateAlias, &alias).unwrap();
    let peer = kms.with_key(&agreement, OpName::GetPublicKey, &json!({})).unwrap();

    let check = |key: &TestKey, op: OpName, extra: Value, operator: &str, name: &str, good: Value, bad: Value| {
        let mut body = smallest(op, &key.arn);
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        for (value, code) in [(good, None), (bad, Some("AccessDeniedException"))] {
            let condition = json!({operator: {name: value}});
            put(&kms, key, &[when(allow(ALICE_ARN, "kms:*"), condition.clone())]);
            expect_code(&kms.call(op, &body), code, &format!("{op} {condition}"));
        }
    };
    let is = "StringEquals";
    let context = json!({"EncryptionContext": {"Team": "a", "x": "y"}});
    let key = &symmetric;
    let none = json!({});
    let grant = json!({
        "GranteePrincipal": BOB_ARN, "RetiringPrincipal": ALICE_ARN, "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"team": "a"}, "SourceArn": "arn:aws:s3:us-east-1:111122223333:b"},
    });
    let service_grant = {
        let mut body = grant.clone();
        body["GranteePrincipal"] = Value::Null;
        body["RetiringPrincipal"] = Value::Null;
        body["GranteeServicePrincipal"] = json!("s3.amazonaws.com");
        body["RetiringServicePrincipal"] = json!("ec2.amazonaws.com");
        body
    };
    check(key, OpName::Encrypt, context.clone(), is, "kms:EncryptionContext:team", json!("a"), json!("b"));
    let keys = "kms:EncryptionContextKeys";
    check(key, OpName::GenerateDataKey, context, "ForAllValues:StringEquals", keys, json!(["Team", "x"]), json!(["x"]));
    check(key, OpName::Encrypt, none.clone(), "Null", keys, json!("true"), json!("false"));
    check(key, OpName::Encrypt, none.clone(), is, "kms:EncryptionAlgorithm", json!("SYMMETRIC_DEFAULT"), json!("x"));
    check(
        key,
        OpName::GenerateDataKeyPair,
        none.clone(),
        is,
        "kms:DataKeyPairSpec",
        json!("ECC_NIST_P256"),
        json!("SM2"),
    );
    let named = json!({"KeyId": "alias/app"});
    check(key, OpName::Encrypt, named, is, "kms:RequestAlias", json!("alias/app"), json!("alias/x"));
    let named = json!({"KeyId": "arn:aws:kms:us-east-1:111122223333:alias/app"});
    check(key, OpName::DescribeKey, named, "StringLike", "kms:RequestAlias", json!("alias/a*"), json!("alias/b*"));
    check(key, OpName::DescribeKey, none.clone(), "Null", "kms:RequestAlias", json!("true"), json!("false"));
    check(key, OpName::DescribeKey, none.clone(), is, "kms:KeySpec", json!("SYMMETRIC_DEFAULT"), json!("SM2"));
    check(key, OpName::DescribeKey, none.clone(), is, "kms:KeyUsage", json!("ENCRYPT_DECRYPT"), json!("SIGN_VERIFY"));
    check(key, OpName::DescribeKey, none.clone(), is, "kms:KeyOrigin", json!("AWS_KMS"), json!("EXTERNAL"));
    check(key, OpName::DescribeKey, none.clone(), "Bool", "kms:MultiRegion", json!("false"), json!("true"));
    check(key, OpName::DescribeKey, none.clone(), "Null", "kms:MultiRegionKeyType", json!("true"), json!("false"));
    check(key, OpName::DescribeKey, none.clone(), is, "kms:CallerAccount", json!(OWNER), json!(STRANGER));
    check(key, OpName::DescribeKey, none.clone(), "Null", "kms:ViaService", json!("true"), json!("false"));
    check(
        key,
        OpName::DescribeKey,
        none.clone(),
        "IpAddress",
        "aws:SourceIp",
        json!("127.0.0.0/8"),
        json!("10.0.0.0/8"),
    );
    check(key, OpName::DescribeKey, none.clone(), "Bool", "aws:SecureTransport", json!("false"), json!("true"));
    check(key, OpName::DescribeKey, none.clone(), is, "aws:RequestedRegion", json!(REGION), json!("eu-west-1"));
    check(key, OpName::DescribeKey, none.clone(), is, "aws:username", json!("alice"), json!("bob"));
    let (before, after) = (json!("2020-01-01T00:00:00Z"), json!("2040-01-01T00:00:00Z"));
    check(key, OpName::DescribeKey, none.clone(), "DateGreaterThan", "aws:CurrentTime", before, after);
    check(key, OpName::GetKeyPolicy, none.clone(), is, "kms:PolicyName", json!("default"), json!("AWS_RAM"));
    let window = "kms:ScheduleKeyDeletionPendingWindowInDays";
    let gone = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let days = json!({"PendingWindowInDays": 7});
    check(&gone, OpName::ScheduleKeyDeletion, days, "NumericEquals", window, json!("7"), json!("8"));
    check(key, OpName::CreateGrant, grant.clone(), is, "kms:GranteePrincipal", json!(BOB_ARN), json!(ALICE_ARN));
    check(key, OpName::CreateGrant, grant.clone(), is, "kms:RetiringPrincipal", json!(ALICE_ARN), json!(BOB_ARN));
    let operations = "kms:GrantOperations";
    let (good, bad) = (json!(["Decrypt", "Encrypt"]), json!(["Decrypt"]));
    check(key, OpName::CreateGrant, grant.clone(), "ForAllValues:StringEquals", operations, good, bad);
    let kind = "kms:GrantConstraintType";
    let (good, bad) = (json!("EncryptionContextSubset"), json!("EncryptionContextEquals"));
    check(key, OpName::CreateGrant, grant.clone(), is, kind, good, bad);
    let (source, good) = ("kms:GrantConstraintSourceArn", json!("arn:aws:s3:*:111122223333:b"));
    check(key, OpName::CreateGrant, grant.clone(), "ArnLike", source, good, json!("arn:aws:s3:::c"));
    check(key, OpName::CreateGrant, grant.clone(), is, "kms:EncryptionContext:team", json!("a"), json!("b"));
    let for_aws = "kms:GrantIsForAWSResource";
    check(key, OpName::CreateGrant, grant, "Bool", for_aws, json!("false"), json!("true"));
    let name = "kms:GranteeServicePrincipal";
    check(
        key,
        OpName::CreateGrant,
        service_grant.clone(),
        is,
        name,
        json!("s3.amazonaws.com"),
        json!("x.amazonaws.com"),
    );
    let name = "kms:RetiringServicePrincipal";
    check(key, OpName::CreateGrant, service_grant, is, name, json!("ec2.amazonaws.com"), json!("x.amazonaws.com"));
    check(key, OpName::ListGrants, none.clone(), "Bool", for_aws, json!("false"), json!("true"));
    check(key, OpName::TagResource, none.clone(), is, "aws:RequestTag/A", json!("b"), json!("c"));
    check(key, OpName::TagResource, none.clone(), "ForAnyValue:StringEquals", "aws:TagKeys", json!("a"), json!("b"));
    check(key, OpName::UntagResource, none.clone(), "ForAnyValue:StringEquals", "aws:TagKeys", json!("a"), json!("b"));
    check(&signing, OpName::Sign, none.clone(), is, "kms:SigningAlgorithm", json!("ECDSA_SHA_256"), json!("x"));
    check(&signing, OpName::Sign, none.clone(), is, "kms:MessageType", json!("RAW"), json!("DIGEST"));
    check(&mac, OpName::GenerateMac, none, is, "kms:MacAlgorithm", json!("HMAC_SHA_256"), json!("HMAC_SHA_512"));
    let public = json!({"PublicKey": peer["PublicKey"]});
    let name = "kms:KeyAgreementAlgorithm";
    check(&agreement, OpName::DeriveSharedSecret, public, is, name, json!("ECDH"), json!("x"));

    // ReEncrypt asks twice, and both see whether it is one key.
    let blob = {
        put(&kms, key, &[allow_account()]);
        kms.call(OpName::Encrypt, &smallest(OpName::Encrypt, &key.id)).unwrap()["CiphertextBlob"].clone()
    };
    let named = json!({"CiphertextBlob": blob, "SourceKeyId": key.arn, "DestinationKeyId": key.id});
    let name = "kms:ReEncryptOnSameKey";
    check(key, OpName::ReEncrypt, named, "Bool", name, json!("true"), json!("false"));
    let unnamed = json!({"CiphertextBlob": blob, "SourceKeyId": null, "DestinationKeyId": key.id});
    put(&kms, key, &[when(allow(ALICE_ARN, "kms:ReEncrypt*"), json!({"Bool": {name: "true"}}))]);
    expect_code(&kms.call(OpName::ReEncrypt, &unnamed), None, "the ciphertext names the key");
    put(&kms, key, &[allow(ALICE_ARN, "kms:ReEncryptFrom")]);
    expect_code(&kms.call(OpName::ReEncrypt, &unnamed), Some("AccessDeniedException"), "one side is not enough");
}

#[test]
fn a_policy_is_read_back_replaced_and_kept() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let get = |body: Value| kms.with_key(&key, OpName::GetKeyPolicy, &body);
    let default = get(json!({})).unwrap();
    assert_eq!(default["PolicyName"], "default");
    let text = default["Policy"].as_str().unwrap();
    assert!(text.starts_with("{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\""), "{text}");
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["Statement"][0]["Principal"], json!({"AWS": ROOT_ARN}));
    expect_code(&get(json!({"PolicyName": "AWS_RAM"})), Some("NotFoundException"), "AWS_RAM");
    let names = kms.with_key(&key, OpName::ListKeyPolicies, &json!({})).unwrap();
    assert_eq!(names, json!({"PolicyNames": ["default"], "Truncated": false}));

    let wider = policy(&[allow_account(), allow(BOB_ARN, "kms:Decrypt")]);
    let put = kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": wider, "PolicyName": "default"})).unwrap();
    assert_eq!(put, Value::Null);
    let got = get(json!({})).unwrap();
    let got: Value = serde_json::from_str(got["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(got, serde_json::from_str::<Value>(&wider).unwrap());

    let body = json!({"Policy": wider, "Description": "given"});
    let created = kms.call(OpName::CreateKey, &body).unwrap();
    let id = &created["KeyMetadata"]["KeyId"];
    let got = kms.call(OpName::GetKeyPolicy, &json!({"KeyId": id})).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(got["Policy"].as_str().unwrap()).unwrap()["Statement"][1]["Action"],
        "kms:Decrypt"
    );
}

#[test]
fn bad_policies_are_refused_and_change_nothing() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let before = kms.with_key(&key, OpName::GetKeyPolicy, &json!({})).unwrap();
    let check = |text: &str, code: &str| {
        let what = text.chars().take(80).collect::<String>();
        for answer in [
            kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": text})),
            kms.call(OpName::CreateKey, &json!({"Policy": text})),
        ] {
            expect_code(&answer, Some(code), &what);
        }
        assert_eq!(kms.with_key(&key, OpName::GetKeyPolicy, &json!({})).unwrap(), before, "{what}");
    };
    let malformed = "MalformedPolicyDocumentException";
    check("{}", malformed);
    check("[]", malformed);
    check("not JSON", malformed);
    check(r#"{"Version": "2012-10-17", "Statement": [], "Statement": []}"#, malformed);
    check(&policy(&[allow_account(), allow("arn:aws:iam::1:user/x", "kms:*")]), malformed);
    check(&policy(&[allow_account(), allow("arn:aws:iam::*:root", "kms:*")]), malformed);
    check(&policy(&[when(allow_account(), json!({"StringEqualz": {"aws:username": "x"}}))]), malformed);
    check(&policy(&vec![allow_account(); 400]), "LimitExceededException");
    check(&"[".repeat(30_000), malformed);
    // A policy by which the caller could not change it again.
    check(&policy(&[allow(BOB_ARN, "kms:*")]), malformed);
    check(&policy(&[allow_account(), deny(ALICE_ARN, "kms:PutKeyPolicy")]), malformed);
    check(&policy(&[when(allow_account(), json!({"StringEquals": {"kms:PolicyName": "AWS_RAM"}}))]), malformed);
    let (_, message) =
        kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": policy(&[allow(BOB_ARN, "kms:*")])})).unwrap_err();
    assert_eq!(
        message.as_deref(),
        Some("The new key policy will not allow you to update the key policy in the future.")
    );
    for (name, code) in [("AWS_RAM", "ValidationException"), ("other", "NotFoundException")] {
        let body = json!({"Policy": policy(&[allow_account()]), "PolicyName": name});
        expect_code(&kms.with_key(&key, OpName::PutKeyPolicy, &body), Some(code), name);
    }
    // Who insists may lock itself out.
    let body = json!({"Policy": policy(&[allow(BOB_ARN, "kms:*")]), "BypassPolicyLockoutSafetyCheck": true});
    expect_code(&kms.with_key(&key, OpName::PutKeyPolicy, &body), None, "insists");
    expect_code(&kms.with_key(&key, OpName::GetKeyPolicy, &json!({})), Some("AccessDeniedException"), "locked out");
    let got = kms.call_as(BOB, REGION, OpName::GetKeyPolicy, &json!({"KeyId": key.id}));
    expect_code(&got, None, "bob has it now");
}

#[test]
fn tags_are_set_listed_in_pages_and_taken_away() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let call = |op, body: Value| kms.with_key(&key, op, &body);
    let tags = |range: std::ops::Range<usize>| -> Value {
        json!({"Tags": range.map(|at| json!({"TagKey": format!("k{at:02}"), "TagValue": "v"})).collect::<Vec<_>>()})
    };
    let listed = || call(OpName::ListResourceTags, json!({})).unwrap()["Tags"].as_array().unwrap().clone();
    assert_eq!(call(OpName::TagResource, tags(0..48)).unwrap(), Value::Null);
    expect_code(&call(OpName::TagResource, tags(47..51)), Some("LimitExceededException"), "51 tags");
    assert_eq!(listed().len(), 48);
    call(OpName::TagResource, json!({"Tags": [{"TagKey": "k00", "TagValue": "w"}]})).unwrap();
    call(OpName::TagResource, tags(46..50)).unwrap();
    assert_eq!((listed().len(), &listed()[0]), (50, &json!({"TagKey": "k00", "TagValue": "w"})));

    let mut seen = Vec::new();
    let mut body = json!({"Limit": 7});
    loop {
        let page = call(OpName::ListResourceTags, body.clone()).unwrap();
        seen.extend(page["Tags"].as_array().unwrap().clone());
        assert_eq!(page["Truncated"], json!(page.get("NextMarker").is_some()));
        let Some(marker) = page.get("NextMarker") else { break };
        body["Marker"] = marker.clone();
    }
    assert_eq!(seen, listed());
    expect_code(&call(OpName::ListResourceTags, json!({"Limit": 51})), Some("ValidationException"), "limit");
    expect_code(&call(OpName::ListResourceTags, json!({"Marker": "x"})), Some("InvalidMarkerException"), "marker");

    call(OpName::UntagResource, json!({"TagKeys": ["k00", "none", "K01"]})).unwrap();
    assert_eq!((listed().len(), &listed()[0]["TagKey"]), (49, &json!("k01")));
    for bad in [json!([{"TagKey": "aws:x", "TagValue": ""}]), json!([{"TagKey": "a", "TagValue": "<"}])] {
        expect_code(&call(OpName::TagResource, json!({"Tags": bad})), Some("TagException"), &bad.to_string());
    }
    let alias = json!({"KeyId": "alias/a", "TagKeys": ["a"]});
    expect_code(&kms.call(OpName::UntagResource, &alias), Some("InvalidArnException"), "alias");
}
