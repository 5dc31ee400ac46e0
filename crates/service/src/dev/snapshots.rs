//! Snapshots: all state of a node in memory under a name, and the way back to it.
//!
//! # Invariants
//! - A call sees either what was before a restore or what is after it: restores wait for the calls under way, and calls that
//!   come meanwhile wait for the restore. Delays that a fault rule makes end early for that.
//! - Everything goes back: records, what the memory holds of them, last uses, the clock, the fault rules. The trail of what
//!   happened does not: audit records are never taken back.
//!
//! # Not here
//! Snapshots of a store on disk: whoever has one stops the server and copies the directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_core::world::{Clock, Timestamp};
use strongroom_store::{MemoryImage, MemoryStore, Table};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

use super::faults::Rules;
use super::{Dev, DevState};
use crate::identity::LastUse;
use crate::node::Node;

/// Snapshots kept at most. One costs what was changed since it was taken.
const SNAPSHOTS_MAX: usize = 100;
/// The longest name.
const NAME_CHARS_MAX: usize = 64;
/// What happened has happened.
const NOT_TAKEN_BACK: &[Table] = &[Table::AuditAnchors, Table::Outbox];

/// The state of a node at one moment.
#[derive(Clone)]
struct Snapshot {
    image: MemoryImage,
    offset_millis: i64,
    faults: Rules,
    /// The last use of each access key and role, which no store holds.
    last_uses: Arc<[(Box<str>, LastUse)]>,
    taken: Timestamp,
}

/// The snapshots of a node whose store can have some.
pub(crate) struct Snapshots {
    store: Arc<MemoryStore>,
    named: Mutex<BTreeMap<String, Snapshot>>,
    /// What a reset goes back to.
    baseline: Mutex<Option<Snapshot>>,
}

impl Snapshots {
    pub(crate) fn of(store: Arc<MemoryStore>) -> Self {
        Self { store, named: Mutex::default(), baseline: Mutex::default() }
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn baseline(&self) -> MutexGuard<'_, Option<Snapshot>> {
        self.baseline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// What it is called.
    pub name: String,
    /// What the clock showed when it was taken.
    pub taken: Timestamp,
}

/// Why there is no snapshot, or no way back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The store is on disk.
    #[error(
        "snapshots and reset are for a server in memory: with --data, stop the server and copy or restore the directory"
    )]
    OnDisk,
    /// Not a name.
    #[error("a name of 1 to {NAME_CHARS_MAX} letters, digits, dots, dashes or underscores is needed")]
    BadName,
    /// Nothing is called so.
    #[error("there is no snapshot called {0}")]
    NoSuchSnapshot(String),
    /// More than anybody needs.
    #[error("there are {SNAPSHOTS_MAX} snapshots already")]
    TooMany,
}

/// Held while nothing else happens in the node.
struct Stillness<'a> {
    state: &'a DevState,
    _calls: OwnedRwLockWriteGuard<()>,
    _changes: OwnedRwLockWriteGuard<()>,
}

impl Drop for Stillness<'_> {
    fn drop(&mut self) {
        self.state.faults.hurry(false);
    }
}

impl DevState {
    /// Held by a call from its beginning to its end.
    pub(crate) async fn enter(&self) -> tokio::sync::OwnedRwLockReadGuard<()> {
        Arc::clone(&self.calls).read_owned().await
    }

    async fn stillness(&self, changes: &Arc<RwLock<()>>) -> Stillness<'_> {
        self.faults.hurry(true);
        let calls = Arc::clone(&self.calls).write_owned().await;
        // A change whose caller hung up goes on without its call.
        let changes = Arc::clone(changes).write_owned().await;
        Stillness { state: self, _calls: calls, _changes: changes }
    }
}

