//! Nobody gets anything of another account. The operations come from the list: a 57th fails here first.

use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_wire::kms::facts;
use strongroom_wire::kms::facts::Resource;

use crate::fixtures::smallest;
use crate::kms::{STRANGER, TestKms, expect_code};

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
            texts.push(answer.unwrap_err().1.unwrap().replace(arn.as_str(), "ARN"));
        }
        assert_eq!(texts[0], texts[1], "{op} tells an absent key from a forbidden one");
        asked += 1;
    }
    assert!(asked >= 20, "{asked} operations were asked");
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
