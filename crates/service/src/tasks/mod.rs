//! What happens without a caller: rotation, expiry of imported material, destruction, the end of the states that pass by themselves
//! (Creating, Updating), the writing of last uses, and the look at accounts that other nodes may have changed.
//!
//! Due work is found in the schedule, so that neither start-up nor memory grows with the number of keys.
//!
//! # Invariants
//! - A change is committed against the version of the key that it was decided on: with several nodes it happens once.
//! - A key whose change fails holds up no other; it stays in the schedule and is tried again at the next turn.
//! - A panic ends one turn, not the task.

mod background;
mod census;

use std::sync::Arc;

use strongroom_authz::proof::{Authorized, SystemTask};
use strongroom_core::arn::KeyArn;
use strongroom_core::family::Family;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::{Clock, Rng, Timestamp};
use strongroom_vault::Vault;
use tokio::sync::Mutex;

pub(crate) use background::Background;
pub(crate) use census::Counting;

use crate::audit::service_events::{delete_key, of_passed};
use crate::audit::{Entry, Journal};
use crate::error::OpError;
use crate::identity::Directory;
use crate::keys::{Keyring, LastUsage, let_time_pass};

/// What the tasks work with.
pub(crate) struct Tasks {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) last_usage: Arc<LastUsage>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) journal: Journal,
    /// One turn at a time: a last use is not written while its key is destroyed.
    pub(crate) turn: Mutex<()>,
}

impl Tasks {
    /// Does all that is due now.
    pub(crate) async fn run_due(&self) {
        let _turn = self.turn.lock().await;
        if let Err(error) = self.directory.forget_outdated().await {
            tracing::error!(%error, "changes of accounts by other nodes cannot be seen");
        }
        let now = self.clock.now();
        let mut after = None;
        loop {
            let due = match self.keyring.due(now, after.as_deref()).await {
                Ok(due) => due,
                Err(error) => return tracing::error!(%error, "the schedule cannot be read"),
            };
            let Some(last) = due.last() else { return };
            after = Some(last.entry.clone());
            for one in &due {
                if let Err(error) = self.attend(&one.arn, now).await {
                    tracing::error!(key.arn = %one.arn, %error, "a due change of a key failed; it is tried again");
                }
            }
        }
    }

    /// Writes the last uses that are in memory alone.
    pub(crate) async fn flush_last_usage(&self) {
        let _turn = self.turn.lock().await;
        if let Err(error) = self.last_usage.flush(&self.keyring).await {
            tracing::error!(%error, "last uses of keys were not written; they are tried again");
        }
    }

    /// Does with one key what is due.
    async fn attend(&self, arn: &KeyArn, now: Timestamp) -> Result<(), OpError> {
        let Some(entry) = self.keyring.entry(arn).await? else { return Ok(()) };
        let record = Arc::clone(&entry.record);
        if record.is_to_be_destroyed(now) {
            return self.destroy(record, now).await;
        }
        self.keyring.ensure_account_key(arn.account).await?;
        let task = match &record {
            record if record.is_settling() => SystemTask::Replication,
            record if record.is_rotation_due(now) => SystemTask::Rotation,
            _ => SystemTask::Expiry,
        };
        let key = Authorized::for_system(task, record);
        let entry = Arc::new(Entry::of_change());
        let change = |family: &mut Family| {
            let passed = let_time_pass(family, &self.vault, now, &*self.rng)?;
            entry.set_besides(of_passed(family.named(), &passed, now));
            Ok(passed)
        };
        self.journal.check_writable()?;
        let passed = self.journal.carry(&entry, self.keyring.change_family(&key, change)).await?;
        for id in &passed.expired {
            self.vault.forget_material(arn, *id);
        }
        Ok(self.journal.close(&entry, None).await?)
    }

    async fn destroy(&self, record: Arc<KeyRecord>, now: Timestamp) -> Result<(), OpError> {
        let arn = record.arn;
        let key = Authorized::for_system(SystemTask::Deletion, record);
        let entry = Arc::new(delete_key(&arn, now));
        self.journal.check_writable()?;
        if self.journal.carry(&entry, self.keyring.destroy(&key, now)).await? {
            self.last_usage.forget(&arn);
            self.journal.close(&entry, None).await?;
        }
        Ok(())
    }
}
