//! When keys were last used: noted in memory at each call, written to the store now and then.
//!
//! # Invariants
//! - Noting a use writes nothing to the store and waits for nobody who does.
//! - A use is in memory until the store has it: a reader finds it in one or the other at every moment.
//! - What was not written yet is lost with the process; how often `tasks` flushes bounds how much.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_core::arn::KeyArn;
use strongroom_core::key::KeyUsageRecord;

use super::Keyring;
use crate::error::OpError;

/// Parts of the memory, so that calls on different keys seldom meet.
const SHARDS: usize = 64;
/// Keys that are written in one batch.
const FLUSH_KEYS: usize = 500;

type Shard = HashMap<KeyArn, KeyUsageRecord>;

/// Uses that the store does not have yet.
pub(crate) struct LastUsage {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

impl Default for LastUsage {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl LastUsage {
    /// Notes a use, unless a later one is known.
    pub(crate) fn note(&self, arn: KeyArn, usage: KeyUsageRecord) {
        let mut shard = self.shard(&arn);
        let known = shard.entry(arn).or_insert(usage);
        if known.at <= usage.at {
            *known = usage;
        }
    }

    /// The last use of a key.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn find(&self, keyring: &Keyring, arn: &KeyArn) -> Result<Option<KeyUsageRecord>, OpError> {
        let noted = self.shard(arn).get(arn).copied();
        match noted {
            Some(usage) => Ok(Some(usage)),
            None => keyring.stored_usage(arn).await,
        }
    }

    /// Forgets a key that is no more.
    pub(crate) fn forget(&self, arn: &KeyArn) {
        self.shard(arn).remove(arn);
    }

    /// Forgets all that was noted.
    pub(crate) fn forget_all(&self) {
        self.shards.iter().for_each(|shard| lock(shard).clear());
    }

    /// Writes what was noted.
    ///
    /// # Errors
    /// When the store fails; what it did not take stays noted.
    pub(crate) async fn flush(&self, keyring: &Keyring) -> Result<(), OpError> {
        for shard in &self.shards {
            let noted: Vec<_> = lock(shard).iter().map(|(arn, usage)| (*arn, *usage)).collect();
            for some in noted.chunks(FLUSH_KEYS) {
                keyring.store_usages(some).await?;
                let mut shard = lock(shard);
                for (arn, written) in some {
                    // A use that came meanwhile is still to be written.
                    if shard.get(arn) == Some(written) {
                        shard.remove(arn);
                    }
                }
            }
        }
        Ok(())
    }

    fn shard(&self, arn: &KeyArn) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(arn) % SHARDS as u64).expect("below 64");
        lock(&self.shards[at])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
