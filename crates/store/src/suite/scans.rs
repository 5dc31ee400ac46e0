//! Scans: order, prefixes, pages.

use super::{Fixture, at, block_on, commit};
use crate::{Batch, Error, Expect, Limit, MAX_SCAN_RECORDS, Store, Table, Version};

/// Keys with every trouble at the edges of byte order.
const KEYS: [&[u8]; 16] = [
    b"",
    b"\x00",
    b"\x00\x00",
    b"\x00\xff",
    b"a",
    b"a\x00",
    b"a\x00b",
    b"a\x7f",
    b"a\xff",
    b"a\xff\xff",
    b"a\xff\xff\x00",
    b"b",
    b"\xfe",
    b"\xff",
    b"\xff\x00",
    b"\xff\xff",
];
/// As prefix or as `after`, keys that are not there too.
const OTHERS: [&[u8]; 6] = [b"\x01", b"a\x01", b"a\xfe", b"ab", b"\xff\xff\xff", b"z"];

/// Every prefix with every `after` and many limits, against the definition.
pub fn scans_find_what_a_filter_finds(fixture: &mut Fixture) {
    let store = fixture.store();
    // Neighbouring tables hold keys too, which must not leak in.
    for table in [Table::Accounts, Table::AccountKeys, Table::Keys] {
        let batch = KEYS.iter().fold(Batch::new(), |batch, &key| {
            batch.put(table, key, Expect::Absent, [key, table.as_str().as_bytes()].concat())
        });
        commit(&store, batch);
    }
    commit(&store, Batch::new().put(Table::AccountKeys, b"a\xff", at(1), b"again"));
    let bytes: Vec<&[u8]> = KEYS.into_iter().chain(OTHERS).collect();
    for &prefix in &bytes {
        for after in bytes.iter().map(|&after| Some(after)).chain([None]) {
            for limit in [0, 1, 2, 3, 5, KEYS.len(), KEYS.len() + 1, MAX_SCAN_RECORDS] {
                check(&store, prefix, after, limit);
            }
        }
    }

    #[track_caller]
    fn check(store: &dyn Store, prefix: &[u8], after: Option<&[u8]>, limit: usize) {
        let mut expected: Vec<&[u8]> = KEYS.to_vec();
        expected.sort_unstable();
        expected.retain(|key| key.starts_with(prefix) && after.is_none_or(|after| *key > after));
        expected.truncate(limit);
        let records = block_on(store.scan(Table::AccountKeys, prefix, after, limit)).expect("a scan");
        let keys: Vec<&[u8]> = records.iter().map(|record| record.key.as_slice()).collect();
        assert_eq!(keys, expected, "{prefix:?} after {after:?}, {limit}");
        for record in &records {
            let again = record.key == b"a\xff";
            let value =
                if again { b"again".to_vec() } else { [&record.key, Table::AccountKeys.as_str().as_bytes()].concat() };
            assert_eq!((record.version, &record.value), (Version(1 + u64::from(again)), &value));
        }
    }
}

/// A walk in pages meets each record that is there throughout exactly once, whatever comes and goes meanwhile.
pub fn pages_miss_nothing_that_stays(fixture: &mut Fixture) {
    const RECORDS: u32 = 200;
    let store = fixture.store();
    // What stays has keys of four bytes; what comes and goes has five.
    let staying: Vec<Vec<u8>> = (1..=RECORDS).map(|number| number.to_be_bytes().to_vec()).collect();
    commit(&store, staying.iter().cloned().fold(Batch::new(), put));
    for page in [1, 2, 3, 7, 199, 200, 201] {
        let (mut seen, mut marker) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let records = block_on(store.scan(Table::Grants, b"\0", marker.as_deref(), page)).expect("a page");
            seen.extend(records.iter().map(|record| record.key.clone()));
            let Some(last) = records.into_iter().last() else { break };
            commit(&store, disturb(&last.key));
            marker = Some(last.key);
        }
        seen.retain(|key| key.len() == 4);
        assert_eq!(seen, staying, "pages of {page}");
        remove_guests(&store);
    }

    fn put(batch: Batch, key: Vec<u8>) -> Batch {
        batch.put(Table::Grants, key, Expect::Absent, b"")
    }

    /// A record comes just before the marker and one just after it; a marker that came so itself goes.
    fn disturb(marker: &[u8]) -> Batch {
        match <[u8; 4]>::try_from(marker) {
            Ok(number) => {
                let before = (u32::from_be_bytes(number) - 1).to_be_bytes();
                put(put(Batch::new(), [&before[..], &[2]].concat()), [marker, &[1]].concat())
            }
            Err(_) => Batch::new().delete(Table::Grants, marker, Version(1)),
        }
    }

    fn remove_guests(store: &dyn Store) {
        let records = block_on(store.scan(Table::Grants, b"", None, MAX_SCAN_RECORDS)).expect("a scan");
        let guests = records.into_iter().filter(|record| record.key.len() == 5);
        commit(
            store,
            guests.fold(Batch::new(), |batch, record| batch.delete(Table::Grants, record.key, record.version)),
        );
    }
}

/// A scan that asks for too much is told so, not given less.
pub fn a_scan_has_a_limit(fixture: &mut Fixture) {
    for limit in [MAX_SCAN_RECORDS + 1, usize::MAX] {
        match block_on(fixture.store().scan(Table::Keys, b"", None, limit)) {
            Err(Error::TooBig(broken)) => assert_eq!(broken, Limit::ScanRecords),
            other => panic!("{other:?}"),
        }
    }
}
