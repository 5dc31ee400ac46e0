//! Random batches, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Fixture, block_on};
use crate::{Batch, Error, Expect, Record, Store, Table, Version};

/// How many sequences are tried, and how long they are at most.
const SEQUENCES: u32 = 48;
const OPERATIONS: usize = 40;

/// After every operation the store holds what the model holds.
pub fn random_batches_do_what_the_model_does(fixture: &mut Fixture) {
    try_sequences(fixture, false);
}

/// The same with the store opened again here and there.
pub fn random_batches_and_reopenings_do_what_the_model_does(fixture: &mut Fixture) {
    try_sequences(fixture, true);
}

fn try_sequences(fixture: &mut Fixture, reopening: bool) {
    // The failing sequence, made small, is in the message; a file with its seed would lie in somebody else's source tree.
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let fixture = std::cell::RefCell::new(fixture);
    TestRunner::new(config)
        .run(&prop::collection::vec(operation(reopening), 1..OPERATIONS), |operations| {
            let mut fixture = fixture.borrow_mut();
            let mut model = Model::default();
            empty(&*fixture.store());
            operations.iter().for_each(|operation| try_operation(&mut fixture, &mut model, operation));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[derive(Clone, Debug)]
enum Operation {
    Commit(Vec<Plan>),
    Scan { table: Table, prefix: Vec<u8>, after: Option<Vec<u8>>, limit: usize },
    Reopen,
}

/// A step whose expectation is fixed when it is its turn: mostly what is there by then, sometimes not.
#[derive(Clone, Debug)]
struct Plan {
    table: Table,
    key: Vec<u8>,
    action: PlannedAction,
    expect: PlannedExpect,
}

#[derive(Clone, Copy, Debug)]
enum PlannedAction {
    Put { length: usize, fill: u8 },
    Delete,
    Check,
}

#[derive(Clone, Copy, Debug)]
enum PlannedExpect {
    Met,
    Fixed(Expect),
}

const TABLES: [Table; 3] = [Table::Meta, Table::Keys, Table::Outbox];

fn operation(reopening: bool) -> impl Strategy<Value = Operation> {
    let scan = (table(), key(), prop::option::of(key()), 0..8_usize);
    prop_oneof![
        8 => prop::collection::vec(plan(), 0..8).prop_map(Operation::Commit),
        4 => scan.prop_map(|(table, prefix, after, limit)| Operation::Scan { table, prefix, after, limit }),
        u32::from(reopening) => Just(Operation::Reopen),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let length = prop_oneof![8 => 0..200_usize, 4 => 200..5000_usize, 1 => 5000..100_000_usize];
    let action = prop_oneof![
        6 => (length, any::<u8>()).prop_map(|(length, fill)| PlannedAction::Put { length, fill }),
        3 => Just(PlannedAction::Delete),
        1 => Just(PlannedAction::Check),
    ];
    let expect = prop_oneof![
        20 => Just(PlannedExpect::Met),
        1 => Just(PlannedExpect::Fixed(Expect::Absent)),
        1 => (0..4_u64).prop_map(|version| PlannedExpect::Fixed(Expect::At(Version(version)))),
    ];
    (table(), key(), action, expect).prop_map(|(table, key, action, expect)| Plan { table, key, action, expect })
}

fn table() -> impl Strategy<Value = Table> {
    prop::sample::select(&TABLES[..])
}

/// Few keys, so that steps meet; at the edges of byte order, so that scans err.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&[0_u8, b'a', 0xff][..]), 0..3)
}

#[derive(Clone, Default)]
struct Model(BTreeMap<(Table, Vec<u8>), (u64, Vec<u8>)>);

impl Model {
    /// The batch that `plans` come to, and what it leaves behind; where it conflicts, if it does.
    fn plan(&self, plans: &[Plan]) -> (Batch, Result<Self, (Table, Vec<u8>)>) {
        let (mut batch, mut after, mut conflict) = (Batch::new(), self.clone(), None);
        for plan in plans {
            let place = (plan.table, plan.key.clone());
            let current = after.0.get(&place).map(|(version, _)| *version);
            let met = current.map_or(Expect::Absent, |version| Expect::At(Version(version)));
            let mut expect = match plan.expect {
                PlannedExpect::Met => met,
                PlannedExpect::Fixed(expect) => expect,
            };
            if let (PlannedAction::Delete, Expect::Absent) = (plan.action, expect) {
                // There is no way to say this; a version that nothing has is as wrong.
                expect = Expect::At(Version(9));
            }
            if expect != met && conflict.is_none() {
                conflict = Some(place.clone());
            }
            batch = match plan.action {
                PlannedAction::Put { length, fill } => {
                    let version = current.map_or(1, |version| version + 1);
                    after.0.insert(place, (version, vec![fill; length]));
                    batch.put(plan.table, plan.key.clone(), expect, vec![fill; length])
                }
                PlannedAction::Delete => {
                    after.0.remove(&place);
                    batch.delete(plan.table, plan.key.clone(), version_in(expect))
                }
                PlannedAction::Check => batch.check(plan.table, plan.key.clone(), expect),
            };
        }
        (batch, conflict.map_or(Ok(after), Err))
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Record> {
        let mut records = Vec::new();
        for ((of, key), (version, value)) in &self.0 {
            let matches = *of == table && key.starts_with(prefix) && after.is_none_or(|after| key.as_slice() > after);
            if matches && records.len() < limit {
                records.push(Record { key: key.clone(), version: Version(*version), value: value.clone() });
            }
        }
        records
    }
}

fn version_in(expect: Expect) -> Version {
    match expect {
        Expect::At(version) => version,
        Expect::Absent => Version(9),
    }
}

fn try_operation(fixture: &mut Fixture, model: &mut Model, operation: &Operation) {
    match operation {
        Operation::Reopen => fixture.reopen(),
        Operation::Scan { table, prefix, after, limit } => {
            let found = block_on(fixture.store().scan(*table, prefix, after.as_deref(), *limit)).expect("a scan");
            assert_eq!(found, model.scan(*table, prefix, after.as_deref(), *limit));
        }
        Operation::Commit(plans) => {
            let (batch, expected) = model.plan(plans);
            match (block_on(fixture.store().commit(batch)), expected) {
                (Ok(()), Ok(after)) => *model = after,
                (Err(Error::Conflict { table, key }), Err(place)) => assert_eq!((table, key), place),
                (got, expected) => panic!("{got:?} instead of {:?}", expected.map(drop)),
            }
        }
    }
    compare(&*fixture.store(), model);
}

fn compare(store: &dyn Store, model: &Model) {
    for table in TABLES {
        let expected = model.scan(table, b"", None, usize::MAX);
        assert_eq!(block_on(store.scan(table, b"", None, 1000)).expect("a scan"), expected);
        for record in expected {
            assert_eq!(block_on(store.get(table, &record.key)).expect("a read"), Some(record));
        }
    }
}

fn empty(store: &dyn Store) {
    for table in TABLES {
        let records = block_on(store.scan(table, b"", None, 1000)).expect("a scan");
        let batch =
            records.into_iter().fold(Batch::new(), |batch, record| batch.delete(table, record.key, record.version));
        block_on(store.commit(batch)).expect("an empty store");
    }
}
