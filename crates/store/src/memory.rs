//! The store of `strongroom dev` without a data directory, and the plainest statement of what a store does.
//!
//! # Not here
//! Durability: what is in memory ends with the process.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::batch::{Action, check_scan_limit, scan_end, scan_start};
use crate::{Batch, Error, Record, Store, StoreFuture, Table, Version};

/// Records in ordered maps, one per table.
#[derive(Default)]
pub struct MemoryStore {
    // Shared with commits under way, whose futures outlive the borrow of the store.
    tables: Arc<RwLock<Tables>>,
}

#[derive(Default)]
struct Tables(BTreeMap<Table, BTreeMap<Vec<u8>, Row>>);

struct Row {
    version: Version,
    value: Vec<u8>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn get(&self, table: Table, key: &[u8]) -> Option<&Row> {
        self.0.get(&table)?.get(key)
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Record> {
        let start = scan_start(prefix, after);
        let end = scan_end(prefix);
        // To the map, a range that starts behind its end is a reason to panic; to us it is empty.
        if end.as_ref().is_some_and(|end| start >= *end) {
            return Vec::new();
        }
        let Some(rows) = self.0.get(&table) else { return Vec::new() };
        let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        rows.range(range).take(limit).map(|(key, row)| row.record(key)).collect()
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), Error> {
        // What the batch leaves behind, kept apart until every step has found what it expects.
        let mut changed: BTreeMap<(Table, &[u8]), Option<Row>> = BTreeMap::new();
        for step in batch.steps() {
            let place = (step.table, step.key.as_slice());
            let found = match changed.get(&place) {
                Some(row) => row.as_ref(),
                None => self.get(step.table, &step.key),
            };
            if !step.expect.is_met_by(found.map(|row| row.version)) {
                return Err(step.conflict());
            }
            let left = match &step.action {
                Action::Put(value) => Some(Row { version: step.expect.next_version(), value: value.clone() }),
                Action::Delete => None,
                Action::Check => continue,
            };
            changed.insert(place, left);
        }
        for ((table, key), row) in changed {
            let rows = self.0.entry(table).or_default();
            match row {
                Some(row) => rows.insert(key.to_vec(), row),
                None => rows.remove(key),
            };
        }
        Ok(())
    }
}

impl Row {
    fn record(&self, key: &[u8]) -> Record {
        Record { key: key.to_vec(), version: self.version, value: self.value.clone() }
    }
}

impl Store for MemoryStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        Box::pin(ready(Ok(self.read().get(table, key).map(|row| row.record(key)))))
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(ready(check_scan_limit(limit).map(|()| self.read().scan(table, prefix, after, limit))))
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let tables = Arc::clone(&self.tables);
        Box::pin(async move {
            batch.check_limits()?;
            tables.write().unwrap_or_else(PoisonError::into_inner).apply(&batch)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Fixture;

    crate::suite!(memory, || Fixture::volatile(MemoryStore::new()));
}
