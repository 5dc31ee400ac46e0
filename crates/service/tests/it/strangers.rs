//! Nobody gets anything of another account, and nobody anything without permission; each refusal is on the record. The
//! operations of all three APIs come from their lists: a new one fails here first. `iam_strangers` has more of IAM.

use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_wire::kms::facts;
use strongroom_wire::kms::facts::Resource;
use strongroom_wire::query::{iam, sts};

use crate::fixtures::smallest;
use crate::iam_fixtures;
use crate::kms::{DAVE, OWNER, STRANGER, TestKms, expect_code};
use crate::query::Signer;

/// An access key that nobody made.
fn unknown(service: &'static str) -> Signer {
    Signer::configured("NOBODY", service)
}

/// Operations that this service does not offer refuse everybody, before any key is looked at.
fn is_offered(kms: &TestKms, op: OpName, key: &str) -> bool {
    let answer = kms.call(op, &smallest(op, key));
    !answer.is_err_and(|(_, message)| message.is_some_and(|text| text.ends_with("is not supported by this service.")))
}

#[test]
fn strangers_are_refused_everywhere() {
    let mut asked = 0;
    for op in OpName::ALL {
        let facts = facts(*op);
        let names_a_key = facts.resource != Resource::Any && !facts.key_members.is_empty();
        let kms = TestKms::new();
        let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        if !names_a_key || !is_offered(&TestKms::new(), *op, &key.arn) {
            continue;
        }
        // The stranger has an alias of its own, so that UpdateAlias comes as far as the foreign key.
        let own = kms.call_as(STRANGER, "us-east-1", OpName::CreateKey, &serde_json::json!({})).unwrap();
        let own = smallest(OpName::CreateAlias, own["KeyMetadata"]["KeyId"].as_str().unwrap());
        kms.call_as(STRANGER, "us-east-1", OpName::CreateAlias, &own).unwrap();
        let absent = key.arn.replace(&key.id, "00000000-0000-4000-8000-000000000000");
        let mut texts = Vec::new();
        for arn in [&key.arn, &absent] {
            let answer = kms.call_as(STRANGER, "us-east-1", *op, &smallest(*op, arn));
            expect_code(&answer, Some("AccessDeniedException"), &format!("{op} on {arn}"));
            kms.expect_on_record("kms", op.as_str(), "AccessDenied", Some(STRANGER));
            kms.expect_explained();
            texts.push(answer.unwrap_err().1.unwrap().replace(arn.as_str(), "ARN"));
        }
        assert_eq!(texts[0], texts[1], "{op} tells an absent key from a forbidden one");
        asked += 1;
    }
    assert!(asked >= 20, "{asked} operations were asked");
}

/// A user of the account without any policy.
#[test]
fn who_has_no_policy_is_refused_everywhere() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let alias = smallest(OpName::CreateAlias, &key.id);
    kms.call(OpName::CreateAlias, &alias).unwrap();
    let sealed = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    let grant = kms.call(OpName::CreateGrant, &smallest(OpName::CreateGrant, &key.arn)).unwrap();
    let mut refused = 0;
    for op in OpName::ALL {
        let mut body = smallest(*op, &key.arn);
        if body.get("CiphertextBlob").is_some() {
            body["CiphertextBlob"] = sealed["CiphertextBlob"].clone();
        }
        if body.get("GrantId").is_some() {
            body["GrantId"] = grant["GrantId"].clone();
        }
        let (code, _) = kms.call_as(DAVE, "us-east-1", *op, &body).unwrap_err();
        let is_offered = code != "UnsupportedOperationException";
        assert_eq!(code, if is_offered { "AccessDeniedException" } else { &*code }, "{op}");
        kms.expect_on_record("kms", op.as_str(), if is_offered { "AccessDenied" } else { &code }, Some(OWNER));
        if is_offered {
            kms.expect_explained();
            refused += 1;
        }
    }
    assert!(refused >= 48, "{refused} operations were refused");
}

/// Whoever signs with an access key that nobody made comes to no operation of any API.
#[test]
fn nobody_is_refused_everywhere() {
    let kms = TestKms::new();
    for op in OpName::ALL {
        let (status, body) = kms.call_with(&unknown("kms"), op.as_str(), &smallest(*op, "alias/app").to_string());
        assert!(status == 400 && body.contains("UnrecognizedClientException"), "{op}: {body}");
        kms.expect_on_record("kms", op.as_str(), "UnrecognizedClientException", None);
    }
    for op in iam::OpName::ALL {
        let reply = kms.iam(Some(&unknown("iam")), &iam_fixtures::smallest(*op, "here"));
        assert_eq!(reply.failure(), (403, "InvalidClientTokenId".to_owned()), "{op}: {reply:?}");
        kms.expect_on_record("iam", op.as_str(), "InvalidClientTokenId", None);
    }
    for op in sts::OpName::ALL.iter().filter(|op| **op != sts::OpName::AssumeRoleWithWebIdentity) {
        let reply = kms.sts(Some(&unknown("sts")), &smallest_of_sts(&kms, *op, "here"));
        assert_eq!(reply.failure(), (403, "InvalidClientTokenId".to_owned()), "{op}: {reply:?}");
        kms.expect_on_record("sts", op.as_str(), "InvalidClientTokenId", None);
    }
}

