//! Crashes, by what they leave in the directory: a database, and a log that ends anywhere.
//!
//! `tests/kill.rs` kills a real process; here every ending of the log is tried.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{DATABASE, Dice, LOG, copy_files, name_of, open, open_without_checkpoints, temp_dir};
use crate::suite::{block_on, commit, found, keys_of};
use crate::{Batch, Expect, SqliteStore, Store, Table, Version};

/// Each commit adds a record and counts it: in each state that a commit left, there are as many records as the counter says.
fn count_up(store: &dyn Store, number: u64) {
    let expect = if number == 1 { Expect::Absent } else { Expect::At(Version(number - 1)) };
    let key = number.to_be_bytes();
    commit(
        store,
        Batch::new().put(Table::Outbox, key, Expect::Absent, vec![number as u8; (number * 997 % 9000) as usize]).put(
            Table::Meta,
            b"count",
            expect,
            key,
        ),
    );
}

/// How far a store counts, and that it holds what belongs to this count.
#[track_caller]
fn count_in(store: &SqliteStore) -> u64 {
    block_on(store.verify()).expect("a sound database");
    let Some(record) = block_on(store.get(Table::Meta, b"count")).expect("a read") else {
        assert_eq!(keys_of(store, Table::Outbox).len(), 0);
        return 0;
    };
    let count = u64::from_be_bytes(record.value.try_into().expect("eight bytes"));
    assert_eq!(record.version.0, count);
    assert_eq!(keys_of(store, Table::Outbox).len() as u64, count);
    for number in 1..=count {
        let value = vec![number as u8; (number * 997 % 9000) as usize];
        assert!(found(store, Table::Outbox, &number.to_be_bytes()) == (1, value), "record {number} of {count}");
    }
    count
}

#[test]
fn a_log_that_ends_anywhere_holds_the_commits_before() {
    const COMMITS: u64 = 40;
    let dir = temp_dir();
    let store = open_without_checkpoints(dir.path());
    let mut ends = vec![0];
    for number in 1..=COMMITS {
        count_up(&store, number);
        ends.push(fs::metadata(dir.path().join(LOG)).expect("the log").len());
    }
    let dice = Dice::new(7);
    let whole = *ends.last().expect("ends");
    let random = (0..60).map(|_| dice.below(whole as usize) as u64);
    let edges = ends.iter().flat_map(|&end| [end.saturating_sub(1), end, end + 1]);
    for end in random.chain(edges) {
        let copy = temp_dir();
        copy_files(dir.path(), copy.path());
        fs::OpenOptions::new()
            .write(true)
            .open(copy.path().join(LOG))
            .and_then(|log| log.set_len(end.min(whole)))
            .expect("a cut");
        let expected = ends.iter().filter(|&&commit_end| commit_end <= end).count() as u64 - 1;
        assert_eq!(count_in(&open(copy.path())), expected, "log of {end} bytes");
    }
}

/// SQLite's log has checksums: what follows a damaged frame never comes to life.
#[test]
fn a_damaged_log_holds_the_commits_before() {
    let dir = temp_dir();
    let store = open_without_checkpoints(dir.path());
    (1..=20).for_each(|number| count_up(&store, number));
    let length = fs::metadata(dir.path().join(LOG)).expect("the log").len() as usize;
    let dice = Dice::new(8);
    for _ in 0..60 {
        let copy = temp_dir();
        copy_files(dir.path(), copy.path());
        let mut log = fs::read(copy.path().join(LOG)).expect("the log");
        log[dice.below(length)] ^= 1 << dice.below(8);
        fs::write(copy.path().join(LOG), log).expect("the log");
        assert!(count_in(&open(copy.path())) <= 20);
    }
}

/// Copies taken in the middle of the work hold whatever was acknowledged before they were begun.
#[test]
fn copies_under_load_hold_what_was_acknowledged() {
    let dir = temp_dir();
    let store = open_without_checkpoints(dir.path());
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=300 {
                count_up(&store, number);
                acknowledged.store(number, Ordering::SeqCst);
            }
        });
        while acknowledged.load(Ordering::SeqCst) < 300 {
            let before = acknowledged.load(Ordering::SeqCst);
            let copy = temp_dir();
            copy_files(dir.path(), copy.path());
            let count = count_in(&open(copy.path()));
            assert!(count >= before, "{count} of {before}");
        }
    });
}

/// A crash between the steps of making a database leaves none, and the next start makes it.
#[test]
fn a_database_appears_whole_or_not_at_all() {
    let whole = temp_dir();
    drop(open(whole.path()));
    let bytes = fs::read(whole.path().join(DATABASE)).expect("a database");
    for length in [0, 1, 100, 4096, bytes.len() - 1, bytes.len()] {
        let dir = temp_dir();
        fs::write(dir.path().join("strongroom.db.new"), &bytes[..length]).expect("an unfinished database");
        let outcome = SqliteStore::open(dir.path());
        assert_eq!(name_of(&outcome), "Ok", "{length} bytes");
        count_up(&outcome.expect("a store"), 1);
    }
}
