//! The end of a key: everything that the store has of it goes, then what memory has.
//!
//! # Invariant
//! What remains of a key at any moment is whole: grants go first, in as many batches as they need, then all the rest in one.
//! The lists of a replica's relatives change in that last batch too. Each batch holds only while the key stands as it was found, and no operation brings back a key whose date has come.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::family::Family;
use strongroom_core::generated::KeyState;
use strongroom_core::ids::AliasName;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::Timestamp;
use strongroom_store::{Batch, Error as StoreError, Expect, Table, Version};

use super::counts::{Change, Counted};
use super::{CHANGE_TRIES, Keyring, alias_by_key_name, alias_name, key_name, parse_tail, place};
use crate::error::OpError;

/// Grants, or aliases, that one batch deletes: each has two records at most, and a batch has room for a thousand.
const AT_ONCE: usize = 400;

impl Keyring {
    /// Destroys a key whose waiting period is over at `now`: record, tags, policy, materials, grants, aliases, last use and
    /// place in the schedule. Says whether it did: another node may have been quicker.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn destroy(&self, key: &Authorized<Arc<KeyRecord>>, now: Timestamp) -> Result<bool, OpError> {
        let arn = key.resource().arn;
        let gate = self.key_gate(&arn).await;
        let mut aliases = Vec::new();
        let record = self.destroy_stored(&arn, now, &mut aliases).await;
        // Whatever became of it: the memory has to look again, at the relatives too.
        self.keys.remove(&arn);
        key.resource().relatives().for_each(|relative| self.keys.remove(&relative));
        drop(gate);
        // An alias that is being read into memory at this moment is forgotten after that.
        for alias in aliases {
            let _gate = self.gate(&alias).await;
            self.aliases.remove(&alias);
        }
        let Some(record) = record? else { return Ok(false) };
        self.vault.forget(&record);
        Ok(true)
    }

    /// Deletes what the store has, and notes the aliases that went. The key's gate is held.
    async fn destroy_stored(
        &self,
        arn: &KeyArn,
        now: Timestamp,
        gone: &mut Vec<AliasArn>,
    ) -> Result<Option<KeyRecord>, OpError> {
        let mut conflicts = 0;
        while conflicts < CHANGE_TRIES {
            let Some(stored) = self.store.get(Table::Keys, &key_name(arn)).await? else { return Ok(None) };
            let (record, version) = (self.open_key(arn, &stored)?, stored.version);
            if !record.is_to_be_destroyed(now) {
                return Ok(None);
            }
            let (batch, grants) = self.delete_grants_of(Batch::new(), arn, AT_ONCE).await?;
            let (batch, aliases) = match grants {
                0 => self.delete_aliases_of(batch, arn).await?,
                _ => (batch, Vec::new()),
            };
            let is_last = grants == 0 && aliases.len() < AT_ONCE;
            let mut moved = Vec::new();
            let batch = match is_last {
                true => match self.forget_replica(batch, &record, now, &mut moved).await? {
                    Some(batch) => self.delete_key_records(batch, &record, version).await?,
                    None => {
                        conflicts += 1;
                        continue;
                    }
                },
                false => batch.check(Table::Keys, key_name(arn), Expect::At(version)),
            };
            let counted = match is_last {
                true => vec![
                    Change::By(self.a_key_of(arn.account, arn.region), -1),
                    Change::Forget(Counted::Aliases(*arn)),
                    Change::Forget(Counted::Grants(*arn)),
                ],
                false => Vec::new(),
            };
            match self.commit_counting(batch, &counted).await {
                Ok(()) => {
                    gone.extend(aliases);
                    if is_last {
                        self.census.note(arn, Some(record.state), None);
                        for (relative, before, after) in moved {
                            self.census.note(&relative, Some(before), Some(after));
                        }
                        return Ok(Some(record));
                    }
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => conflicts += 1,
                Err(failed) => return Err(failed),
            }
        }
        Err(OpError::Throttled)
    }

    async fn delete_key_records(&self, batch: Batch, record: &KeyRecord, version: Version) -> Result<Batch, OpError> {
        let name = key_name(&record.arn);
        let batch = self.unschedule(batch, record.scheduled, &record.arn);
        let batch = match self.store.get(Table::LastUsage, &name).await? {
            Some(usage) => batch.delete(Table::LastUsage, name.clone(), usage.version),
            None => batch,
        };
        Ok(batch.delete(Table::Keys, name, version))
    }

    /// Takes a replica that is destroyed from its relatives' lists, and notes their states before and after; `None` when a relative
    /// is not as the list says.
    async fn forget_replica(
        &self,
        mut batch: Batch,
        record: &KeyRecord,
        now: Timestamp,
        moved: &mut Vec<(KeyArn, KeyState, KeyState)>,
    ) -> Result<Option<Batch>, OpError> {
        let mut relatives = Vec::new();
        let mut stored = Vec::new();
        for arn in record.relatives() {
            let Some(found) = self.store.get(Table::Keys, &key_name(&arn)).await? else { return Ok(None) };
            let relative = self.open_key(&arn, &found)?;
            stored.push((relative.scheduled, found.version, relative.state));
            relatives.push(relative);
        }
        let left = Family::new(record.clone(), relatives).without_named(now);
        for (mut relative, (scheduled, version, before)) in left.into_iter().zip(stored) {
            moved.push((relative.arn, before, relative.state));
            batch = self.reschedule(batch, scheduled, &mut relative)?;
            (batch, _) = self.put_key(batch, &relative, Expect::At(version))?;
        }
        Ok(Some(batch))
    }

    async fn delete_aliases_of(&self, mut batch: Batch, key: &KeyArn) -> Result<(Batch, Vec<AliasArn>), OpError> {
        let prefix = format!("{}{}/", place(key.account, key.region), key.key);
        let mut aliases = Vec::new();
        for entry in self.store.scan(Table::AliasesByKey, prefix.as_bytes(), None, AT_ONCE).await? {
            let alias = parse_tail::<AliasName>(&entry.key, prefix.len())?;
            let alias = AliasArn { account: key.account, region: key.region, alias };
            // An index entry without its alias is a change between the two reads; the batch will then conflict.
            if let Some(record) = self.store.get(Table::Aliases, &alias_name(&alias)).await? {
                batch = batch.delete(Table::Aliases, record.key, record.version);
            }
            batch = batch.delete(Table::AliasesByKey, alias_by_key_name(&alias, key.key), entry.version);
            aliases.push(alias);
        }
        Ok((batch, aliases))
    }
}
