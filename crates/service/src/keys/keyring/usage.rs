//! When a key was last used, as the store has it.

use strongroom_core::arn::KeyArn;
use strongroom_core::key::KeyUsageRecord;
use strongroom_store::{Batch, Error as StoreError, Expect, Table, Version, encode};

use super::{CHANGE_TRIES, Keyring, key_name};
use crate::error::OpError;

impl Keyring {
    /// The stored last use of a key.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub(crate) async fn stored_usage(&self, arn: &KeyArn) -> Result<Option<KeyUsageRecord>, OpError> {
        Ok(self.usage_and_version(arn).await?.map(|(usage, _)| usage))
    }

    /// Stores what these keys were last used for, in one batch; of keys that are no more it stores nothing. A later use that another node stored stays; of two of the same
    /// millisecond the one that comes is the later.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn store_usages(&self, usages: &[(KeyArn, KeyUsageRecord)]) -> Result<(), OpError> {
        for _ in 0..CHANGE_TRIES {
            let mut batch = Batch::new();
            for (arn, usage) in usages {
                // A call that was under way when its key was destroyed tells of it too late.
                if self.store.get(Table::Keys, &key_name(arn)).await?.is_none() {
                    continue;
                }
                let expect = match self.usage_and_version(arn).await? {
                    Some((stored, _)) if stored.at > usage.at || stored == *usage => continue,
                    Some((_, version)) => Expect::At(version),
                    None => Expect::Absent,
                };
                let form = encode::last_usage_to_bytes(usage);
                batch = self.put(batch, Table::LastUsage, &key_name(arn), expect, &form)?;
            }
            if batch.is_empty() {
                return Ok(());
            }
            match self.store.commit(batch).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
        Err(OpError::Throttled)
    }

    async fn usage_and_version(&self, arn: &KeyArn) -> Result<Option<(KeyUsageRecord, Version)>, OpError> {
        let Some(record) = self.store.get(Table::LastUsage, &key_name(arn)).await? else { return Ok(None) };
        let opened = self.open(Table::LastUsage, &record)?;
        let usage = encode::last_usage_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)?;
        Ok(Some((usage, record.version)))
    }
}
