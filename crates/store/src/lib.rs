//! Durable state behind three verbs: get a record, scan records in key order, commit a batch that expects versions.
//!
//! A record is opaque here: `vault` sealed it and bound it to its table, key and version. Whoever holds the database can destroy it,
//! but can neither read it nor pass one record off as another.
//!
//! # Invariants
//! - A batch is applied as a whole or not at all, and is durable when [`Store::commit`] returns `Ok`.
//! - A write names the version that it found ([`Expect`]), so no update is lost. The version that a write produces is known before it is
//!   sent ([`Expect::next_version`]), because the sealed value is bound to it.
//! - After `commit` returned `Ok`, every later `get` and `scan` of the same store sees the batch.
//! - All backends behave alike; `suite` says how, and runs on each of them.
//! - No async thread ever waits for a disk here.
//!
//! # Not here
//! Plaintext, cryptography, the meaning of any record. Keys chosen by the store: a sealed value is
//! bound to its key, so the caller has to know the key before the store does; who wants a log puts records under ascending keys.

mod batch;
pub mod encode;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
mod memory;
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod tables;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use batch::{
    Batch, Expect, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_KEY_BYTES, MAX_SCAN_RECORDS, MAX_VALUE_BYTES, Record,
    Version,
};
pub use error::{Error, IoFailure, Limit};
pub use memory::{MemoryImage, MemoryStore};
pub use sqlite::SqliteStore;
pub use tables::Table;

/// What the verbs return. It borrows nothing from a runtime: any executor can drive it.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Where durable state lives.
pub trait Store: Send + Sync + 'static {
    /// The record under `key`, if there is one.
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>>;

    /// Records of `table` whose keys begin with `prefix` and come strictly after `after` (if given), in byte order, at most `limit`.
    ///
    /// Fewer than `limit` records means that there are no more. `after` need not exist, nor begin with `prefix`.
    /// One call sees one state of the store; a walk of several calls may see a change between them.
    ///
    /// # Errors
    /// [`Error::TooBig`] when `limit` is above [`MAX_SCAN_RECORDS`].
    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>>;

    /// Applies `batch`: all or nothing, durable when this returns `Ok`.
    ///
    /// The future does nothing until it is polled. Once polled, dropping it does not take the batch back: it may yet be applied.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a record is not as the batch expects it; [`Error::TooBig`] when the batch breaks a limit. In these two cases
    /// and with [`Error::Full`] nothing was changed. After [`Error::Io`] or [`Error::Closed`] the outcome is unknown: read before deciding.
    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        (**self).get(table, key)
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        (**self).scan(table, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        (**self).commit(batch)
    }
}
