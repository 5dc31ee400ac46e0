//! Rotation: by itself, on demand, once even when several nodes try, and told as AWS tells it.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_store::MemoryStore;

use crate::fixtures::{bytes, smallest};
use crate::import::imported_key;
use crate::kms::{TestKey, TestKms, expect_code};

const START: f64 = 1_790_000_000.123;
const DAY: f64 = 86_400.0;

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn status(kms: &TestKms, key: &TestKey) -> (bool, Option<i64>, Option<f64>) {
    let status = kms.with_key(key, OpName::GetKeyRotationStatus, &json!({})).unwrap();
    assert_eq!(status["KeyId"], json!(key.arn));
    let enabled = status["KeyRotationEnabled"].as_bool().unwrap();
    (enabled, status["RotationPeriodInDays"].as_i64(), status["NextRotationDate"].as_f64())
}

/// Days after the start of the test and type of each rotation, the newest first.
fn rotations(kms: &TestKms, key: &TestKey) -> Vec<(f64, String)> {
    let page = kms.with_key(key, OpName::ListKeyRotations, &json!({})).unwrap();
    let row = |entry: &Value| {
        let date = entry["RotationDate"].as_f64().unwrap();
        ((date - START) / DAY, entry["RotationType"].as_str().unwrap().to_owned())
    };
    page["Rotations"].as_array().unwrap().iter().map(row).collect()
}

fn encrypt(kms: &TestKms, key: &TestKey) -> Value {
    kms.with_key(key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap()["CiphertextBlob"].take()
}

/// Three years: each ciphertext opens under the material that made it.
#[test]
fn three_years_of_rotations() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    assert_eq!(status(&kms, &key), (false, None, None));
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({})).unwrap();
    assert_eq!(status(&kms, &key), (true, Some(365), Some(START + 365.0 * DAY)));

    let mut made = vec![encrypt(&kms, &key)];
    for year in 1..=3 {
        kms.wait_days(364);
        assert_eq!(rotations(&kms, &key).len(), year - 1);
        kms.wait_days(1);
        assert_eq!(rotations(&kms, &key).len(), year);
        made.push(encrypt(&kms, &key));
    }
    let automatic = |days| (days, "AUTOMATIC".to_owned());
    assert_eq!(rotations(&kms, &key), [automatic(1095.0), automatic(730.0), automatic(365.0)]);
    assert_eq!(status(&kms, &key).2, Some(START + 1460.0 * DAY));

    let materials: Vec<_> = made
        .iter()
        .map(|blob| {
            let opened = kms.call(OpName::Decrypt, &json!({"CiphertextBlob": blob})).unwrap();
            assert_eq!(bytes(&opened["Plaintext"]), b"x");
            opened["KeyMaterialId"].as_str().unwrap().to_owned()
        })
        .collect();
    for (at, material) in materials.iter().enumerate() {
        assert!(!materials[..at].contains(material), "a material for each year");
    }
    let current = kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    assert_eq!(current["KeyMetadata"]["CurrentKeyMaterialId"].as_str(), materials.last().map(String::as_str));
    let data_key = kms.with_key(&key, OpName::GenerateDataKey, &json!({"KeySpec": "AES_256"})).unwrap();
    assert_eq!(data_key["KeyMaterialId"].as_str(), materials.last().map(String::as_str));

    kms.with_key(&key, OpName::DisableKeyRotation, &json!({})).unwrap();
    kms.wait_days(1000);
    assert_eq!(rotations(&kms, &key).len(), 3);
}

#[test]
fn a_disabled_key_waits_and_catches_up_once() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    kms.with_key(&key, OpName::DisableKey, &json!({})).unwrap();
    kms.wait_days(400);
    assert_eq!(rotations(&kms, &key).len(), 0);
    assert_eq!(status(&kms, &key), (true, Some(90), Some(START + 90.0 * DAY)));
    kms.with_key(&key, OpName::EnableKey, &json!({})).unwrap();
    assert_eq!(rotations(&kms, &key), [(400.0, "AUTOMATIC".to_owned())]);
    assert_eq!(status(&kms, &key).2, Some(START + 490.0 * DAY));

    // The same while a deletion is pending: no status, no rotation, and back when it is cancelled.
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 30})).unwrap();
    assert_eq!(status(&kms, &key), (false, None, None));
    kms.wait_days(29);
    kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap();
    assert_eq!(status(&kms, &key), (true, Some(90), Some(START + 490.0 * DAY)));
    assert_eq!(rotations(&kms, &key).len(), 1);
}

