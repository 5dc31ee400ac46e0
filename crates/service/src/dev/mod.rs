//! What `strongroom dev` offers to those who test against it: a clock that they move, faults by
//! rule, snapshots, and a seed.
//!
//! # Invariants
//! - All of it hangs on a [`DevTools`], which [`Role::Dev`](crate::Role::Dev) alone carries: a node of `Role::Serve` has none of
//!   it, and nothing gives it one later.
//! - Signatures are judged by the real time. Everything else that asks for the time asks the clock that can be moved.
//!
//! # Not here
//! How these tools are asked for: the admin listener and the command line (`server`).

mod clock;
mod faults;
mod seed;
mod snapshots;

use std::sync::Arc;

use strongroom_core::world::{Clock, Timestamp};
use strongroom_store::{MemoryStore, Store};
use strongroom_vault::Vault;
use tokio::sync::{Mutex, RwLock};

pub use clock::{ClockError, ClockStatus};
pub(crate) use faults::Met;
pub use faults::{BadFaultRule, FaultRule, FaultStatus, InjectedError, LATENCY_MAX_MS, Probability};
pub(crate) use seed::{Note, Sower};
pub use seed::{
    Seed, SeedAccessKey, SeedAccount, SeedGrant, SeedGroup, SeedKey, SeedMaterial, SeedPolicy, SeedProblem, SeedRole,
    SeedState, SeedUser,
};
pub use snapshots::{SnapshotError, SnapshotStatus};

use crate::node::{Node, StartError};
use clock::MovableClock;
use faults::FaultRules;
use snapshots::Snapshots;

/// The permission to have these tools. `strongroom dev` makes one, and nobody else.
#[derive(Default)]
pub struct DevTools {
    memory: Option<Arc<MemoryStore>>,
    seed: Option<Seed>,
}

impl DevTools {
    /// Tools for a node whose store is on disk.
    pub fn on_disk() -> Self {
        Self::default()
    }

    /// Tools for a node whose store is this one: it can have snapshots.
    pub fn in_memory(store: Arc<MemoryStore>) -> Self {
        Self { memory: Some(store), seed: None }
    }

    /// The same for a node that begins with a seed.
    pub fn with_seed(self, seed: Option<Seed>) -> Self {
        Self { seed, ..self }
    }
}

impl std::fmt::Debug for DevTools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevTools(..)")
    }
}

/// The tools at work, in the node that has them.
pub(crate) struct DevState {
    clock: Arc<MovableClock>,
    pub(crate) faults: FaultRules,
    store: Arc<dyn Store>,
    snapshots: Option<Snapshots>,
    /// What is to be true before the first call.
    seed: Option<Seed>,
    /// One move of the clock, snapshot or restore at a time.
    turn: Mutex<()>,
    /// Held for reading by every call.
    calls: Arc<RwLock<()>>,
}

impl DevState {
    /// Takes up what the store remembers of an earlier run.
    ///
    /// # Errors
    /// When the store fails or its record is damaged.
    pub(crate) async fn start(
        tools: DevTools,
        store: Arc<dyn Store>,
        vault: &Vault,
        real: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let offset_millis = clock::stored_offset(&*store, vault).await?;
        let clock = Arc::new(MovableClock::new(real, offset_millis));
        Ok(Self {
            clock,
            faults: FaultRules::default(),
            store,
            seed: tools.seed,
            snapshots: tools.memory.map(Snapshots::of),
            turn: Mutex::default(),
            calls: Arc::default(),
        })
    }

    /// Makes the seed true: nothing of it is, when there is a problem.
    ///
    /// # Errors
    /// [`StartError::Seed`], and failures of the store.
    pub(crate) async fn sow(&mut self, mut sower: Sower<'_>) -> Result<(), StartError> {
        let Some(mut seed) = self.seed.take() else { return Ok(()) };
        let faults = std::mem::take(&mut seed.faults);
        let problems = sower.sow(seed).await.map_err(StartError::Sowing)?;
        if !problems.is_empty() {
            return Err(StartError::Seed(problems));
        }
        for (at, rule) in faults.into_iter().enumerate() {
            self.faults.add(rule).map_err(|error| {
                let at = format!("faults[{at}].{}", error.field());
                StartError::Seed(vec![SeedProblem { at, problem: error.to_string(), other: None }])
            })?;
        }
        Ok(())
    }

    /// The clock that keys live by.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::<MovableClock>::clone(&self.clock)
    }
}

/// The tools of a node, for whoever answers the admin listener.
#[derive(Clone, Copy)]
pub struct Dev<'a> {
    node: &'a Node,
    state: &'a DevState,
}

impl Node {
    /// The tools of this node; none in `serve`.
    pub fn dev(&self) -> Option<Dev<'_>> {
        self.dev.as_ref().map(|state| Dev { node: self, state })
    }
}

impl std::fmt::Debug for Dev<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dev(..)")
    }
}

/// The last moment to which the clock can be moved: the end of the year 9000. Clients read no year of five digits, and replies tell
/// dates that lie ahead.
const LAST_MOMENT: Timestamp = Timestamp::from_millis(221_876_927_999_999);
