//! A disk that is too small, played by a bound on the pages of the database.

use super::super::writer::Tuning;
use super::{name_of, temp_dir};
use crate::suite::{block_on, commit, found, keys_of, runtime};
use crate::{Batch, Expect, SqliteStore, Store as _, StoreFuture, Table, Version};

/// About 1.2 MB.
const PAGES: u32 = 300;

fn small_store(dir: &std::path::Path) -> SqliteStore {
    SqliteStore::open_tuned(dir, Tuning { page_limit: Some(PAGES), ..Tuning::default() }).expect("a store")
}

fn put(store: &SqliteStore, key: &str, bytes: usize) -> StoreFuture<'static, ()> {
    store.commit(Batch::new().put(Table::Keys, key, Expect::Absent, vec![1; bytes]).put(
        Table::Meta,
        key,
        Expect::Absent,
        b"beside it".to_vec(),
    ))
}

#[test]
fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let dir = temp_dir();
    let store = small_store(dir.path());
    let mut fitted = Vec::new();
    let refused = loop {
        let key = format!("{:03}", fitted.len());
        match name_of(&block_on(put(&store, &key, 50_000))) {
            "Ok" => fitted.push(key),
            "Full" => break key,
            other => panic!("{other}"),
        }
    };
    assert!(fitted.len() > 10, "{} fitted", fitted.len());
    // Nothing half done, reads go on, small changes too.
    assert_eq!(keys_of(&store, Table::Keys), fitted);
    assert_eq!(keys_of(&store, Table::Meta), fitted);
    block_on(put(&store, "small", 10)).expect("room for little");
    commit(&store, Batch::new().put(Table::Meta, "small", Expect::At(Version(1)), b"again"));
    assert_eq!(name_of(&block_on(put(&store, &refused, 50_000))), "Full");
    // Room that is given up is there for the next, also after a restart.
    commit(&store, Batch::new().delete(Table::Keys, fitted[3].as_str(), Version(1)));
    block_on(put(&store, &refused, 50_000)).expect("room again");
    block_on(store.verify()).expect("a sound database");
    drop(store);
    let store = small_store(dir.path());
    assert_eq!(found(&store, Table::Keys, refused.as_bytes()), (1, vec![1; 50_000]));
    block_on(store.verify()).expect("a sound database");
}

/// Batches that share a transaction do not share a failure.
#[test]
fn one_batch_too_many_does_not_fail_the_others() {
    let dir = temp_dir();
    let store = small_store(dir.path());
    let big = |number: usize| number % 8 == 5;
    let waiting: Vec<_> = (0..64)
        .map(|number| runtime().spawn(put(&store, &format!("{number:02}"), if big(number) { 1_000_000 } else { 100 })))
        .collect();
    let outcomes: Vec<_> = waiting.into_iter().map(|task| name_of(&block_on(task).expect("a task"))).collect();
    let mut big_ones = 0;
    for (number, outcome) in outcomes.iter().enumerate() {
        match (big(number), *outcome) {
            (true, "Ok") => big_ones += 1,
            (true, "Full") | (false, "Ok") => {}
            (_, other) => panic!("{number}: {other}"),
        }
    }
    // There is room for one of them.
    assert_eq!(big_ones, 1, "{outcomes:?}");
    assert_eq!(keys_of(&store, Table::Keys).len(), 57);
    assert_eq!(keys_of(&store, Table::Meta), keys_of(&store, Table::Keys));
}
