//! Puts, deletions, checks, and what they expect.

use super::{Fixture, at, block_on, commit, conflict, found, get, keys_of};
use crate::{
    Batch, Error, Expect, Limit, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_KEY_BYTES, MAX_VALUE_BYTES, Table, Version,
};

/// Tables do not share keys, and every one of them works.
pub fn a_record_is_what_was_put(fixture: &mut Fixture) {
    let store = fixture.store();
    for &table in Table::ALL {
        assert_eq!(get(&store, table, b"key"), None, "{table}");
        commit(&store, Batch::new().put(table, b"key", Expect::Absent, table.as_str()));
    }
    for &table in Table::ALL {
        assert_eq!(found(&store, table, b"key"), (1, table.as_str().into()), "{table}");
        assert_eq!(keys_of(&store, table), ["key"], "{table}");
        commit(&store, Batch::new().delete(table, b"key", Version::FIRST));
        assert_eq!(get(&store, table, b"key"), None, "{table}");
    }
}

/// One for the first write, one more for each after it, from the start after a deletion.
pub fn versions_count_writes(fixture: &mut Fixture) {
    let store = fixture.store();
    for life in ["first", "second"] {
        let mut expect = Expect::Absent;
        for write in 1..=5 {
            let value = format!("{life} {write}");
            commit(&store, Batch::new().put(Table::Keys, b"key", expect, value.clone()));
            assert_eq!(found(&store, Table::Keys, b"key"), (write, value.into()));
            assert_eq!(expect.next_version(), Version(write));
            expect = Expect::At(Version(write));
        }
        commit(&store, Batch::new().check(Table::Keys, b"key", at(5)));
        assert_eq!(found(&store, Table::Keys, b"key").0, 5, "a check is no write");
        commit(&store, Batch::new().delete(Table::Keys, b"key", Version(5)));
    }
}

/// Every step against every state: it does its work when it finds what it expects, and nothing otherwise.
pub fn expectations_are_exact(fixture: &mut Fixture) {
    const VERSIONS: [u64; 6] = [0, 1, 2, 3, i64::MAX as u64, u64::MAX];
    let store = fixture.store();
    for state in [None, Some(1), Some(2)] {
        check(&store, state, &|batch| batch.put(Table::Keys, b"key", Expect::Absent, b"new"), state.is_none());
        check(&store, state, &|batch| batch.check(Table::Keys, b"key", Expect::Absent), state.is_none());
        for version in VERSIONS {
            let met = state == Some(version);
            check(&store, state, &|batch| batch.put(Table::Keys, b"key", at(version), b"new"), met);
            check(&store, state, &|batch| batch.check(Table::Keys, b"key", at(version)), met);
            check(&store, state, &|batch| batch.delete(Table::Keys, b"key", Version(version)), met);
        }
    }

    #[track_caller]
    fn check(store: &dyn crate::Store, state: Option<u64>, step: &dyn Fn(Batch) -> Batch, met: bool) {
        if let Some(record) = get(store, Table::Keys, b"key") {
            commit(store, Batch::new().delete(Table::Keys, b"key", record.version));
        }
        for version in 1..=state.unwrap_or(0) {
            let expect = if version == 1 { Expect::Absent } else { at(version - 1) };
            commit(store, Batch::new().put(Table::Keys, b"key", expect, b"old"));
        }
        let before = get(store, Table::Keys, b"key");
        let batch = step(Batch::new());
        let outcome = block_on(store.commit(batch.clone()));
        if met {
            assert!(outcome.is_ok(), "{batch:?} at {state:?}: {outcome:?}");
        } else {
            assert_eq!(conflict(outcome), (Table::Keys, b"key".to_vec()), "{batch:?} at {state:?}");
            assert_eq!(get(store, Table::Keys, b"key"), before, "{batch:?} at {state:?}");
        }
    }
}

/// A conflict at any place undoes every other step, whatever it did.
pub fn a_batch_is_applied_whole_or_not_at_all(fixture: &mut Fixture) {
    const STEPS: usize = 9;
    let store = fixture.store();
    commit(
        &store,
        (0..STEPS).fold(Batch::new(), |batch, number| {
            batch.put(Table::Keys, [b'u', number as u8], Expect::Absent, b"old").put(
                Table::Grants,
                [b'd', number as u8],
                Expect::Absent,
                vec![7; 3000],
            )
        }),
    );
    let before = everything(&store);
    for culprit in 0..=STEPS {
        let batch = (0..STEPS).fold(Batch::new(), |batch, number| {
            let expect = if number == culprit { Expect::Absent } else { at(1) };
            batch
                .put(Table::Keys, [b'u', number as u8], expect, vec![b'n'; 200 * number])
                .put(Table::Keys, [b'c', number as u8], Expect::Absent, b"new")
                .delete(Table::Grants, [b'd', number as u8], Version(1))
        });
        let outcome = block_on(store.commit(batch));
        if culprit < STEPS {
            assert_eq!(conflict(outcome), (Table::Keys, vec![b'u', culprit as u8]));
            assert_eq!(everything(&store), before, "conflict at {culprit}");
        } else {
            outcome.expect("no conflict");
            assert_eq!(keys_of(&store, Table::Keys).len(), 2 * STEPS);
            assert_eq!(keys_of(&store, Table::Grants).len(), 0);
        }
    }
}