#[test]
fn another_period_begins_with_its_call() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 2560})).unwrap();
    kms.wait_days(10);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    assert_eq!(status(&kms, &key), (true, Some(90), Some(START + 100.0 * DAY)));
    for days in [89, 2561] {
        let body = json!({"RotationPeriodInDays": days});
        expect_code(&kms.with_key(&key, OpName::EnableKeyRotation, &body), Some("ValidationException"), "period");
    }
}

/// A policy can bound the period, that of a call that names none too.
#[test]
fn policies_ask_for_the_period() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    let statement = |effect: &str, action: &str| json!({"Effect": effect, "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"});
    let mut bound = statement("Deny", "kms:EnableKeyRotation");
    bound["Condition"] = json!({"NumericGreaterThan": {"kms:RotationPeriodInDays": "180"}});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement("Allow", "kms:*"), bound]});
    kms.with_key(&key, OpName::PutKeyPolicy, &json!({"Policy": policy.to_string()})).unwrap();
    for (body, code) in [
        (json!({"RotationPeriodInDays": 180}), None),
        (json!({"RotationPeriodInDays": 181}), Some("AccessDeniedException")),
        (json!({}), Some("AccessDeniedException")),
    ] {
        expect_code(&kms.with_key(&key, OpName::EnableKeyRotation, &body), code, &body.to_string());
    }
}

#[test]
fn rotations_on_demand_are_counted_and_keep_the_schedule() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    let rotate = || kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({}));
    let first = encrypt(&kms, &key);
    assert_eq!(rotate().unwrap(), json!({"KeyId": key.arn}));
    assert_eq!(rotations(&kms, &key), [(0.0, "ON_DEMAND".to_owned())]);
    assert_eq!(status(&kms, &key).2, Some(START + 90.0 * DAY));
    kms.call(OpName::Decrypt, &json!({"CiphertextBlob": first})).unwrap();

    // Near an automatic rotation it would meet it.
    let minutes = |minutes: i64| minutes * 60_000;
    kms.clock.advance_millis(90 * 86_400_000 - minutes(20) - 1);
    rotate().unwrap();
    kms.clock.advance_millis(1);
    expect_code(&rotate(), Some("ConflictException"), "20 minutes before");
    kms.clock.advance_millis(minutes(20));
    expect_code(&rotate(), Some("ConflictException"), "due and not done yet");
    kms.wait_days(0);
    assert_eq!(rotations(&kms, &key).len(), 3);

    for _ in 2..25 {
        rotate().unwrap();
    }
    expect_code(&rotate(), Some("LimitExceededException"), "the 26th");
    assert_eq!(rotations(&kms, &key).len(), 26);
    // The automatic rotation goes on.
    kms.wait_days(90);
    assert_eq!(rotations(&kms, &key).len(), 27);
}

