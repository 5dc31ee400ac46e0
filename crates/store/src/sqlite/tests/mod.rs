//! What the embedded store alone can do and suffer.

mod damage;
mod erasure;
mod full;
mod opening;
mod torn;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use strongroom_core::world::{Rng as _, SeededRng};
use tempfile::TempDir;

use super::SqliteStore;
use super::writer::Tuning;
use crate::suite::{Fixture, commit};
use crate::{Batch, Error, Expect, Store, Table};

crate::suite!(
    suite,
    || {
        let dir = temp_dir();
        Fixture::durable(move || open(dir.path()))
    },
    durable
);

const DATABASE: &str = "strongroom.db";
const LOG: &str = "strongroom.db-wal";

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(3600);

fn temp_dir() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

#[track_caller]
fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir).unwrap_or_else(|error| panic!("{error}"))
}

/// A store that leaves its log alone, so that a test finds commits in it.
#[track_caller]
fn open_without_checkpoints(dir: &Path) -> SqliteStore {
    let tuning = Tuning { settle_after: FOREVER, erase_within: FOREVER, log_limit_pages: u64::MAX, page_limit: None };
    SqliteStore::open_tuned(dir, tuning).unwrap_or_else(|error| panic!("{error}"))
}

/// The variant's name alone, for tables of expectations.
fn name_of<T>(outcome: &Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => "Ok",
        Err(Error::Conflict { .. }) => "Conflict",
        Err(Error::TooBig(_)) => "TooBig",
        Err(Error::Corrupt(_)) => "Corrupt",
        Err(Error::Foreign(_)) => "Foreign",
        Err(Error::Newer(_)) => "Newer",
        Err(Error::InUse(_)) => "InUse",
        Err(Error::Io(_)) => "Io",
        Err(Error::Full) => "Full",
        Err(Error::Closed) => "Closed",
    }
}

/// Every file of `dir` with its bytes. The lock, which says nothing, is left out; so is the index of the log, which is made anew at will.
fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("the directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name of ours");
        let bytes =
            if entry.path().is_dir() { b"<directory>".to_vec() } else { fs::read(entry.path()).expect("a file") };
        if name != "lock" && name != "strongroom.db-shm" {
            files.insert(name, bytes);
        }
    }
    files
}

/// Copies database and log as they lie there: what a crash at this moment would leave.
fn copy_files(from: &Path, to: &Path) {
    for name in [DATABASE, LOG] {
        fs::copy(from.join(name), to.join(name)).expect("a copy");
    }
}

/// Numbers that a seed repeats.
struct Dice(SeededRng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).expect("seeded");
        (u64::from_be_bytes(bytes) % bound as u64) as usize
    }

    fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill(&mut bytes).expect("seeded");
        bytes
    }
}

/// Enough records to fill b-trees of several levels, overflow pages, and free slots.
fn fill(store: &dyn Store, seed: u64) {
    let dice = Dice::new(seed);
    for number in 0..20_u32 {
        let batch = (0..20_u32).fold(Batch::new(), |batch, step| {
            let key = [number.to_be_bytes(), step.to_be_bytes()].concat();
            batch.put(Table::Keys, key, Expect::Absent, dice.bytes(dice.below(3000)))
        });
        commit(store, batch);
    }
    let doomed = (0..10_u32).fold(Batch::new(), |batch, number| {
        batch.delete(Table::Keys, [(2 * number).to_be_bytes(), 7_u32.to_be_bytes()].concat(), crate::Version(1))
    });
    commit(store, doomed);
}
