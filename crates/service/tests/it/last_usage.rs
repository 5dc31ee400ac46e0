//! `GetKeyLastUsage`: what counts, and what survives the process.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_store::{MemoryStore, Store, Table};

use crate::fixtures::{allow, allow_account, policy, smallest};
use crate::kms::{TestKey, TestKms, expect_code};

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn usage(kms: &TestKms, key: &TestKey) -> Value {
    let answer = kms.with_key(key, OpName::GetKeyLastUsage, &json!({})).unwrap();
    assert_eq!(answer["KeyId"], json!(key.arn));
    assert_eq!(answer["KeyCreationDate"], answer["TrackingStartDate"], "the key is younger than the service");
    answer["KeyLastUsage"].clone()
}

#[test]
fn only_successful_cryptography_counts() {
    let kms = TestKms::new();
    kms.clock.advance_millis(1000);
    let key = symmetric(&kms);
    let never = json!({});
    assert_eq!(usage(&kms, &key), never);
    kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    let mut dry = smallest(OpName::Encrypt, "");
    dry["DryRun"] = json!(true);
    expect_code(&kms.with_key(&key, OpName::Encrypt, &dry), Some("DryRunOperationException"), "dry");
    assert_eq!(usage(&kms, &key), never);

    let sealed = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    let used = usage(&kms, &key);
    assert_eq!(used["Operation"], "Encrypt");
    assert_eq!(used["Timestamp"].as_f64(), Some(1_790_000_001.123));
    let events = kms.events();
    let event =
        events.iter().find(|event| event["eventName"] == "Encrypt" && event.get("errorCode").is_none()).unwrap();
    assert_eq!(used["KmsRequestId"], event["requestID"]);
    assert_eq!(used["CloudTrailEventId"], event["eventID"]);

    // Both keys of a ReEncrypt; a failed Decrypt changes nothing.
    let other = symmetric(&kms);
    kms.clock.advance_millis(1000);
    let body = json!({"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": other.id});
    kms.call(OpName::ReEncrypt, &body).unwrap();
    let (from, to) = (usage(&kms, &key), usage(&kms, &other));
    assert_eq!((from["Operation"].as_str(), &from), (Some("ReEncrypt"), &to));
    let wrong = json!({"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"a": "b"}});
    expect_code(&kms.call(OpName::Decrypt, &wrong), Some("InvalidCiphertextException"), "another context");
    assert_eq!(usage(&kms, &key), from);

    let signing = kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    kms.with_key(&signing, OpName::GetPublicKey, &json!({})).unwrap();
    assert_eq!(usage(&kms, &signing), never);
    kms.with_key(&signing, OpName::Sign, &smallest(OpName::Sign, "")).unwrap();
    assert_eq!(usage(&kms, &signing)["Operation"], "Sign");
    kms.with_key(&signing, OpName::DisableKey, &json!({})).unwrap();
    assert_eq!(usage(&kms, &signing)["Operation"], "Sign");
}

#[test]
fn a_use_survives_the_end_of_the_node_and_a_later_one_stays() {
    let store = Arc::new(MemoryStore::new());
    let kms = TestKms::over(store.clone());
    kms.clock.advance_millis(1000);
    let key = symmetric(&kms);
    let call = |kms: &TestKms, op| drop(kms.with_key(&key, op, &smallest(op, "")).unwrap());
    call(&kms, OpName::Encrypt);
    kms.runtime().block_on(kms.node().shut_down());

    let other = TestKms::over(store.clone());
    other.clock.advance_millis(5000);
    assert_eq!(usage(&other, &key)["Operation"], "Encrypt");
    call(&other, OpName::GenerateDataKey);
    other.wait_days(0);
    assert_eq!(usage(&other, &key)["Operation"], "GenerateDataKey");

    // A node whose use was earlier does not take back the later one.
    call(&kms, OpName::Encrypt);
    kms.wait_days(0);
    let third = TestKms::over(store);
    assert_eq!(usage(&third, &key)["Operation"], "GenerateDataKey");
}

/// A use that a node has not written yet when its key is destroyed leaves nothing behind.
#[test]
fn a_use_that_is_written_late_is_of_no_key() {
    let store = Arc::new(MemoryStore::new());
    let (one, other) = (TestKms::over(store.clone()), TestKms::over(store.clone()));
    let key = symmetric(&one);
    one.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    other.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    other.wait_days(7);
    one.runtime().block_on(one.node().shut_down());
    let left = one.runtime().block_on(store.scan(Table::LastUsage, b"", None, 10)).unwrap();
    assert!(left.is_empty());
}

/// A key in use is not to be deleted: `kms:TrailingDaysWithoutKeyUsage` is known to the decision, also of what only the store
/// remembers.
#[test]
fn policies_ask_for_days_without_use() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let mut recent = allow("*", "kms:DisableKey");
    recent["Effect"] = json!("Deny");
    recent["Condition"] = json!({"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "30"}});
    let text = policy(&[allow_account(), recent]);
    kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": text})).unwrap();
    let check = |kms: &TestKms, code: Option<&str>, what: &str| {
        expect_code(&kms.with_key(&key, OpName::DisableKey, &json!({})), code, what);
    };
    check(&kms, None, "never used");
    kms.with_key(&key, OpName::EnableKey, &json!({})).unwrap();
    kms.with_key(&key, OpName::Encrypt, &json!({"Plaintext": "AA=="})).unwrap();
    check(&kms, Some("AccessDeniedException"), "just used");
    kms.wait_days(29);
    check(&kms, Some("AccessDeniedException"), "used 29 days ago");
    check(&kms.restarted(), Some("AccessDeniedException"), "the store remembers");
    kms.wait_days(1);
    check(&kms, None, "used 30 days ago");
}
