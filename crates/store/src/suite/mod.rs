//! What every store does: one suite that every backend runs.
//!
//! ```text
//! strongroom_store::suite!(memory, || Fixture::volatile(MemoryStore::new()));
//! strongroom_store::suite!(sqlite, || Fixture::durable(open_in_a_temporary_directory()), durable);
//! ```
//!
//! # Not here
//! What one backend alone can suffer, such as a damaged file: that is tested beside the backend.

pub mod concurrency;
pub mod durability;
pub mod model;
pub mod scans;
pub mod writes;

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::{Batch, Error, Expect, Record, Store, Table, Version};

/// Runs the whole suite as tests in a module `$name`, on the [`Fixture`] that `$make` makes anew for each test.
/// Say `durable` behind it when what was committed outlives the store.
#[macro_export]
macro_rules! suite {
    ($name:ident, $make:expr) => {
        mod $name {
            use super::*;
            $crate::suite_tests! { $make;
                writes::a_record_is_what_was_put, writes::versions_count_writes, writes::expectations_are_exact,
                writes::a_batch_is_applied_whole_or_not_at_all, writes::steps_see_the_steps_before_them,
                writes::values_of_every_size_come_back, writes::a_broken_limit_changes_nothing,
                writes::an_unpolled_commit_changes_nothing,
                scans::scans_find_what_a_filter_finds, scans::pages_miss_nothing_that_stays, scans::a_scan_has_a_limit,
                concurrency::no_update_is_lost, concurrency::one_of_many_creates, concurrency::a_scan_sees_one_state,
                concurrency::an_acknowledged_write_is_seen, concurrency::a_dropped_commit_is_whole,
                model::random_batches_do_what_the_model_does,
            }
        }
    };
    ($name:ident, $make:expr, durable) => {
        $crate::suite!($name, $make);
        mod durable {
            use super::*;
            $crate::suite_tests! { $make;
                durability::what_was_committed_is_there_after_reopening, durability::dropping_the_store_finishes_its_commits,
                model::random_batches_and_reopenings_do_what_the_model_does,
            }
        }
    };
}

/// The tests of [`suite!`], one by one.
#[doc(hidden)]
#[macro_export]
macro_rules! suite_tests {
    ($make:expr; $($module:ident :: $test:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            $crate::suite::$module::$test(&mut ($make)());
        })+
    };
}

/// A store under test, and how to open it again.
pub struct Fixture {
    store: Option<Arc<dyn Store>>,
    open: Box<dyn Fn() -> Arc<dyn Store>>,
}

impl Fixture {
    /// For a store that ends with the process.
    pub fn volatile(store: impl Store) -> Self {
        let open = || panic!("a volatile store is not opened again");
        Self { store: Some(Arc::new(store)), open: Box::new(open) }
    }

    /// For a store that `open` opens again with what it had; `open` owns the place where it lies.
    pub fn durable<S: Store>(open: impl Fn() -> S + 'static) -> Self {
        let open: Box<dyn Fn() -> Arc<dyn Store>> = Box::new(move || Arc::new(open()));
        Self { store: Some(open()), open }
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().expect("there is a store except while it is opened again"))
    }

    /// Drops the store, which must be in nobody's hands, and opens it again.
    pub fn reopen(&mut self) {
        let store = self.store.take();
        assert_eq!(store.as_ref().map(Arc::strong_count), Some(1), "the store is still in use");
        drop(store);
        self.store = Some((self.open)());
    }
}

/// Runs `future` to its end, with threads for what it spawns.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// The runtime of [`block_on`]. Stores need none; concurrent callers do.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).build().expect("threads for tests"))
}

/// The keys of all records of `table`, as text.
pub fn keys_of(store: &dyn Store, table: Table) -> Vec<String> {
    let records = block_on(store.scan(table, b"", None, crate::MAX_SCAN_RECORDS)).expect("a scan");
    records.iter().map(|record| String::from_utf8_lossy(&record.key).into_owned()).collect()
}

/// Commits, and expects that it works.
#[track_caller]
pub(crate) fn commit(store: &dyn Store, batch: Batch) {
    if let Err(error) = block_on(store.commit(batch.clone())) {
        panic!("{error}: {batch:?}");
    }
}

/// Reads, and expects that it works.
#[track_caller]
pub(crate) fn get(store: &dyn Store, table: Table, key: &[u8]) -> Option<Record> {
    block_on(store.get(table, key)).expect("a read")
}

/// Reads a record that must be there, and says its version and value.
#[track_caller]
pub(crate) fn found(store: &dyn Store, table: Table, key: &[u8]) -> (u64, Vec<u8>) {
    let record = get(store, table, key).expect("the record");
    assert_eq!(record.key, key);
    (record.version.0, record.value)
}

/// A conflict's place; any other outcome is a failure of the test.
#[track_caller]
pub(crate) fn conflict(outcome: Result<(), Error>) -> (Table, Vec<u8>) {
    match outcome {
        Err(Error::Conflict { table, key }) => (table, key),
        other => panic!("{other:?} instead of a conflict"),
    }
}

/// `Expect::At`, shorter.
pub(crate) const fn at(version: u64) -> Expect {
    Expect::At(Version(version))
}