/// A request that passes all constraints of `op` and names the role `name` of the owner, if it names one.
fn smallest_of_sts(kms: &TestKms, op: sts::OpName, name: &str) -> String {
    let role = format!("RoleArn=arn:aws:iam::{OWNER}:role/{name}&RoleSessionName=s1");
    match op {
        sts::OpName::AssumeRole => format!("{op}&{role}"),
        sts::OpName::AssumeRoleWithWebIdentity => {
            format!("{op}&{role}&WebIdentityToken={}", kms.token(0, &json!({"sub": "somebody"})))
        }
        sts::OpName::GetAccessKeyInfo => format!("{op}&AccessKeyId=AKIAIOSFODNN7EXAMPLE"),
        sts::OpName::GetCallerIdentity | sts::OpName::GetSessionToken => op.to_string(),
    }
}

/// Strangers of STS: users without a policy, of the account and of another one, and holders of a token that the role does not
/// trust. What they may not have reads the same whether it is there or not.
#[test]
fn strangers_get_nothing_of_sts() {
    let kms = TestKms::new();
    kms.lay();
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, "Action": "sts:AssumeRole"},
    ]});
    let pairs = [("RoleName", "here"), ("AssumeRolePolicyDocument", &*trust.to_string())];
    kms.iam_does("CreateRole", &pairs);
    for op in sts::OpName::ALL {
        // Nobody needs a permission to ask for themselves.
        if matches!(op, sts::OpName::GetCallerIdentity | sts::OpName::GetSessionToken) {
            let own = kms.sts(Some(&Signer::configured(DAVE, "sts")), &smallest_of_sts(&kms, *op, "here"));
            assert_eq!(own.status, 200, "{op}: {own:?}");
            continue;
        }
        for (stranger, account) in [(DAVE, OWNER), ("444455556666DAVE", STRANGER)] {
            let is_unsigned = *op == sts::OpName::AssumeRoleWithWebIdentity;
            let signer = (!is_unsigned).then(|| Signer::configured(stranger, "sts"));
            let text = |name: &str, more: &str| {
                let reply = kms.sts(signer.as_ref(), &format!("{}{more}", smallest_of_sts(&kms, *op, name)));
                assert_eq!(reply.failure(), (403, "AccessDenied".to_owned()), "{op} by {stranger}: {reply:?}");
                kms.expect_on_record("sts", op.as_str(), "AccessDenied", (!is_unsigned).then_some(account));
                kms.expect_explained();
                reply.get("Message").unwrap().replace(name, "NAME")
            };
            assert_eq!(text("here", ""), text("gone", ""), "{op} tells what is there from what is not");
            if *op == sts::OpName::AssumeRole {
                let mfa = "&SerialNumber=arn:aws:iam::111122223333:mfa/x&TokenCode=123456";
                assert_eq!(text("here", mfa), text("gone", mfa), "with a second factor");
            }
        }
    }
}

#[test]
fn a_strangers_ciphertext_names_no_key() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let encrypted = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    let body = serde_json::json!({"CiphertextBlob": encrypted["CiphertextBlob"]});
    assert!(kms.call(OpName::Decrypt, &body).is_ok());
    let refused = kms.call_as(STRANGER, "us-east-1", OpName::Decrypt, &body);
    let elsewhere = kms.call_as(crate::kms::OWNER, "eu-west-1", OpName::Decrypt, &body);
    expect_code(&refused, Some("AccessDeniedException"), "another account");
    assert_eq!(refused, elsewhere, "another Region reads the same");
}

#[test]
fn aliases_of_strangers_tell_nothing() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    kms.call(OpName::CreateAlias, &smallest(OpName::CreateAlias, &key.id)).unwrap();
    let text = |alias: &str| {
        let arn = format!("arn:aws:kms:us-east-1:111122223333:{alias}");
        let body = serde_json::json!({"KeyId": arn});
        let (code, message) = kms.call_as(STRANGER, "us-east-1", OpName::DescribeKey, &body).unwrap_err();
        (code, message.unwrap().replace(&arn, "ARN"))
    };
    let (code, message) = text("alias/app");
    assert_eq!((code.as_str(), &message), ("AccessDeniedException", &text("alias/none").1));
    assert!(!message.contains(&key.id), "{message}");
}
