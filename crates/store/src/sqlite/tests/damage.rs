//! Damaged files: whatever is wrong with them, the answer is a typed error or what was stored, and never a panic.

use std::fs;

use super::{DATABASE, Dice, files_of, fill, name_of, open, temp_dir};
use crate::suite::block_on;
use crate::{Batch, Error, Expect, Record, SqliteStore, Store, Table};

const PAGE: usize = 4096;

/// The bytes of a sound database, and its records.
fn sound() -> (Vec<u8>, Vec<Record>) {
    let dir = temp_dir();
    let store = open(dir.path());
    fill(&store, 3);
    let records = block_on(store.scan(Table::Keys, b"", None, 10_000)).expect("records");
    drop(store);
    (fs::read(dir.path().join(DATABASE)).expect("the database"), records)
}

/// Every bit pattern of trouble in every byte of the header: refused and left alone, or opened with all records.
#[test]
fn a_damaged_header_is_refused_or_harmless() {
    let (bytes, records) = sound();
    let mut refused = 0;
    for at in 0..100 {
        for flip in [0x01, 0x80, 0xff] {
            let dir = temp_dir();
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            fs::write(dir.path().join(DATABASE), &damaged).expect("a file");
            let before = files_of(dir.path());
            let outcome = SqliteStore::open(dir.path());
            match &outcome {
                Ok(store) => {
                    let found = block_on(store.scan(Table::Keys, b"", None, 10_000));
                    assert!(
                        found.as_ref().is_ok_and(|found| *found == records),
                        "byte {at} ^ {flip:#x}: {}",
                        name_of(&found)
                    );
                }
                Err(Error::Corrupt(_) | Error::Foreign(_) | Error::Newer(_)) => {
                    refused += 1;
                    assert!(files_of(dir.path()) == before, "byte {at} ^ {flip:#x}: {outcome:?}");
                }
                Err(_) => panic!("byte {at} ^ {flip:#x}: {}: {outcome:?}", name_of(&outcome)),
            }
        }
    }
    // The magic, the page size, the format, the marks: about half of the header matters.
    assert!(refused > 120, "{refused} of 300");
}

/// A page that is not what its parent says is found by `verify`, and the store serves what it can until then.
#[test]
fn damaged_pages_are_found() {
    let (bytes, records) = sound();
    let dice = Dice::new(4);
    for page in 0..bytes.len() / PAGE {
        // The first bytes of a page say what it is; the first page begins with the header of the file.
        let at = page * PAGE + if page == 0 { 100 } else { 0 };
        let outcome = with_damage(&bytes, |damaged| damaged[at] ^= 0x55, &records);
        assert_eq!(outcome, "Corrupt", "page {page}");
        let at = page * PAGE + dice.below(PAGE);
        with_damage(&bytes, |damaged| damaged[at] ^= 1 << dice.below(8), &records);
        with_damage(&bytes, |damaged| damaged[page * PAGE..][..PAGE].fill(0), &records);
        with_damage(&bytes, |damaged| damaged[page * PAGE..][..PAGE].copy_from_slice(&dice.bytes(PAGE)), &records);
    }
}

/// Uses a damaged database in every way. Returns how it is called by whoever notices first.
fn with_damage(bytes: &[u8], damage: impl FnOnce(&mut [u8]), records: &[Record]) -> &'static str {
    let dir = temp_dir();
    let mut damaged = bytes.to_vec();
    damage(&mut damaged);
    fs::write(dir.path().join(DATABASE), &damaged).expect("a file");
    let store = match SqliteStore::open(dir.path()) {
        Ok(store) => store,
        refused => return name_of(&refused),
    };
    let verified = block_on(store.verify());
    for record in records.iter().step_by(7) {
        match block_on(store.get(Table::Keys, &record.key)) {
            Ok(found) => assert!(found.is_none_or(|found| found.key == record.key), "another record"),
            Err(Error::Corrupt(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let scan = block_on(store.scan(Table::Keys, b"", None, 10_000));
    assert!(matches!(scan, Ok(_) | Err(Error::Corrupt(_))), "{}", name_of(&scan));
    let batch = records.iter().step_by(11).fold(Batch::new(), |batch, record| {
        batch.put(Table::Keys, record.key.clone(), Expect::At(record.version), vec![1; 500])
    });
    let outcome = block_on(store.commit(batch.put(Table::Meta, b"new", Expect::Absent, vec![2; 5000])));
    assert!(matches!(outcome, Ok(()) | Err(Error::Corrupt(_) | Error::Conflict { .. })), "{outcome:?}");
    name_of(&verified)
}

/// Damage that SQLite does not see: records and slots that do not fit.
#[test]
fn records_without_their_slots_are_found() {
    check("UPDATE record SET length = length + 4096 WHERE slot = 5", "Corrupt");
    check("UPDATE record SET slot = slot + 100000 WHERE slot = 5", "Corrupt");
    check("UPDATE record SET length = 9223372036854775807 WHERE slot = 5", "Corrupt");
    check("UPDATE slot SET bytes = substr(bytes, 2) WHERE id = 5", "Corrupt");
    check("DELETE FROM slot WHERE id = 5", "Corrupt");

    // These leave the records readable.
    check_verify("UPDATE record SET version = 0 WHERE slot = 5");
    check_verify("UPDATE record SET tab = 250 WHERE slot = 5");
    check_verify("DELETE FROM free_slot");
    check_verify("INSERT INTO free_slot SELECT length(bytes), id FROM slot WHERE id = 5");
    check_verify("UPDATE slot SET bytes = randomblob(length(bytes)) WHERE id = (SELECT id FROM free_slot)");

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let dir = meddled(sql);
        let store = open(dir.path());
        let scan = block_on(store.scan(Table::Keys, b"", None, 10_000));
        assert_eq!(name_of(&scan), expected, "{sql}");
        assert_eq!(name_of(&block_on(store.verify())), "Corrupt", "{sql}");
    }

    #[track_caller]
    fn check_verify(sql: &str) {
        let dir = meddled(sql);
        assert_eq!(name_of(&block_on(open(dir.path()).verify())), "Corrupt", "{sql}");
    }

    /// A database on which `sql` was run.
    fn meddled(sql: &str) -> tempfile::TempDir {
        let dir = temp_dir();
        fill(&open(dir.path()), 5);
        let db = rusqlite::Connection::open(dir.path().join(DATABASE)).expect("a database");
        assert_ne!(db.execute(sql, []).expect("the meddling"), 0, "{sql}");
        dir
    }
}

#[test]
fn a_sound_database_verifies_while_it_is_written() {
    let dir = temp_dir();
    let store = open(dir.path());
    fill(&store, 6);
    let verify = crate::suite::runtime().spawn(store.verify());
    for number in 0..50_u32 {
        let put = Batch::new().put(Table::Grants, number.to_be_bytes(), Expect::Absent, vec![3; 2000]);
        block_on(store.commit(put)).expect("a commit");
    }
    block_on(verify).expect("a task").expect("a sound database");
    block_on(store.verify()).expect("a sound database");
}
