//! Destruction: nothing of a key is left, in the answers, in the store's records and in the database's files.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_store::{MemoryStore, SqliteStore, Store, Table};

use crate::fixtures::smallest;
use crate::kms::{TestKey, TestKms, expect_code};

fn symmetric(kms: &TestKms) -> TestKey {
    kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn alias(kms: &TestKms, name: &str, key: &TestKey) {
    kms.call(OpName::CreateAlias, &json!({"AliasName": name, "TargetKeyId": key.id})).unwrap();
}

/// Every record of `table`, as it is stored.
fn records(kms: &TestKms, store: &dyn Store, table: Table) -> Vec<strongroom_store::Record> {
    kms.runtime().block_on(store.scan(table, b"", None, 1000)).unwrap()
}

#[test]
fn a_key_is_destroyed_at_its_date_with_all_that_it_had() {
    let store = Arc::new(MemoryStore::new());
    let kms = TestKms::over(store.clone());
    let (key, other) = (symmetric(&kms), symmetric(&kms));
    for name in ["alias/a", "alias/b"] {
        alias(&kms, name, &key);
    }
    alias(&kms, "alias/other", &other);
    let sealed = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    kms.with_key(&other, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    kms.wait_days(6);
    kms.call(OpName::DescribeKey, &json!({"KeyId": "alias/a"})).unwrap();
    assert_eq!(records(&kms, &*store, Table::LastUsage).len(), 2);
    assert_eq!(records(&kms, &*store, Table::Schedule).len(), 1);

    kms.wait_days(1);
    let gone = format!("Key '{}' does not exist", key.arn);
    let not_found = |text: String| Err(("NotFoundException".to_owned(), Some(text)));
    assert_eq!(kms.with_key(&key, OpName::DescribeKey, &json!({})), not_found(gone.clone()));
    assert_eq!(kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})), not_found(gone));
    let prefix = key.arn.split(":key/").next().unwrap();
    for name in ["alias/a", "alias/b"] {
        let answer = kms.call(OpName::DescribeKey, &json!({"KeyId": name}));
        assert_eq!(answer, not_found(format!("Alias {prefix}:{name} is not found.")));
    }
    let (code, message) = kms.call(OpName::Decrypt, &json!({"CiphertextBlob": sealed["CiphertextBlob"]})).unwrap_err();
    assert_eq!(code, "AccessDeniedException");
    assert!(message.unwrap().starts_with("The ciphertext refers to a customer master key that does not exist"));

    for table in [Table::Keys, Table::Aliases, Table::AliasesByKey, Table::LastUsage] {
        let left = records(&kms, &*store, table);
        assert_eq!(left.len(), 1, "{table}: only the other key's");
        assert!(!left[0].key.windows(36).any(|part| part == key.id.as_bytes()), "{table}");
    }
    assert_eq!(records(&kms, &*store, Table::Schedule).len(), 0);
    let listed = kms.call(OpName::ListKeys, &json!({})).unwrap();
    assert_eq!(listed["Keys"].as_array().unwrap().len(), 1);
    // Its names are free again.
    alias(&kms, "alias/a", &other);
    kms.with_key(&other, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
}

/// Grants go in as many batches as they need, with the index of who may retire them; other keys' grants stay.
#[test]
fn grants_go_with_their_key() {
    const GRANTS: usize = 405;
    let store = Arc::new(MemoryStore::new());
    let kms = TestKms::over(store.clone());
    let (key, other) = (symmetric(&kms), symmetric(&kms));
    let retiring = "arn:aws:iam::111122223333:user/bob";
    for (key, count) in [(&key, GRANTS), (&other, 2)] {
        for at in 0..count {
            // Of an account that is not known here, whose users nobody looks up.
            let grantee = format!("arn:aws:iam::777788889999:user/u{at}");
            let body = json!({"GranteePrincipal": grantee, "RetiringPrincipal": retiring, "Operations": ["Decrypt"]});
            kms.with_key(key, OpName::CreateGrant, &body).unwrap();
        }
    }
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    kms.wait_days(7);
    for table in [Table::Grants, Table::GrantsByRetiringPrincipal] {
        assert_eq!(records(&kms, &*store, table).len(), 2, "{table}");
    }
    let left = kms.call(OpName::ListRetirableGrants, &json!({"RetiringPrincipal": retiring})).unwrap();
    let left = left["Grants"].as_array().unwrap();
    assert_eq!(left.iter().map(|grant| &grant["KeyId"]).collect::<Vec<_>>(), [&json!(other.arn); 2]);
}

