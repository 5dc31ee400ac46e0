//! A change and its record cannot part: the record commits in the same batch as the change, waits in the store until the log has
//! it, and is written from there after a crash.
//!
//! Whoever makes changes need not know: [`RecordingStore`] stands before the store, and adds the record of the call under way.
//!
//! # Invariants
//! - A call's record is in the store once; the first of its batches that changes something carries it.
//! - The record says in which part of the log its event can stand, so that one look through that part tells whether it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_core::ids::RequestId;
use strongroom_core::world::Rng;
use strongroom_store::{Batch, Error, Expect, MAX_SCAN_RECORDS, Record, Store, StoreFuture, Table, Version};
use strongroom_vault::{RecordName, Vault};

use super::entry::Entry;
use crate::error::OpError;

tokio::task_local! {
    /// The record of the change that is being made in this task.
    static UNDER_WAY: Arc<Entry>;
}

/// Runs `work`, whose changes go into the store together with the record of `entry`.
pub(super) async fn carry<F: Future>(entry: Arc<Entry>, work: F) -> F::Output {
    UNDER_WAY.scope(entry, work).await
}

/// A store whose changes carry their records.
pub(super) struct RecordingStore {
    pub(super) inner: Arc<dyn Store>,
    pub(super) vault: Arc<Vault>,
    pub(super) rng: Arc<dyn Rng>,
    /// The number of the log's next line.
    pub(super) next_seq: Arc<AtomicU64>,
}

/// A record that goes with a batch, and its name in the store.
struct Carried {
    entry: Arc<Entry>,
    id: RequestId,
}

/// Whether a change of this table is one that a call asked for.
const fn is_asked_for(table: Table) -> bool {
    !matches!(
        table,
        Table::Meta
            | Table::AccountKeys
            | Table::LastUsage
            | Table::Leases
            | Table::AuditAnchors
            | Table::Outbox
            | Table::Counts
    )
}

impl RecordingStore {
    /// The batch with the record of the call under way, if there is one and it is not in the store yet.
    fn with_record(&self, batch: Batch) -> Result<(Batch, Option<Carried>), strongroom_vault::Error> {
        let Ok(entry) = UNDER_WAY.try_with(Arc::clone) else { return Ok((batch, None)) };
        if entry.outbox().is_some() || !batch.changes(is_asked_for) {
            return Ok((batch, None));
        }
        let events = entry.events(None, &*self.rng)?;
        let Some(first) = events.first() else { return Ok((batch, None)) };
        let id = first.id;
        let mut plain = self.next_seq.load(Ordering::Acquire).to_be_bytes().to_vec();
        for event in &events {
            plain.extend_from_slice(&event.json);
            plain.push(b'\n');
        }
        let key = id.as_str().as_bytes();
        let name = RecordName { table: Table::Outbox.code(), key, version: Version::FIRST.0 };
        let sealed = self.vault.seal_record(name, &plain, &*self.rng)?;
        Ok((batch.put(Table::Outbox, key, Expect::Absent, sealed), Some(Carried { entry, id })))
    }
}

impl Store for RecordingStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        self.inner.get(table, key)
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        self.inner.scan(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let (batch, carried) = match self.with_record(batch) {
            Ok(made) => made,
            // Without its record the change must not be made.
            Err(_) => return Box::pin(async { Err(Error::Closed) }),
        };
        let committing = self.inner.commit(batch);
        let Some(Carried { entry, id }) = carried else { return committing };
        Box::pin(async move {
            let outcome = committing.await;
            match &outcome {
                // Whether it was applied is unknown in the last two cases: what may be there is taken away later.
                Ok(()) | Err(Error::Io(_) | Error::Closed) => *entry.outbox() = Some(id),
                Err(_) => {}
            }
            outcome
        })
    }
}

/// A record that waits in the store.
pub(super) struct Waiting {
    pub(super) key: Vec<u8>,
    /// The first line of the log that can have its events.
    pub(super) from_seq: u64,
    /// Events, each as one JSON text.
    pub(super) events: Vec<Vec<u8>>,
}

/// All records that wait.
///
/// # Errors
/// When the store fails or a record is damaged.
pub(super) async fn load(store: &dyn Store, vault: &Vault) -> Result<Vec<Waiting>, OpError> {
    let (mut waiting, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let records = store.scan(Table::Outbox, b"", after.as_deref(), MAX_SCAN_RECORDS).await?;
        let Some(last) = records.last() else { return Ok(waiting) };
        after = Some(last.key.clone());
        for record in records {
            let name = RecordName { table: Table::Outbox.code(), key: &record.key, version: record.version.0 };
            let opened = vault.open_record(name, &record.value)?;
            let (from_seq, events) = opened.expose().split_first_chunk::<8>().ok_or(OpError::BadRecord)?;
            let events = events.split(|byte| *byte == b'\n').filter(|event| !event.is_empty());
            waiting.push(Waiting {
                key: record.key,
                from_seq: u64::from_be_bytes(*from_seq),
                events: events.map(<[u8]>::to_vec).collect(),
            });
        }
    }
}

/// Records that one batch takes away.
const AT_ONCE: usize = 500;

/// Takes away what the log has. What is not there was never committed.
///
/// # Errors
/// When the store fails; then they are taken away another time.
pub(super) async fn remove(store: &dyn Store, keys: &[Vec<u8>]) -> Result<(), Error> {
    for some in keys.chunks(AT_ONCE) {
        let all = some.iter().fold(Batch::new(), |batch, key| batch.delete(Table::Outbox, &key[..], Version::FIRST));
        match store.commit(all).await {
            Err(Error::Conflict { .. }) => {
                for key in some {
                    match store.commit(Batch::new().delete(Table::Outbox, &key[..], Version::FIRST)).await {
                        Ok(()) | Err(Error::Conflict { .. }) => {}
                        Err(failed) => return Err(failed),
                    }
                }
            }
            outcome => outcome?,
        }
    }
    Ok(())
}
