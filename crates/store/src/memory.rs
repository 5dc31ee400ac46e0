//! The store of `strongroom dev` without a data directory, and the plainest statement of what a store does.
//!
//! # Not here
//! Durability: what is in memory ends with the process. So do its images.

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

/// A table is shared with the images that were taken of it, until one of them changes.
#[derive(Clone, Default)]
struct Tables(BTreeMap<Table, Arc<BTreeMap<Vec<u8>, Row>>>);

#[derive(Clone)]
struct Row {
    version: Version,
    value: Arc<[u8]>,
}

/// All records as they were at one moment. Taking one copies nothing; the first write to a table after that copies its keys.
#[derive(Clone, Default)]
pub struct MemoryImage(Tables);

impl std::fmt::Debug for MemoryImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryImage({} records)", self.0.0.values().map(|rows| rows.len()).sum::<usize>())
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An image of all records between two commits.
    pub fn image(&self) -> MemoryImage {
        MemoryImage(self.read().clone())
    }

    /// Puts the records of `image` in the place of all records, but for those of the tables in `keep`.
    ///
    /// Versions go back with their records: who remembers one has to forget it.
    pub fn restore(&self, image: &MemoryImage, keep: &[Table]) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let mut restored = image.0.clone();
        for table in keep {
            match tables.0.remove(table) {
                Some(rows) => restored.0.insert(*table, rows),
                None => restored.0.remove(table),
            };
        }
        *tables = restored;
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
                Action::Put(value) => Some(Row { version: step.expect.next_version(), value: value.as_slice().into() }),
                Action::Delete => None,
                Action::Check => continue,
            };
            changed.insert(place, left);
        }
        for ((table, key), row) in changed {
            let rows = Arc::make_mut(self.0.entry(table).or_default());
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
        Record { key: key.to_vec(), version: self.version, value: self.value.to_vec() }
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
    use crate::Expect;
    use crate::suite::Fixture;

    crate::suite!(memory, || Fixture::volatile(MemoryStore::new()));

    /// What a commit or a read of a store in memory gives at once.
    fn now<T>(future: StoreFuture<'_, T>) -> T {
        let mut future = future;
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(outcome) => outcome.expect("the store is in memory"),
            std::task::Poll::Pending => panic!("the store is in memory"),
        }
    }

    #[test]
    fn an_image_is_what_the_store_was() {
        let store = MemoryStore::new();
        let put =
            |table, key: &str, expect, value: &str| now(store.commit(Batch::new().put(table, key, expect, value)));
        let value = |table, key: &str| now(store.get(table, key.as_bytes())).map(|record| record.value);
        put(Table::Keys, "a", Expect::Absent, "1");
        put(Table::Aliases, "x", Expect::Absent, "1");
        put(Table::Outbox, "o", Expect::Absent, "1");
        let image = store.image();
        put(Table::Keys, "a", Expect::At(Version::FIRST), "2");
        put(Table::Keys, "b", Expect::Absent, "1");
        put(Table::Grants, "g", Expect::Absent, "1");
        put(Table::Outbox, "p", Expect::Absent, "1");
        now(store.commit(Batch::new().delete(Table::Aliases, "x", Version::FIRST)));
        for _ in 0..2 {
            store.restore(&image, &[Table::Outbox, Table::AuditAnchors]);
            assert_eq!(value(Table::Keys, "a"), Some(b"1".to_vec()));
            assert_eq!(value(Table::Keys, "b"), None);
            assert_eq!(value(Table::Grants, "g"), None);
            assert_eq!(value(Table::Aliases, "x"), Some(b"1".to_vec()));
            assert_eq!(value(Table::Outbox, "p"), Some(b"1".to_vec()), "kept");
            // What is written after a restore is none of the image's.
            put(Table::Keys, "a", Expect::At(Version::FIRST), "3");
        }
        store.restore(&MemoryImage::default(), &[]);
        assert_eq!((value(Table::Keys, "a"), value(Table::Outbox, "p")), (None, None));
    }
}
