//! What outlives the store.

use super::writes::everything;
use super::{Fixture, at, block_on, commit, keys_of, runtime};
use crate::{Batch, Expect, Table, Version};

/// Records, versions and deletions, of every table and several sizes, several times over.
pub fn what_was_committed_is_there_after_reopening(fixture: &mut Fixture) {
    for round in 0..5_u64 {
        let store = fixture.store();
        for &table in Table::ALL {
            let expect = if round == 0 { Expect::Absent } else { at(round) };
            let value = vec![table.code(); 100 * (1 + round as usize)];
            let mut batch = Batch::new().put(table, b"lasting", expect, value).put(
                table,
                round.to_be_bytes(),
                Expect::Absent,
                vec![1; 10_000],
            );
            if round > 0 {
                batch = batch.delete(table, (round - 1).to_be_bytes(), Version(1));
            }
            commit(&store, batch);
        }
        let before = everything(&*store);
        assert_eq!(before.len(), 2 * Table::ALL.len());
        drop(store);
        fixture.reopen();
        assert_eq!(everything(&*fixture.store()), before);
    }
}

/// A commit that was acknowledged, or only sent, when its store is dropped: the first is there, the second may be, whole.
pub fn dropping_the_store_finishes_its_commits(fixture: &mut Fixture) {
    let store = fixture.store();
    let pairs = |number: u8| {
        Batch::new().put(Table::Users, [number], Expect::Absent, b"").put(Table::Roles, [number], Expect::Absent, b"")
    };
    commit(&*store, pairs(0));
    let sent: Vec<_> = (1..100).map(|number| runtime().spawn(store.commit(pairs(number)))).collect();
    drop(store);
    fixture.reopen();
    let acknowledged = sent.into_iter().map(|task| block_on(task).expect("a task")).filter(Result::is_ok).count();
    let users = keys_of(&*fixture.store(), Table::Users);
    assert_eq!(users, keys_of(&*fixture.store(), Table::Roles));
    assert!(users.len() > acknowledged, "{} records of {acknowledged} and one", users.len());
}
