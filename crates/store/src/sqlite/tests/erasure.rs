//! What is deleted is gone: no file of the directory holds it any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::writer::Tuning;
use super::{DATABASE, Dice, LOG, copy_files, open, open_without_checkpoints, temp_dir};
use crate::suite::{block_on, commit};
use crate::{Batch, Expect, SqliteStore, Store, Table, Version};

/// Bytes of a value that are looked for. Random, so that a hit is a leak.
const PIECE: usize = 16;

/// What is alive, by key, and what is not.
#[derive(Default)]
struct Population {
    alive: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    dead: Vec<Vec<u8>>,
}

impl Population {
    /// Creates, replaces and deletes records of `sizes` bytes at random, several in a batch.
    fn live(&mut self, store: &dyn Store, dice: &Dice, batches: usize, sizes: std::ops::Range<usize>) {
        for _ in 0..batches {
            let mut batch = Batch::new();
            for _ in 0..1 + dice.below(12) {
                let value = dice.bytes(sizes.start + dice.below(sizes.len()));
                batch = self.step(batch, dice, value);
            }
            commit(store, batch);
        }
    }

    fn step(&mut self, batch: Batch, dice: &Dice, value: Vec<u8>) -> Batch {
        let choice = dice.below(10);
        if choice < 4 || self.alive.is_empty() {
            let key = dice.bytes(16);
            self.alive.insert(key.clone(), (1, value.clone()));
            return batch.put(Table::KeyMaterials, key, Expect::Absent, value);
        }
        let key = self.alive.keys().nth(dice.below(self.alive.len())).expect("one of them").clone();
        let (version, old) = self.alive.remove(&key).expect("alive");
        self.dead.push(old);
        if choice < 7 {
            self.alive.insert(key.clone(), (version + 1, value.clone()));
            batch.put(Table::KeyMaterials, key, Expect::At(Version(version)), value)
        } else {
            batch.delete(Table::KeyMaterials, key, Version(version))
        }
    }

    fn delete_all(&mut self, store: &dyn Store) {
        for (key, (version, value)) in std::mem::take(&mut self.alive) {
            commit(store, Batch::new().delete(Table::KeyMaterials, key, Version(version)));
            self.dead.push(value);
        }
    }

    /// Dead values of which a piece is still in the directory; and living ones of which none is, which would show that the search is blind.
    fn survey(&self, dir: &Path) -> (usize, usize) {
        let alive: Vec<&[u8]> = self.alive.values().map(|(_, value)| value.as_slice()).collect();
        let dead: Vec<&[u8]> = self.dead.iter().map(Vec::as_slice).collect();
        (seen_in(dir, &dead), alive.len() - seen_in(dir, &alive))
    }
}

/// How many of `values` show themselves in the files of `dir` by at least one piece.
fn seen_in(dir: &Path, values: &[&[u8]]) -> usize {
    let pieces: HashMap<&[u8], usize> = values
        .iter()
        .enumerate()
        .flat_map(|(number, value)| value.chunks_exact(PIECE).map(move |piece| (piece, number)))
        .collect();
    // Most windows are not pieces, and three bytes tell.
    let mut beginnings = vec![false; 1 << 24];
    pieces.keys().for_each(|piece| beginnings[beginning(piece)] = true);
    let mut seen: HashSet<&usize> = HashSet::new();
    for name in [DATABASE, LOG] {
        let bytes = fs::read(dir.join(name)).unwrap_or_default();
        let candidates = bytes.windows(PIECE).filter(|window| beginnings[beginning(window)]);
        seen.extend(candidates.filter_map(|window| pieces.get(window)));
    }
    seen.len()
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

#[test]
fn deleted_values_are_in_no_file_after_a_checkpoint() {
    check(40..400, 300);
    check(300..1500, 300);
    check(900..6000, 200);
    check(PIECE..20_000, 100);

    #[track_caller]
    fn check(sizes: std::ops::Range<usize>, batches: usize) {
        let (dir, dice) = (temp_dir(), Dice::new(sizes.end as u64));
        let store = open_without_checkpoints(dir.path());
        let mut population = Population::default();
        for _ in 0..3 {
            population.live(&store, &dice, batches, sizes.clone());
            assert!(population.survey(dir.path()).0 > 0, "the log still shows the dead: the search sees them");
            block_on(store.checkpoint()).expect("a checkpoint");
            assert_eq!(population.survey(dir.path()), (0, 0), "{sizes:?}, {} dead", population.dead.len());
        }
        population.delete_all(&store);
        block_on(store.checkpoint()).expect("a checkpoint");
        assert_eq!(population.survey(dir.path()), (0, 0), "{sizes:?}, {} dead", population.dead.len());
        block_on(store.verify()).expect("a sound database");
    }
}

/// Nobody has to ask for it.
#[test]
fn deleted_values_go_by_themselves() {
    let (dir, dice) = (temp_dir(), Dice::new(1));
    let tuning = Tuning { checkpoint_after: Duration::from_millis(50), ..Tuning::default() };
    let store = SqliteStore::open_tuned(dir.path(), tuning).expect("a store");
    let mut population = Population::default();
    population.live(&store, &dice, 100, 100..1000);
    let start = Instant::now();
    while population.survey(dir.path()) != (0, 0) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", population.survey(dir.path()));
        thread::sleep(Duration::from_millis(20));
    }
    assert!(population.dead.len() > 100);
}

/// A crash before the checkpoint: the next start makes up for it.
#[test]
fn deleted_values_are_gone_after_a_crash_and_a_start() {
    let (dir, copy, dice) = (temp_dir(), temp_dir(), Dice::new(2));
    let store = open_without_checkpoints(dir.path());
    let mut population = Population::default();
    population.live(&store, &dice, 100, 100..1000);
    copy_files(dir.path(), copy.path());
    assert!(population.survey(copy.path()).0 > 0);
    let _second = open(copy.path());
    assert_eq!(population.survey(copy.path()), (0, 0));
}

/// Slots of deleted values serve new ones of their size: the database does not grow with the number of changes.
#[test]
fn room_is_used_again() {
    let (dir, dice) = (temp_dir(), Dice::new(3));
    let store = open(dir.path());
    let length = || fs::metadata(dir.path().join(DATABASE)).expect("the database").len();
    let mut first = None;
    for _ in 0..6 {
        let mut population = Population::default();
        for _ in 0..20 {
            let (key, value) = (dice.bytes(16), dice.bytes(900));
            commit(&store, Batch::new().put(Table::KeyMaterials, key.clone(), Expect::Absent, value.clone()));
            population.alive.insert(key, (1, value));
        }
        population.delete_all(&store);
        block_on(store.checkpoint()).expect("a checkpoint");
        let length = length();
        assert_eq!(*first.get_or_insert(length), length);
    }
}
