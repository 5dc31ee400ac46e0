//! What a store lacks that was written before there were counts of keys, aliases and grants; and, before there was a schedule, the
//! places in it of keys that time changes. Both are made good at the first start over such a store, before the first call, and the
//! store remembers that.
//!
//! # Invariant
//! Whatever is written here expects that the store does not remember it yet. So of several nodes that start at once none writes over
//! what a call has changed since: calls come when it is remembered.

use strongroom_core::arn::KeyArn;
use strongroom_store::{Batch, Error as StoreError, Expect, Record, Table};

use super::Keyring;
use super::counts::Counted;
use crate::error::OpError;

/// That the store has all counts, and every key in the schedule that belongs there.
const STOCK_TAKEN: &[u8] = b"stock-taken";

/// Records that are read at once.
const PAGE: usize = 500;
/// Counts that are written at once.
const COUNTS_AT_ONCE: usize = 500;

/// Counts of what stands in order: one run of records for each thing that is counted.
struct Tally<'a> {
    keyring: &'a Keyring,
    run: Option<(Counted, i64)>,
    batch: Batch,
}

impl Keyring {
    /// Takes stock of the store, unless that was done.
    ///
    /// # Errors
    /// When the store fails or holds a record that does not open.
    pub(crate) async fn take_stock(&self) -> Result<(), OpError> {
        loop {
            if let Some(record) = self.store.get(Table::Meta, STOCK_TAKEN).await? {
                self.open(Table::Meta, &record)?;
                return Ok(());
            }
            match self.count_everything().await {
                // Another node starts over this store too.
                Err(OpError::Store(StoreError::Conflict { .. })) => {}
                outcome => return outcome,
            }
        }
    }

    async fn count_everything(&self) -> Result<(), OpError> {
        let is_new = self.store.scan(Table::Keys, b"", None, 1).await?.is_empty();
        if !is_new {
            tracing::info!("the store has no counts yet: its keys, aliases and grants are counted");
        }
        self.count_table(Table::Keys, |arn| Counted::Keys(arn.account, arn.region, 0)).await?;
        self.count_table(Table::AliasesByKey, Counted::Aliases).await?;
        self.count_table(Table::Grants, Counted::Grants).await?;
        let batch = self.put(Batch::new(), Table::Meta, STOCK_TAKEN, Expect::Absent, &[])?;
        Ok(self.store.commit(batch).await?)
    }

    async fn count_table(&self, table: Table, what: fn(KeyArn) -> Counted) -> Result<(), OpError> {
        let mut tally = Tally { keyring: self, run: None, batch: self.unless_taken() };
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.scan(table, b"", after.as_deref(), PAGE).await?;
            let ended = page.len() < PAGE;
            after = page.last().map(|record| record.key.clone());
            for record in page {
                // Nobody finds a record that is called otherwise.
                let Some(arn) = key_of(&record.key) else { continue };
                tally.add(what(arn)).await?;
                if table == Table::Keys {
                    self.schedule_as_due(&arn, &record).await?;
                }
            }
            if ended {
                return tally.finish().await;
            }
        }
    }

    /// Puts a key into the schedule where it belongs. One that does not open is left to be reported.
    async fn schedule_as_due(&self, arn: &KeyArn, record: &Record) -> Result<(), OpError> {
        let Ok(mut key) = self.open_key(arn, record) else { return Ok(()) };
        let before = key.scheduled;
        if before == key.next_due() {
            return Ok(());
        }
        let batch = self.reschedule(self.unless_taken(), before, &mut key)?;
        let (batch, _) = self.put_key(batch, &key, Expect::At(record.version))?;
        Ok(self.store.commit(batch).await?)
    }

    fn unless_taken(&self) -> Batch {
        Batch::new().check(Table::Meta, STOCK_TAKEN, Expect::Absent)
    }
}

/// The key in whose name, or under which, a record stands.
fn key_of(name: &[u8]) -> Option<KeyArn> {
    let mut parts = std::str::from_utf8(name).ok()?.splitn(4, '/');
    let (account, region, key) = (parts.next()?, parts.next()?, parts.next()?);
    Some(KeyArn { account: account.parse().ok()?, region: region.parse().ok()?, key: key.parse().ok()? })
}

impl Tally<'_> {
    async fn add(&mut self, what: Counted) -> Result<(), OpError> {
        match &mut self.run {
            Some((counted, count)) if *counted == what => *count += 1,
            _ => {
                self.end_run().await?;
                self.run = Some((what, 1));
            }
        }
        Ok(())
    }

    /// Writes the count of the run over what a start that was broken off may have left.
    async fn end_run(&mut self) -> Result<(), OpError> {
        let Some((what, count)) = self.run.take() else { return Ok(()) };
        let expect = self.keyring.stored_count(what).await?.1;
        self.batch = self.keyring.put_count(std::mem::take(&mut self.batch), what, expect, count)?;
        if self.batch.len() >= COUNTS_AT_ONCE { self.flush().await } else { Ok(()) }
    }

    async fn finish(mut self) -> Result<(), OpError> {
        self.end_run().await?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), OpError> {
        let batch = std::mem::replace(&mut self.batch, self.keyring.unless_taken());
        Ok(self.keyring.store.commit(batch).await?)
    }
}
