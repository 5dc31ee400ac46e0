//! The clock of `dev`: the machine's, and as much later as its user says.
//!
//! # Invariants
//! - It never goes backwards while the machine's does not.
//! - A move is stored before it is made, so that a server that is started again is not earlier than it was.
//! - A move passes through every moment at which something falls due: a key that rotates every 90 days and is moved by 400
//!   has four rotations, each at its date.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use strongroom_core::world::{Clock, Timestamp};
use strongroom_store::{Batch, Error as StoreError, Expect, Store, Table, Version};
use strongroom_vault::{RecordName, Vault};
use strongroom_wire::time::iso8601;

use super::{Dev, LAST_MOMENT};
use crate::error::OpError;
use crate::node::StartError;

/// Where the offset is stored, sealed like every record.
const OFFSET: &[u8] = b"dev-clock-offset";

/// A clock that runs as another does, but later.
pub(crate) struct MovableClock {
    real: Arc<dyn Clock>,
    offset_millis: AtomicI64,
}

impl MovableClock {
    pub(crate) fn new(real: Arc<dyn Clock>, offset_millis: i64) -> Self {
        Self { real, offset_millis: AtomicI64::new(offset_millis) }
    }

    pub(crate) fn offset_millis(&self) -> i64 {
        self.offset_millis.load(Ordering::SeqCst)
    }

    pub(crate) fn set_offset_millis(&self, offset_millis: i64) {
        self.offset_millis.store(offset_millis, Ordering::SeqCst);
    }

    /// Shows `moment`, unless it shows a later one already.
    fn move_to(&self, moment: Timestamp) {
        self.offset_millis.fetch_max(self.offset_to(moment), Ordering::SeqCst);
    }

    fn offset_to(&self, moment: Timestamp) -> i64 {
        moment.as_millis().saturating_sub(self.real.now().as_millis())
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        self.real.now().plus_millis(self.offset_millis())
    }

    /// Moves of the clock are about dates; rates are those of real calls.
    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }
}

/// What the clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStatus {
    /// The time by which keys live.
    pub now: Timestamp,
    /// How much later that is than the machine's clock.
    pub offset_millis: i64,
}

/// Why the clock was not moved.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// Time goes forwards.
    #[error("the clock cannot be moved backwards: it shows {} already", iso8601(*.0))]
    Backwards(Timestamp),
    /// Beyond what clients can read.
    #[error("the clock cannot be moved beyond the year 9000")]
    TooFar,
    /// The store did not take the move, or could not say what falls due.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The same, told by the service.
    #[error(transparent)]
    Service(#[from] OpError),
}

impl Dev<'_> {
    /// What the clock shows.
    pub fn clock(&self) -> ClockStatus {
        let offset_millis = self.state.clock.offset_millis();
        ClockStatus { now: self.state.clock.now(), offset_millis }
    }

    /// Moves the clock forwards by `millis`, and does everything that falls due on the way.
    ///
    /// # Errors
    /// [`ClockError`]. The clock is where it was, unless the store failed while it said what falls due.
    pub async fn advance_clock(&self, millis: i64) -> Result<ClockStatus, ClockError> {
        let _turn = self.state.turn.lock().await;
        let offset_millis = self.state.clock.offset_millis().saturating_add(millis);
        self.move_clock(offset_millis).await
    }

    /// Sets the clock to a later moment, and does everything that falls due on the way.
    ///
    /// # Errors
    /// As [`Dev::advance_clock`].
    pub async fn set_clock(&self, to: Timestamp) -> Result<ClockStatus, ClockError> {
        let _turn = self.state.turn.lock().await;
        self.move_clock(self.state.clock.offset_to(to)).await
    }

    async fn move_clock(&self, offset_millis: i64) -> Result<ClockStatus, ClockError> {
        let clock = &self.state.clock;
        if offset_millis < clock.offset_millis() {
            return Err(ClockError::Backwards(clock.now()));
        }
        let target = clock.real.now().plus_millis(offset_millis);
        if target > LAST_MOMENT {
            return Err(ClockError::TooFar);
        }
        self.store_offset(offset_millis).await?;
        // What is stored is true from here on, even if what falls due cannot be read: the tasks try again.
        let passed = self.pass_through(target).await;
        clock.set_offset_millis(offset_millis);
        self.node.run_due_tasks().await;
        passed?;
        Ok(self.clock())
    }

    /// Stops at every moment up to `target` at which something falls due, and does it.
    async fn pass_through(&self, target: Timestamp) -> Result<(), OpError> {
        let clock = &self.state.clock;
        // What is late already happens now and not at a moment that has passed.
        self.node.run_due_tasks().await;
        let mut after = clock.now();
        while let Some(moment) = self.node.keyring.next_due_after(after).await?.filter(|moment| *moment <= target) {
            clock.move_to(moment);
            self.node.run_due_tasks().await;
            after = moment;
        }
        Ok(())
    }

    /// Writes the offset for the next start.
    async fn store_offset(&self, offset_millis: i64) -> Result<(), ClockError> {
        let stored = self.state.store.get(Table::Meta, OFFSET).await?;
        let expect = stored.map_or(Expect::Absent, |record| Expect::At(record.version));
        let name = offset_name(expect.next_version());
        let sealed = self.node.vault.seal_record(name, &offset_millis.to_be_bytes(), &*self.node.rng);
        let batch = Batch::new().put(Table::Meta, OFFSET, expect, sealed.map_err(OpError::from)?);
        Ok(self.state.store.commit(batch).await?)
    }
}

const fn offset_name(version: Version) -> RecordName<'static> {
    RecordName { table: Table::Meta.code(), key: OFFSET, version: version.0 }
}

/// How much later the clock was when it was last moved; nothing in a store where it never was.
///
/// # Errors
/// When the store fails or its record is damaged.
pub(crate) async fn stored_offset(store: &dyn Store, vault: &Vault) -> Result<i64, StartError> {
    let Some(record) = store.get(Table::Meta, OFFSET).await? else { return Ok(0) };
    let opened = vault.open_record(offset_name(record.version), &record.value).map_err(|_| StartError::BadGenesis)?;
    Ok(i64::from_be_bytes(opened.expose().try_into().map_err(|_| StartError::BadGenesis)?))
}
