//! The audit record: what every call leaves before its reply leaves.
//!
//! An [`Entry`] is opened when a call comes, filled in while its operation runs, and closed into one event of CloudTrail's format
//! (behaviours 13), or one for each account that it concerns.
//!
//! # Invariants
//! - [`Journal::close`] returns when the record is written; who gets an error from it must not answer with anything but a failure.
//! - Nothing secret: no plaintext, no key material, no token, no body. Only members that the overlay shows are written.

mod entry;
mod event;
mod principal;
mod ring;
pub(crate) mod service_events;

use std::sync::Arc;

use strongroom_core::world::Rng;

pub(crate) use entry::{Called, Entry, Failure, KMS, Origin};
use ring::Ring;

/// The record could not be written: the call must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit record could not be written")]
pub struct Unrecorded;

/// Where records go. Clones are the same journal.
#[derive(Clone)]
pub(crate) struct Journal {
    rng: Arc<dyn Rng>,
    ring: Arc<Ring>,
}

impl Journal {
    /// Keeps the latest events in memory.
    pub(crate) fn in_memory(rng: Arc<dyn Rng>) -> Self {
        Self { rng, ring: Arc::default() }
    }

    /// Ends the record of a call, or of what the service did by itself.
    ///
    /// # Errors
    /// [`Unrecorded`].
    #[expect(clippy::unused_async, reason = "callers wait here for the record")]
    pub(crate) async fn close(&self, entry: &Entry, failure: Option<Failure<'_>>) -> Result<(), Unrecorded> {
        let events = entry.events(failure, &*self.rng).map_err(|_| Unrecorded)?;
        self.ring.keep(events);
        Ok(())
    }

    /// The latest events, oldest first.
    pub(crate) fn recent(&self) -> Vec<String> {
        self.ring.recent()
    }
}
