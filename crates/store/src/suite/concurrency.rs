//! Many callers at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Fixture, at, block_on, commit, found, keys_of, runtime};
use crate::{Batch, Error, Expect, Store, Table, Version};

const CALLERS: u64 = 32;

/// Callers that read, add one and write lose no addition, when they try again after each conflict.
pub fn no_update_is_lost(fixture: &mut Fixture) {
    const ADDITIONS: u64 = 10;
    let store = fixture.store();
    commit(&store, Batch::new().put(Table::Meta, b"sum", Expect::Absent, 0_u64.to_be_bytes()));
    run(&store, |store, _| async move {
        for _ in 0..ADDITIONS {
            while !add_one(&store).await {}
        }
    });
    let (version, sum) = found(&store, Table::Meta, b"sum");
    assert_eq!((version, sum), (CALLERS * ADDITIONS + 1, (CALLERS * ADDITIONS).to_be_bytes().to_vec()));
}

async fn add_one(store: &dyn Store) -> bool {
    let record = store.get(Table::Meta, b"sum").await.expect("a read").expect("the sum");
    let sum = u64::from_be_bytes(record.value.try_into().expect("eight bytes")) + 1;
    match store.commit(Batch::new().put(Table::Meta, b"sum", Expect::At(record.version), sum.to_be_bytes())).await {
        Ok(()) => true,
        Err(Error::Conflict { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

/// Of callers that create the same record, one does; its other step is there and no one else's.
pub fn one_of_many_creates(fixture: &mut Fixture) {
    let store = fixture.store();
    for round in 0..10_u64 {
        run(&store, move |store, caller| async move {
            let batch = Batch::new()
                .put(Table::Outbox, [round.to_be_bytes(), caller.to_be_bytes()].concat(), Expect::Absent, b"")
                .put(Table::Aliases, round.to_be_bytes(), Expect::Absent, caller.to_be_bytes());
            match store.commit(batch).await {
                Ok(()) | Err(Error::Conflict { table: Table::Aliases, .. }) => {}
                other => panic!("{other:?}"),
            }
        });
        let winner = found(&store, Table::Aliases, &round.to_be_bytes()).1;
        let traces = block_on(store.scan(Table::Outbox, &round.to_be_bytes(), None, 100)).expect("a scan");
        assert_eq!(traces.len(), 1);
        assert_eq!(traces[0].key[8..], winner);
    }
}

/// A token moves from record to record, each time in one batch; whoever scans sees it exactly once.
pub fn a_scan_sees_one_state(fixture: &mut Fixture) {
    const PLACES: u8 = 5;
    let store = fixture.store();
    commit(&store, Batch::new().put(Table::Leases, [0], Expect::Absent, b"token"));
    run(&store, |store, caller| async move {
        for round in 0..20_u8 {
            let records = store.scan(Table::Leases, b"", None, 10).await.expect("a scan");
            assert_eq!(records.len(), 1, "the token is in {records:?}");
            if caller % 8 == 0 {
                let next = [(records[0].key[0] + 1 + round % (PLACES - 1)) % PLACES];
                let batch = Batch::new().delete(Table::Leases, records[0].key.clone(), records[0].version).put(
                    Table::Leases,
                    next,
                    Expect::Absent,
                    vec![round; 100],
                );
                // Another mover may have been faster.
                store
                    .commit(batch)
                    .await
                    .or_else(|error| matches!(error, Error::Conflict { .. }).then_some(()).ok_or(error))
                    .expect("a move");
            }
        }
    });
    assert_eq!(keys_of(&store, Table::Leases).len(), 1);
}

/// Who was told that a write is done sees it, as does everyone whom he tells.
pub fn an_acknowledged_write_is_seen(fixture: &mut Fixture) {
    let store = fixture.store();
    run(&store, |store, caller| async move {
        for version in 0..20 {
            let expect = if version == 0 { Expect::Absent } else { at(version) };
            store.commit(Batch::new().put(Table::Keys, caller.to_be_bytes(), expect, vec![])).await.expect("a write");
            let reader = Arc::clone(&store);
            let read = tokio::spawn(async move { reader.get(Table::Keys, &caller.to_be_bytes()).await });
            let record = read.await.expect("a task").expect("a read").expect("the record");
            assert_eq!(record.version, Version(version + 1));
        }
    });
}

/// Whoever stops waiting for a commit leaves it done or undone, never half done, and the store at work.
pub fn a_dropped_commit_is_whole(fixture: &mut Fixture) {
    let store = fixture.store();
    run(&store, |store, caller| async move {
        for number in 0..10_u64 {
            let key = [caller.to_be_bytes(), number.to_be_bytes()].concat();
            let batch = [Table::Users, Table::Groups, Table::Roles]
                .into_iter()
                .fold(Batch::new(), |batch, table| batch.put(table, key.clone(), Expect::Absent, b""));
            let commit = tokio::spawn(store.commit(batch));
            if number % 2 == 0 {
                tokio::task::yield_now().await;
            }
            commit.abort();
            // Cancelled or done, as it happens.
            commit.await.ok();
        }
    });
    commit(&store, Batch::new().put(Table::Users, b"last", Expect::Absent, b""));
    let users = keys_of(&store, Table::Users);
    assert_eq!(users.split_last().map(|(last, _)| last.as_str()), Some("last"));
    assert_eq!(users[..users.len() - 1], keys_of(&store, Table::Groups));
    assert_eq!(users[..users.len() - 1], keys_of(&store, Table::Roles));
}

/// Runs `caller` on many tasks, and fails when one of them does.
fn run<F>(store: &Arc<dyn Store>, caller: impl Fn(Arc<dyn Store>, u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let _runtime = runtime().enter();
    let mut callers: JoinSet<()> = (0..CALLERS).map(|number| caller(Arc::clone(store), number)).collect();
    block_on(async {
        while let Some(outcome) = callers.join_next().await {
            outcome.expect("a caller");
        }
    });
}