/// Steps on one record follow each other.
pub fn steps_see_the_steps_before_them(fixture: &mut Fixture) {
    let store = fixture.store();
    let life = Batch::new()
        .check(Table::Keys, b"key", Expect::Absent)
        .put(Table::Keys, b"key", Expect::Absent, b"one")
        .put(Table::Keys, b"key", at(1), b"two")
        .check(Table::Keys, b"key", at(2))
        .delete(Table::Keys, b"key", Version(2))
        .check(Table::Keys, b"key", Expect::Absent)
        .put(Table::Keys, b"key", Expect::Absent, b"three");
    commit(&store, life.clone());
    assert_eq!(found(&store, Table::Keys, b"key"), (1, b"three".to_vec()));
    // The whole life once more needs the record gone first.
    assert_eq!(conflict(block_on(store.commit(life.clone()))).0, Table::Keys);
    commit(&store, Batch::new().delete(Table::Keys, b"key", Version(1)).and(life));
    assert_eq!(found(&store, Table::Keys, b"key"), (1, b"three".to_vec()));
}

/// Sizes around every border that a backend may have, each also as the successor of each neighbour.
pub fn values_of_every_size_come_back(fixture: &mut Fixture) {
    const SIZES: [usize; 19] = [
        0,
        1,
        63,
        64,
        65,
        127,
        128,
        1000,
        1024,
        1025,
        4000,
        4061,
        4062,
        4096,
        5000,
        65_535,
        65_536,
        300_000,
        MAX_VALUE_BYTES,
    ];
    let store = fixture.store();
    let value = |size: usize, salt: usize| (0..size).map(|at| (at * 31 + size + salt) as u8).collect::<Vec<_>>();
    for size in SIZES {
        let key = size.to_be_bytes();
        commit(&store, Batch::new().put(Table::Keys, key, Expect::Absent, value(size, 0)));
        assert!(found(&store, Table::Keys, &key) == (1, value(size, 0)), "{size} bytes");
    }
    for (step, pair) in SIZES.windows(2).chain(SIZES.windows(2).rev()).enumerate() {
        let (key, version) = (pair[0].to_be_bytes(), found(&store, Table::Keys, &pair[0].to_be_bytes()).0);
        let size = if step < SIZES.len() - 1 { pair[1] } else { pair[0] };
        commit(&store, Batch::new().put(Table::Keys, key, at(version), value(size, step)));
        assert!(found(&store, Table::Keys, &key) == (version + 1, value(size, step)), "{} to {size} bytes", pair[0]);
    }
    let longest = vec![0xff; MAX_KEY_BYTES];
    commit(
        &store,
        Batch::new().put(Table::Keys, longest.clone(), Expect::Absent, b"").put(Table::Keys, b"", Expect::Absent, b"e"),
    );
    assert_eq!(found(&store, Table::Keys, &longest), (1, Vec::new()));
    assert_eq!(found(&store, Table::Keys, b""), (1, b"e".to_vec()));
}

/// Who breaks a limit is told which, and nothing happened.
pub fn a_broken_limit_changes_nothing(fixture: &mut Fixture) {
    let store = fixture.store();
    let first = || Batch::new().put(Table::Keys, b"first", Expect::Absent, b"");
    let many = |count: usize, bytes: usize| {
        (0..count)
            .fold(first(), |batch, number| batch.put(Table::Keys, number.to_be_bytes(), Expect::Absent, vec![1; bytes]))
    };
    let check = |batch: Batch, limit: Limit| match block_on(store.commit(batch)) {
        Err(Error::TooBig(broken)) => assert_eq!(broken, limit),
        other => panic!("{other:?} instead of {limit:?}"),
    };
    check(first().put(Table::Keys, vec![0; MAX_KEY_BYTES + 1], Expect::Absent, b""), Limit::KeyBytes);
    check(first().put(Table::Keys, b"key", Expect::Absent, vec![0; MAX_VALUE_BYTES + 1]), Limit::ValueBytes);
    check(many(MAX_BATCH_RECORDS, 0), Limit::BatchRecords);
    check(many(MAX_BATCH_BYTES / MAX_VALUE_BYTES, MAX_VALUE_BYTES), Limit::BatchBytes);
    assert_eq!(everything(&store), []);
    commit(&store, Batch::new());
    commit(&store, many(MAX_BATCH_RECORDS - 1, 1));
    assert_eq!(keys_of(&store, Table::Keys).len(), MAX_BATCH_RECORDS);
}

/// Making the future is not sending the batch.
pub fn an_unpolled_commit_changes_nothing(fixture: &mut Fixture) {
    let store = fixture.store();
    drop(store.commit(Batch::new().put(Table::Keys, b"key", Expect::Absent, b"value")));
    assert_eq!(get(&store, Table::Keys, b"key"), None);
}

/// All records of all tables.
pub(super) fn everything(store: &dyn crate::Store) -> Vec<(Table, crate::Record)> {
    let of = |table| block_on(store.scan(table, b"", None, crate::MAX_SCAN_RECORDS)).expect("a scan");
    Table::ALL.iter().flat_map(|&table| of(table).into_iter().map(move |record| (table, record))).collect()
}
