//! The clock of `dev`: what falls due happens on the way, each thing at its moment.

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_core::world::{Clock, Timestamp};
use strongroom_service::{ClockError, ClockStatus};

use crate::import::imported_key_until;
use crate::kms::{TestKey, TestKms, expect_code};

const DAY_MILLIS: i64 = 86_400_000;

fn advance(kms: &TestKms, days: i64) -> ClockStatus {
    let dev = kms.node().dev().unwrap();
    kms.runtime().block_on(dev.advance_clock(days * DAY_MILLIS)).unwrap()
}

fn rotating_key(kms: &TestKms, period_days: u32) -> TestKey {
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": period_days})).unwrap();
    key
}

/// The days after the start at which the key was rotated, in order.
fn rotation_days(kms: &TestKms, key: &TestKey) -> Vec<f64> {
    let rotations = kms.with_key(key, OpName::ListKeyRotations, &json!({})).unwrap();
    let start = kms.clock.now().as_millis() as f64 / 1000.0;
    let day = |rotation: &Value| (rotation["RotationDate"].as_f64().unwrap() - start) / 86_400.0;
    rotations["Rotations"].as_array().unwrap().iter().rev().map(day).collect()
}

#[test]
fn every_rotation_on_the_way_happens_at_its_date() {
    let kms = TestKms::dev();
    let (often, seldom) = (rotating_key(&kms, 90), rotating_key(&kms, 365));
    let sealed = kms.with_key(&often, OpName::Encrypt, &json!({"Plaintext": "YQ=="})).unwrap();
    advance(&kms, 400);
    assert_eq!(rotation_days(&kms, &often), [90.0, 180.0, 270.0, 360.0]);
    assert_eq!(rotation_days(&kms, &seldom), [365.0]);
    advance(&kms, 700);
    assert_eq!(rotation_days(&kms, &seldom), [365.0, 730.0, 1095.0]);
    assert_eq!(rotation_days(&kms, &often).len(), 12);
    // Clients sign by the real time, which has not moved, and what was encrypted then opens now.
    let opened = kms.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]})).unwrap();
    assert_eq!(opened["Plaintext"], "YQ==");
}

#[test]
fn keys_are_destroyed_and_material_expires_on_the_way() {
    let kms = TestKms::dev();
    let key = kms.create_key(KeySpec::EccNistP256, KeyUsage::SignVerify);
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    let imported = imported_key_until(&kms, kms.clock.now().plus_days(8));
    advance(&kms, 6);
    kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    advance(&kms, 1);
    expect_code(&kms.with_key(&key, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "after 7 days");
    let state = |kms: &TestKms| {
        kms.with_key(&imported, OpName::DescribeKey, &json!({})).unwrap()["KeyMetadata"]["KeyState"].clone()
    };
    assert_eq!(state(&kms), "Enabled");
    advance(&kms, 1);
    assert_eq!(state(&kms), "PendingImport");
}

#[test]
fn replies_tell_the_moved_time() {
    let kms = TestKms::dev();
    let status = advance(&kms, 1000);
    assert_eq!(status, ClockStatus { now: kms.clock.now().plus_days(1000), offset_millis: 1000 * DAY_MILLIS });
    let metadata = kms.call(OpName::CreateKey, &json!({})).unwrap();
    let created = metadata["KeyMetadata"]["CreationDate"].as_f64().unwrap();
    assert!((created - status.now.as_millis() as f64 / 1000.0).abs() < 1.0, "{created}");
    let to = status.now.plus_days(1);
    let set = kms.runtime().block_on(kms.node().dev().unwrap().set_clock(to)).unwrap();
    assert_eq!((set.now, set.offset_millis), (to, 1001 * DAY_MILLIS));
}

#[test]
fn the_clock_goes_forwards_alone() {
    let kms = TestKms::dev();
    let now = advance(&kms, 1).now;
    let dev = kms.node().dev().unwrap();
    let set = |to: Timestamp| kms.runtime().block_on(dev.set_clock(to));
    assert!(matches!(kms.runtime().block_on(dev.advance_clock(-1)), Err(ClockError::Backwards(_))));
    assert!(matches!(kms.runtime().block_on(dev.advance_clock(i64::MIN)), Err(ClockError::Backwards(_))));
    assert!(matches!(set(now.plus_millis(-1)), Err(ClockError::Backwards(_))));
    assert!(matches!(set(Timestamp::from_millis(i64::MAX)), Err(ClockError::TooFar)));
    assert!(matches!(kms.runtime().block_on(dev.advance_clock(i64::MAX)), Err(ClockError::TooFar)));
    assert_eq!(dev.clock().now, now);
    assert_eq!(set(now).unwrap().now, now);
}

#[test]
fn a_move_outlives_the_process() {
    let kms = TestKms::dev();
    let key = rotating_key(&kms, 90);
    advance(&kms, 100);
    advance(&kms, 100);
    let again = kms.restarted_dev();
    assert_eq!(again.node().dev().unwrap().clock().offset_millis, 200 * DAY_MILLIS);
    assert_eq!(rotation_days(&again, &key), [90.0, 180.0]);
}

#[test]
fn serve_has_no_such_tools() {
    assert!(TestKms::new().node().dev().is_none());
    // Not even over the data of a `dev` whose clock was moved.
    let kms = TestKms::dev();
    advance(&kms, 100);
    let served = kms.restarted();
    assert!(served.node().dev().is_none());
    let created = served.call(OpName::CreateKey, &json!({})).unwrap()["KeyMetadata"]["CreationDate"].as_f64().unwrap();
    assert!((created - kms.clock.now().as_millis() as f64 / 1000.0).abs() < 1.0, "{created}");
}
