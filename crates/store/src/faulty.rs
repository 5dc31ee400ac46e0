//! A store that fails when it is told to, around one that does not: for tests of what others do then.

use std::future::ready;
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::{Batch, Error, Record, Store, StoreFuture, Table};

/// Fails as planned; otherwise does what the store inside does.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commits: u64,
    reads: u64,
    commit_fault: Option<CommitFault>,
    reads_until_failure: Option<u64>,
}

/// Which commits fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitFault {
    /// How many commits pass first, of those that the fault concerns.
    pub after: u64,
    /// Only batches with a step on this table are concerned; all when there is none.
    pub touching: Option<Table>,
    /// On which side of the real commit.
    pub point: FaultPoint,
    /// Whether later commits pass again.
    pub once: bool,
}

/// Where a commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// The batch is not applied; the caller gets [`Error::Io`].
    BeforeCommit,
    /// The batch is applied and durable; the caller gets [`Error::Io`] all the same.
    AfterCommit,
    /// There is no room: the batch is not applied; the caller gets [`Error::Full`].
    DiskFull,
}

impl<S: Store> FaultyStore<S> {
    /// Around `inner`, with no fault planned.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// Lets `commits` more commits pass; then every one fails at `point`, until [`FaultyStore::heal`].
    pub fn fail_commits_after(&self, commits: u64, point: FaultPoint) {
        self.plan(CommitFault { after: commits, touching: None, point, once: false });
    }

    /// Plans `fault` in place of the one planned before.
    pub fn plan(&self, fault: CommitFault) {
        self.with(|state| state.commit_fault = Some(fault));
    }

    /// Lets `reads` more calls of `get` and `scan` pass; then every one fails with [`Error::Io`], until [`FaultyStore::heal`].
    pub fn fail_reads_after(&self, reads: u64) {
        self.with(|state| state.reads_until_failure = Some(reads));
    }

    /// Takes back what was planned.
    pub fn heal(&self) {
        self.with(|state| (state.commit_fault, state.reads_until_failure) = (None, None));
    }

    /// How many batches were brought, those that failed included: a test can fail each in turn.
    pub fn commits(&self) -> u64 {
        self.with(|state| state.commits)
    }

    /// How many reads were asked for: a test can show that there were none.
    pub fn reads(&self) -> u64 {
        self.with(|state| state.reads)
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Counts a commit, and says where it fails if it does.
    fn next_commit(&mut self, batch: &Batch) -> Option<FaultPoint> {
        self.commits += 1;
        let fault = self.commit_fault.as_mut()?;
        if !fault.touching.is_none_or(|table| batch.steps().iter().any(|step| step.table == table)) {
            return None;
        }
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let (point, once) = (fault.point, fault.once);
        if once {
            self.commit_fault = None;
        }
        Some(point)
    }

    fn next_read_fails(&mut self) -> bool {
        self.reads += 1;
        match &mut self.reads_until_failure {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        if self.with(State::next_read_fails) { failure() } else { self.inner.get(table, key) }
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        if self.with(State::next_read_fails) { failure() } else { self.inner.scan(table, prefix, after, limit) }
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        match self.with(|state| state.next_commit(&batch)) {
            None => self.inner.commit(batch),
            Some(FaultPoint::BeforeCommit) => failure(),
            Some(FaultPoint::DiskFull) => Box::pin(ready(Err(Error::Full))),
            Some(FaultPoint::AfterCommit) => {
                let applied = self.inner.commit(batch);
                Box::pin(async move {
                    applied.await?;
                    failure().await
                })
            }
        }
    }
}

fn failure<T: Send + 'static>() -> StoreFuture<'static, T> {
    Box::pin(ready(Err(Error::io("failing as planned", io::Error::other("planned fault")))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{block_on, keys_of};
    use crate::{Expect, MemoryStore};

    fn put(store: &impl Store, table: Table, key: &str) -> &'static str {
        match block_on(store.commit(Batch::new().put(table, key, Expect::Absent, b"value"))) {
            Ok(()) => "ok",
            Err(Error::Io(_)) => "io",
            Err(Error::Full) => "full",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn commits_fail_where_they_are_told_to() {
        check(FaultPoint::BeforeCommit, "io", &["a", "b", "z"]);
        check(FaultPoint::AfterCommit, "io", &["a", "b", "c", "d", "z"]);
        check(FaultPoint::DiskFull, "full", &["a", "b", "z"]);

        #[track_caller]
        fn check(point: FaultPoint, failure: &str, left: &[&str]) {
            let store = FaultyStore::new(MemoryStore::new());
            store.fail_commits_after(2, point);
            let outcomes = ["a", "b", "c", "d"].map(|key| put(&store, Table::Keys, key));
            assert_eq!(outcomes, ["ok", "ok", failure, failure]);
            store.heal();
            assert_eq!(put(&store, Table::Keys, "z"), "ok");
            assert_eq!(keys_of(&store, Table::Keys), left);
            assert_eq!(store.commits(), 5);
        }
    }

    #[test]
    fn a_fault_can_wait_for_a_table_and_pass() {
        let store = FaultyStore::new(MemoryStore::new());
        store.plan(CommitFault {
            after: 1,
            touching: Some(Table::Grants),
            point: FaultPoint::BeforeCommit,
            once: true,
        });
        let tables = [Table::Keys, Table::Grants, Table::Keys, Table::Grants, Table::Grants, Table::Keys];
        let outcomes: Vec<_> =
            tables.iter().zip('a'..).map(|(&table, key)| put(&store, table, &key.to_string())).collect();
        assert_eq!(outcomes, ["ok", "ok", "ok", "io", "ok", "ok"]);
    }

    #[test]
    fn reads_fail_until_healed() {
        let store = FaultyStore::new(MemoryStore::new());
        store.fail_reads_after(1);
        assert!(block_on(store.get(Table::Keys, b"a")).is_ok());
        assert!(block_on(store.get(Table::Keys, b"a")).is_err());
        assert!(block_on(store.scan(Table::Keys, b"", None, 1)).is_err());
        store.heal();
        assert!(block_on(store.scan(Table::Keys, b"", None, 1)).is_ok());
        assert_eq!(store.reads(), 4);
    }
}