/// From its date on a key cannot be saved, though nobody has destroyed it yet.
#[test]
fn a_key_whose_date_has_come_is_not_brought_back() {
    let kms = TestKms::new();
    let key = symmetric(&kms);
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    kms.clock.advance_millis(7 * 86_400_000);
    let late = kms.with_key(&key, OpName::CancelKeyDeletion, &json!({}));
    expect_code(&late, Some("NotFoundException"), "at its date");
}

/// Cancelled, a deletion leaves the schedule; scheduled again, it has another date.
#[test]
fn a_cancelled_deletion_does_not_happen() {
    let store = Arc::new(MemoryStore::new());
    let kms = TestKms::over(store.clone());
    let key = symmetric(&kms);
    for _ in 0..2 {
        kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
        kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap();
        assert_eq!(records(&kms, &*store, Table::Schedule).len(), 0);
        kms.wait_days(8);
        kms.with_key(&key, OpName::DescribeKey, &json!({})).unwrap();
    }
}

/// More keys than one look at the schedule brings, and one whose record is damaged among them.
#[test]
fn one_damaged_key_holds_up_no_other() {
    const KEYS: usize = 300;
    let store = Arc::new(MemoryStore::new());
    let kms = TestKms::over(store.clone());
    let keys: Vec<_> = (0..KEYS).map(|_| symmetric(&kms)).collect();
    for key in &keys {
        kms.with_key(key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    }
    let first = records(&kms, &*store, Table::Keys).remove(0);
    let damage = strongroom_store::Batch::new().put(
        Table::Keys,
        first.key.clone(),
        strongroom_store::Expect::At(first.version),
        b"damaged".to_vec(),
    );
    kms.runtime().block_on(store.commit(damage)).unwrap();
    // Another node, with nothing in memory, does the work.
    let other = TestKms::over(store.clone());
    other.wait_days(7);
    let left = records(&other, &*store, Table::Keys);
    assert_eq!(left.iter().map(|record| &record.key).collect::<Vec<_>>(), [&first.key]);
    assert_eq!(records(&other, &*store, Table::Schedule).len(), 1, "it stays to be looked at");
}

/// No part of the record, which holds the wrapped material, is in any of the database's files.
#[test]
fn nothing_of_a_destroyed_key_is_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let kms = TestKms::over(store.clone());
    let key = symmetric(&kms);
    let written = records(&kms, &*store, Table::Keys).remove(0).value;
    kms.with_key(&key, OpName::EnableKeyRotation, &json!({"RotationPeriodInDays": 90})).unwrap();
    kms.wait_days(90);
    let rotated = records(&kms, &*store, Table::Keys).remove(0).value;
    kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    let pending = records(&kms, &*store, Table::Keys).remove(0).value;
    kms.runtime().block_on(store.checkpoint()).unwrap();
    assert!(holds_a_part(dir.path(), &pending), "the search finds what is there");

    kms.wait_days(7);
    expect_code(&kms.with_key(&key, OpName::DescribeKey, &json!({})), Some("NotFoundException"), "destroyed");
    kms.runtime().block_on(store.checkpoint()).unwrap();
    for (what, value) in [("first", &written), ("rotated", &rotated), ("last", &pending)] {
        assert!(!holds_a_part(dir.path(), value), "the {what} version of the record is in the files");
    }
}

/// Whether any file in `dir` holds 16 bytes in a row of `value`, past its first bytes, which all records share.
fn holds_a_part(dir: &Path, value: &[u8]) -> bool {
    let parts: std::collections::HashSet<&[u8]> = value[8..].windows(16).collect();
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        content.windows(16).any(|window| parts.contains(window))
    })
}