impl Dev<'_> {
    /// Keeps the state as it is now under `name`, in the place of what was kept so before.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn save_snapshot(&self, name: &str) -> Result<(), SnapshotError> {
        let snapshots = self.snapshots()?;
        check_name(name)?;
        let snapshot = self.take(snapshots).await;
        let mut named = snapshots.named();
        if named.len() >= SNAPSHOTS_MAX && !named.contains_key(name) {
            return Err(SnapshotError::TooMany);
        }
        named.insert(name.to_owned(), snapshot);
        Ok(())
    }

    /// Goes back to what was kept under `name`.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn restore_snapshot(&self, name: &str) -> Result<(), SnapshotError> {
        let snapshots = self.snapshots()?;
        let found = snapshots.named().get(name).cloned();
        let snapshot = found.ok_or_else(|| SnapshotError::NoSuchSnapshot(name.to_owned()))?;
        self.go_back(snapshots, snapshot).await;
        Ok(())
    }

    /// Goes back to the state after start and seed. Snapshots stay.
    ///
    /// # Errors
    /// [`SnapshotError::OnDisk`].
    pub async fn reset(&self) -> Result<(), SnapshotError> {
        let snapshots = self.snapshots()?;
        let baseline = snapshots.baseline().clone();
        // A node that nobody called ready was reset to what it is.
        if let Some(baseline) = baseline {
            self.go_back(snapshots, baseline).await;
        }
        Ok(())
    }

    /// Notes that start and seed are over: a reset goes back to this state.
    pub async fn note_baseline(&self) {
        if let Ok(snapshots) = self.snapshots() {
            let snapshot = self.take(snapshots).await;
            *snapshots.baseline() = Some(snapshot);
        }
    }

    /// All snapshots, by name.
    ///
    /// # Errors
    /// [`SnapshotError::OnDisk`].
    pub fn list_snapshots(&self) -> Result<Vec<SnapshotStatus>, SnapshotError> {
        let named = self.snapshots()?.named();
        Ok(named.iter().map(|(name, snapshot)| SnapshotStatus { name: name.clone(), taken: snapshot.taken }).collect())
    }

    fn snapshots(&self) -> Result<&Snapshots, SnapshotError> {
        self.state.snapshots.as_ref().ok_or(SnapshotError::OnDisk)
    }

    async fn take(&self, snapshots: &Snapshots) -> Snapshot {
        let _turn = self.state.turn.lock().await;
        let _still = self.state.stillness(&self.node.changes).await;
        self.node.write_last_usage().await;
        Snapshot {
            image: snapshots.store.image(),
            offset_millis: self.state.clock.offset_millis(),
            faults: self.state.faults.rules(),
            last_uses: self.node.directory.last_uses().into(),
            taken: self.state.clock.now(),
        }
    }

    async fn go_back(&self, snapshots: &Snapshots, to: Snapshot) {
        let _turn = self.state.turn.lock().await;
        {
            let _still = self.state.stillness(&self.node.changes).await;
            self.node
                .forget_after(|| {
                    snapshots.store.restore(&to.image, NOT_TAKEN_BACK);
                    self.state.clock.set_offset_millis(to.offset_millis);
                    self.state.faults.replace(to.faults);
                })
                .await;
            self.node.directory.remember_last_uses(&to.last_uses);
        }
        // Real time went on since.
        self.node.run_due_tasks().await;
    }
}

impl Node {
    /// Has `change` put other records under the node, and forgets all that it knew of those before. No call is under way.
    async fn forget_after(&self, change: impl FnOnce()) {
        let _tasks = self.pause_tasks().await;
        // Whoever answers an operator's question is no call, and may be reading.
        let _gates = (self.directory.hold_all_gates().await, self.keyring.hold_all_gates().await);
        change();
        self.directory.forget_all();
        self.keyring.forget_all();
        self.vault.forget_all();
        self.last_usage.forget_all();
        self.signing_keys.forget_all();
    }
}

fn check_name(name: &str) -> Result<(), SnapshotError> {
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if fits { Ok(()) } else { Err(SnapshotError::BadName) }
}
