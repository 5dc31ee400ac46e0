//! Snapshots and reset: everything goes back, and no call sees half of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_service::{FaultRule, InjectedError, SnapshotError};

use crate::kms::{TestKey, TestKms, expect_code};

fn save(kms: &TestKms, name: &str) -> Result<(), SnapshotError> {
    kms.runtime().block_on(kms.node().dev().unwrap().save_snapshot(name))
}

fn restore(kms: &TestKms, name: &str) -> Result<(), SnapshotError> {
    kms.runtime().block_on(kms.node().dev().unwrap().restore_snapshot(name))
}

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn describe(kms: &TestKms, key: &TestKey) -> Value {
    kms.with_key(key, OpName::DescribeKey, &json!({})).unwrap()["KeyMetadata"].take()
}

#[test]
fn everything_goes_back() {
    let kms = TestKms::dev();
    let dev = kms.node().dev().unwrap();
    let key = symmetric(&kms);
    let doomed = symmetric(&kms);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    kms.call(OpName::CreateAlias, &json!({"AliasName": "alias/app", "TargetKeyId": key.id})).unwrap();
    let sealed = kms.with_key(&key, OpName::Encrypt, &json!({"Plaintext": "YQ=="})).unwrap();
    let rule = FaultRule {
        operation: Some(OpName::ListKeys),
        key: None,
        error: Some(InjectedError::Throttling),
        latency_ms: 0,
        count: Some(2),
        probability: None,
    };
    dev.add_fault(rule).unwrap();
    let (before, clock, faults) = (describe(&kms, &key), dev.clock(), dev.faults());
    let usage = kms.with_key(&key, OpName::GetKeyLastUsage, &json!({})).unwrap();
    save(&kms, "clean").unwrap();

    // Twice, so that the second time begins with what the first restore left.
    for _ in 0..2 {
        kms.with_key(&key, OpName::UpdateKeyDescription, &json!({"Description": "changed"})).unwrap();
        kms.with_key(&key, OpName::RotateKeyOnDemand, &json!({})).unwrap();
        kms.call(OpName::DeleteAlias, &json!({"AliasName": "alias/app"})).unwrap();
        let made = symmetric(&kms);
        kms.call(OpName::CreateAlias, &json!({"AliasName": "alias/app", "TargetKeyId": made.id})).unwrap();
        let grantee = "arn:aws:iam::111122223333:user/bob";
        let grant = json!({"GranteePrincipal": grantee, "Operations": ["Decrypt"]});
        kms.with_key(&key, OpName::CreateGrant, &grant).unwrap();
        kms.with_key(&doomed, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
        expect_code(&kms.call(OpName::ListKeys, &json!({})), Some("ThrottlingException"), "the rule");
        kms.runtime().block_on(dev.advance_clock(400 * 86_400_000)).unwrap();
        expect_code(&kms.with_key(&doomed, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "destroyed");
        kms.call(OpName::GenerateDataKey, &json!({"KeyId": "alias/app", "KeySpec": "AES_256"})).unwrap();

        restore(&kms, "clean").unwrap();
        assert_eq!((dev.clock(), dev.faults()), (clock, faults.clone()));
        assert_eq!(describe(&kms, &key), before);
        assert_eq!(describe(&kms, &doomed)["KeyState"], "Enabled");
        expect_code(&kms.with_key(&made, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "never made");
        assert_eq!(kms.with_key(&key, OpName::GetKeyLastUsage, &json!({})).unwrap(), usage);
        let grants = kms.with_key(&key, OpName::ListGrants, &json!({})).unwrap();
        assert_eq!(grants["Grants"], json!([]));
        let opened = kms.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]})).unwrap();
        assert_eq!(opened["KeyId"], json!(key.arn));
    }
}

#[test]
fn an_account_whose_first_key_is_taken_back_can_have_another() {
    let kms = TestKms::dev();
    save(&kms, "empty").unwrap();
    let first = symmetric(&kms);
    restore(&kms, "empty").unwrap();
    expect_code(&kms.with_key(&first, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "taken back");
    let second = symmetric(&kms);
    let sealed = kms.with_key(&second, OpName::Encrypt, &json!({"Plaintext": "YQ=="})).unwrap();
    // What is stored opens for a node that knows nothing else.
    let again = kms.restarted_dev();
    again.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]})).unwrap();
}