#[test]
fn pages_of_rotations_are_whole_and_in_order() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    for _ in 0..6 {
        kms.wait_days(1);
        kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    }
    for (include, count) in [("ROTATIONS_ONLY", 6), ("ALL_KEY_MATERIAL", 7)] {
        let whole = kms.with_key(&key, OpName::ListKeyRotations, &json!({"IncludeKeyMaterial": include})).unwrap();
        let whole = whole["Rotations"].as_array().unwrap().clone();
        assert_eq!(whole.len(), count);
        assert_eq!(whole[0]["KeyMaterialState"], "CURRENT");
        assert!(whole[1..].iter().all(|entry| entry["KeyMaterialState"] == "NON_CURRENT"));
        assert_eq!(whole.iter().filter(|entry| entry.get("RotationDate").is_none()).count(), count - 6);
        assert!(whole.iter().all(|entry| entry.get("ImportState").is_none()), "only imported material has it");
        for limit in 1..=8 {
            let (mut found, mut marker) = (Vec::new(), Value::Null);
            loop {
                let mut body = json!({"IncludeKeyMaterial": include, "Limit": limit});
                if marker.is_string() {
                    body["Marker"] = marker;
                }
                let page = kms.with_key(&key, OpName::ListKeyRotations, &body).unwrap();
                found.extend(page["Rotations"].as_array().unwrap().clone());
                assert_eq!(page["Truncated"], json!(page.get("NextMarker").is_some()));
                marker = page["NextMarker"].clone();
                if marker.is_null() {
                    break;
                }
            }
            assert_eq!(found, whole, "pages of {limit}");
        }
    }
    // A marker of one list is none of another, nor of another key.
    let page = kms.with_key(&key, OpName::ListKeyRotations, &json!({"Limit": 1})).unwrap();
    let other = symmetric(&kms);
    for (key, include) in [(&key, "ALL_KEY_MATERIAL"), (&other, "ROTATIONS_ONLY")] {
        let body = json!({"IncludeKeyMaterial": include, "Marker": page["NextMarker"]});
        expect_code(&kms.with_key(key, OpName::ListKeyRotations, &body), Some("InvalidMarkerException"), include);
    }
    // A rotation between two pages moves nothing.
    kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
    let rest = kms.with_key(&key, OpName::ListKeyRotations, &json!({"Marker": page["NextMarker"]})).unwrap();
    assert_eq!(rest["Rotations"].as_array().unwrap().len(), 5);
}

#[test]
fn keys_that_cannot_rotate_say_so() {
    let kms = TestKms::new();
    let signing = kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let mac = kms.create_key(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let imported = imported_key(&kms, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let origin = format!("{} origin is EXTERNAL which is not valid for this operation.", imported.arn);
    let unsupported =
        |message: Option<&str>| Err(("UnsupportedOperationException".to_owned(), message.map(str::to_owned)));
    for key in [&signing, &mac] {
        for op in [
            OpName::EnableKeyRotation,
            OpName::GetKeyRotationStatus,
            OpName::RotateKeyOnDemand,
            OpName::ListKeyRotations,
        ] {
            assert_eq!(kms.with_key(key, op, &json!({})), unsupported(None), "{op} of {}", key.spec);
        }
        kms.with_key(key, OpName::DisableKeyRotation, &json!({})).unwrap();
    }
    for op in [OpName::EnableKeyRotation, OpName::DisableKeyRotation] {
        assert_eq!(kms.with_key(&imported, op, &json!({})), unsupported(Some(&origin)), "{op}");
    }
    assert_eq!(status(&kms, &imported), (false, None, None));
}

/// Two nodes over one store look for due work at the same moment, again and again: each rotation happens once.
#[test]
fn several_nodes_rotate_once() {
    const KEYS: usize = 30;
    let store = Arc::new(MemoryStore::new());
    let (one, two) = (TestKms::over(store.clone()), TestKms::over(store));
    let keys: Vec<_> = (0..KEYS).map(|_| symmetric(&one)).collect();
    for key in &keys {
        one.with_key(key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
        // The second node has the key in memory as it was before.
        two.with_key(key, OpName::DescribeKey, &json!({})).unwrap();
    }
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        for kms in [&one, &two] {
            scope.spawn(|| {
                start.wait();
                kms.wait_days(90);
            });
        }
    });
    let fresh = &one;
    for key in &keys {
        let seen = rotations(fresh, key).len().max(rotations(&two, key).len());
        assert_eq!(seen, 1);
    }
    // What both think of every key is what the store has: another change goes through on either.
    for key in &keys {
        two.with_key(key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
        assert_eq!(rotations(&two, key).len(), 2);
    }
}

/// The node looks by itself, and stops when it is shut down.
#[test]
fn a_running_node_rotates_by_itself() {
    let kms = TestKms::with_period(Arc::new(MemoryStore::new()), Some(std::time::Duration::from_millis(5)));
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    let days = |days: i64| kms.clock.advance_millis(days * 86_400_000);
    days(90);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while rotations(&kms, &key).is_empty() {
        assert!(std::time::Instant::now() < deadline, "nobody rotated");
        kms.sleep_ms(5);
    }
    kms.runtime().block_on(kms.node().shut_down());
    days(90);
    kms.sleep_ms(50);
    assert_eq!(rotations(&kms, &key).len(), 1);
}
