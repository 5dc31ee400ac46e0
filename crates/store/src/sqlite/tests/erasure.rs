//! What is deleted is gone: no file of the directory holds it any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::writer::Tuning;
use super::{DATABASE, Dice, FOREVER, LOG, copy_files, open, open_without_checkpoints, temp_dir};
use crate::suite::{block_on, commit};
use crate::{Batch, Expect, SqliteStore, Store, Table, Version};

/// Bytes of a value that are looked for, at every 64th of it. Random, so that a hit is a leak.
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
            for _ in 0..1 + dice.below(40) {
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
        let alive: Vec<_> = std::mem::take(&mut self.alive).into_iter().collect();
        for doomed in alive.chunks(50) {
            let batch = doomed.iter().fold(Batch::new(), |batch, (key, (version, _))| {
                batch.delete(Table::KeyMaterials, key.clone(), Version(*version))
            });
            commit(store, batch);
        }
        self.dead.extend(alive.into_iter().map(|(_, (_, value))| value));
    }

    /// Dead values of which a piece is still in the directory; and living ones of which none is, which would show that the search is blind.
    fn survey(&self, dir: &Path) -> (usize, usize) {
        let dead = self.dead.iter().map(|value| (value.as_slice(), false));
        let alive = self.alive.values().map(|(_, value)| (value.as_slice(), true));
        let seen = seen_in(dir, dead.chain(alive));
        let seen_alive = seen.iter().filter(|(_, alive)| *alive).count();
        (seen.len() - seen_alive, self.alive.len() - seen_alive)
    }
}

/// The numbers of those of `values` that show themselves in the files of `dir` by at least one piece, and whether they are alive.
fn seen_in<'v>(dir: &Path, values: impl Iterator<Item = (&'v [u8], bool)>) -> HashSet<(usize, bool)> {
    let pieces: HashMap<&[u8], (usize, bool)> = values
        .enumerate()
        .flat_map(|(number, (value, alive))| {
            value.chunks_exact(PIECE).step_by(4).map(move |piece| (piece, (number, alive)))
        })
        .collect();
    // Most places are not the beginning of a piece, and three bytes tell.
    let mut beginnings = vec![false; 1 << 24];
    pieces.keys().for_each(|piece| beginnings[piece[..3].iter().fold(0, shift_in)] = true);
    let mut seen = HashSet::new();
    for name in [DATABASE, LOG] {
        let bytes = fs::read(dir.join(name)).unwrap_or_default();
        let mut last_three = 0;
        for (at, byte) in bytes.iter().enumerate() {
            last_three = shift_in(last_three, byte);
            if beginnings[last_three] && at >= 2 {
                seen.extend(bytes.get(at - 2..at - 2 + PIECE).and_then(|window| pieces.get(window)).copied());
            }
        }
    }
    seen
}

fn shift_in(last_three: usize, byte: &u8) -> usize {
    (last_three << 8 | usize::from(*byte)) & 0xff_ffff
}

#[test]
fn deleted_values_are_in_no_file_after_a_checkpoint() {
    check(40..400, 80);
    check(300..1500, 80);
    check(900..6000, 60);
    check(PIECE..20_000, 30);

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

/// Nobody has to ask for it, and it does not wait for a pause.
#[test]
fn deleted_values_go_by_themselves() {
    let soon = Duration::from_millis(50);
    check(Tuning { settle_after: soon, erase_within: FOREVER, ..Tuning::default() }, false);
    check(Tuning { settle_after: FOREVER, erase_within: soon, ..Tuning::default() }, true);

    #[track_caller]
    fn check(tuning: Tuning, busy: bool) {
        let (dir, dice) = (temp_dir(), Dice::new(1));
        let store = SqliteStore::open_tuned(dir.path(), tuning).expect("a store");
        let mut population = Population::default();
        population.live(&store, &dice, 30, 100..1000);
        assert!(population.dead.len() > 100);
        let start = Instant::now();
        while population.survey(dir.path()) != (0, 0) {
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", population.survey(dir.path()));
            if busy {
                commit(&store, Batch::new().put(Table::Meta, dice.bytes(16), Expect::Absent, b"never a pause"));
            } else {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// A crash before the checkpoint: the next start makes up for it.
#[test]
fn deleted_values_are_gone_after_a_crash_and_a_start() {
    let (dir, copy, dice) = (temp_dir(), temp_dir(), Dice::new(2));
    let store = open_without_checkpoints(dir.path());
    let mut population = Population::default();
    population.live(&store, &dice, 30, 100..1000);
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

/// A log that is long is used again from its start, without waiting for a pause.
#[test]
fn the_log_stays_short() {
    const LIMIT_PAGES: u64 = 50;
    let (dir, dice) = (temp_dir(), Dice::new(4));
    let tuning =
        Tuning { settle_after: FOREVER, erase_within: FOREVER, log_limit_pages: LIMIT_PAGES, page_limit: None };
    let store = SqliteStore::open_tuned(dir.path(), tuning).expect("a store");
    let length = || fs::metadata(dir.path().join(LOG)).expect("the log").len();
    let mut longest = 0;
    for _ in 0..300 {
        commit(&store, Batch::new().put(Table::Keys, dice.bytes(16), Expect::Absent, dice.bytes(3000)));
        longest = longest.max(length());
    }
    // The commit that passes the limit writes a few pages more; each page has a header of its own.
    assert!((LIMIT_PAGES / 2 * 4096..(LIMIT_PAGES + 20) * 4200).contains(&longest), "{longest} bytes");
    block_on(store.verify()).expect("a sound database");
}