#[test]
fn a_reset_goes_back_to_the_beginning() {
    let kms = TestKms::dev();
    let dev = kms.node().dev().unwrap();
    let seeded = symmetric(&kms);
    kms.runtime().block_on(dev.note_baseline());
    let made = symmetric(&kms);
    save(&kms, "later").unwrap();
    kms.runtime().block_on(dev.reset()).unwrap();
    describe(&kms, &seeded);
    expect_code(&kms.with_key(&made, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "reset");
    // Snapshots stay: they are how tests find their way.
    restore(&kms, "later").unwrap();
    describe(&kms, &made);
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let kms = TestKms::dev();
    for name in ["", "a b", "a/b", "ä", &"a".repeat(65)] {
        assert_eq!(save(&kms, name), Err(SnapshotError::BadName), "{name}");
    }
    assert_eq!(restore(&kms, "none"), Err(SnapshotError::NoSuchSnapshot("none".into())));
    for number in 0..100 {
        save(&kms, &number.to_string()).unwrap();
    }
    assert_eq!(save(&kms, "100"), Err(SnapshotError::TooMany));
    save(&kms, "99").unwrap();
    assert_eq!(kms.node().dev().unwrap().list_snapshots().unwrap().len(), 100);

    let on_disk = kms.restarted_dev();
    assert_eq!(save(&on_disk, "a"), Err(SnapshotError::OnDisk));
    assert_eq!(restore(&on_disk, "a"), Err(SnapshotError::OnDisk));
    let dev = on_disk.node().dev().unwrap();
    assert_eq!(on_disk.runtime().block_on(dev.reset()), Err(SnapshotError::OnDisk));
    assert_eq!(dev.list_snapshots(), Err(SnapshotError::OnDisk));
}

/// Callers change and use two keys together while snapshots are restored: what they see is of one moment.
#[test]
fn calls_under_way_see_before_or_after() {
    let kms = TestKms::dev();
    let key = symmetric(&kms);
    let set = |text: &str| kms.with_key(&key, OpName::UpdateKeyDescription, &json!({"Description": text})).unwrap();
    set("before");
    save(&kms, "before").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let node = Arc::clone(kms.node());
        let done = &done;
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for _ in 0..200 {
                runtime.block_on(node.dev().unwrap().restore_snapshot("before")).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut rounds = 0;
        while !done.load(Ordering::SeqCst) || rounds == 0 {
            // A change of what was just read is never lost to a record that went back under it.
            kms.with_key(&key, OpName::UpdateKeyDescription, &json!({"Description": "after"})).unwrap();
            let seen = describe(&kms, &key)["Description"].clone();
            assert!(seen == "before" || seen == "after", "{seen}");
            kms.with_key(&key, OpName::Encrypt, &json!({"Plaintext": "YQ=="})).unwrap();
            rounds += 1;
        }
    });
    restore(&kms, "before").unwrap();
    assert_eq!(describe(&kms, &key)["Description"], "before");
    assert_eq!(describe(&kms.restarted_dev(), &key)["Description"], "before");
}

#[test]
fn a_restore_does_not_wait_for_delays() {
    let kms = TestKms::dev();
    let dev = kms.node().dev().unwrap();
    let key = symmetric(&kms);
    let rule = FaultRule {
        operation: Some(OpName::DescribeKey),
        key: None,
        error: None,
        latency_ms: strongroom_service::LATENCY_MAX_MS,
        count: None,
        probability: None,
    };
    save(&kms, "quick").unwrap();
    dev.add_fault(rule).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let node = Arc::clone(kms.node());
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            // Once somebody waits.
            while node.dev().unwrap().faults()[0].met == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            runtime.block_on(node.dev().unwrap().restore_snapshot("quick")).unwrap();
        });
        describe(&kms, &key);
    });
    assert!(start.elapsed() < Duration::from_millis(u64::from(strongroom_service::LATENCY_MAX_MS) / 2));
}
