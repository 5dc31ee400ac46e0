//! The end of a key: everything that the store has of it goes in one batch, then what memory has.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::AliasName;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::Timestamp;
use strongroom_store::{Batch, Error as StoreError, MAX_BATCH_RECORDS, Table, Version};

use super::grants::GRANTS_OF_A_KEY_MAX;
use super::{CHANGE_TRIES, Keyring, alias_by_key_name, alias_name, key_name, parse_tail, place};
use crate::error::OpError;

/// More aliases than this are deleted in several batches, before the key: a batch has room for two records of each.
const ALIASES_AT_ONCE: usize = (MAX_BATCH_RECORDS - 10) / 2;

/// Grants that one batch deletes; each is two records.
pub(super) const GRANTS_AT_ONCE: usize = ALIASES_AT_ONCE;

impl Keyring {
    /// Destroys a key whose waiting period is over at `now`: record, tags, policy, materials, grants, aliases, last use and place
    /// in the schedule. Says whether it did: another node may have been quicker, or somebody cancelled.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn destroy(&self, key: &Authorized<Arc<KeyRecord>>, now: Timestamp) -> Result<bool, OpError> {
        let arn = key.resource().arn;
        let Some((record, aliases)) = self.destroy_stored(&arn, now).await? else { return Ok(false) };
        self.vault.forget(&record);
        // One gate at a time: an alias that is being read into memory at this moment is forgotten after that.
        for alias in aliases {
            let _gate = self.gate(&alias).await;
            self.aliases.remove(&alias);
        }
        Ok(true)
    }

    async fn destroy_stored(
        &self,
        arn: &KeyArn,
        now: Timestamp,
    ) -> Result<Option<(Arc<KeyRecord>, Vec<AliasArn>)>, OpError> {
        let _gate = self.key_gate(arn).await;
        let mut destroyed_aliases = Vec::new();
        for _ in 0..GRANTS_OF_A_KEY_MAX / GRANTS_AT_ONCE + CHANGE_TRIES {
            let Some(kept) = self.load_key(arn).await? else { return Ok(None) };
            if !kept.record.is_to_be_destroyed(now) {
                return Ok(None);
            }
            if kept.grants.len() > 0 {
                match self.store.commit(self.delete_some_grants(&kept)).await {
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
                    Err(failed) => {
                        self.keys.remove(arn);
                        return Err(failed.into());
                    }
                }
                continue;
            }
            let (aliases, batch) = self.delete_aliases_of(arn).await?;
            let is_last = aliases.len() < ALIASES_AT_ONCE;
            let batch = match is_last {
                true => self.delete_key_records(batch, &kept.record, kept.version).await?,
                false => batch.check(Table::Keys, key_name(arn), strongroom_store::Expect::At(kept.version)),
            };
            match self.store.commit(batch).await {
                Ok(()) => {
                    destroyed_aliases.extend(aliases);
                    if is_last {
                        self.keys.remove(arn);
                        return Ok(Some((Arc::clone(&kept.record), destroyed_aliases)));
                    }
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failed) => {
                    self.keys.remove(arn);
                    return Err(failed.into());
                }
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

    async fn delete_aliases_of(&self, key: &KeyArn) -> Result<(Vec<AliasArn>, Batch), OpError> {
        let prefix = format!("{}{}/", place(key.account, key.region), key.key);
        let (mut aliases, mut batch) = (Vec::new(), Batch::new());
        for entry in self.store.scan(Table::AliasesByKey, prefix.as_bytes(), None, ALIASES_AT_ONCE).await? {
            let alias = parse_tail::<AliasName>(&entry.key, prefix.len())?;
            let alias = AliasArn { account: key.account, region: key.region, alias };
            // An index entry without its alias is a change between the two reads; the batch will then conflict.
            if let Some(record) = self.store.get(Table::Aliases, &alias_name(&alias)).await? {
                batch = batch.delete(Table::Aliases, record.key, record.version);
            }
            batch = batch.delete(Table::AliasesByKey, alias_by_key_name(&alias, key.key), entry.version);
            aliases.push(alias);
        }
        Ok((aliases, batch))
    }
}
