//! Changes of stored keys: of one key alone, or of a multi-Region key with its relatives in one batch.
//!
//! # Invariants
//! - A change is committed against the versions of all the keys that it was decided on: they change together or not at all.
//! - Relatives share one gate, for it is chosen by account and key id; so a family needs no order of locking.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::family::Family;
use strongroom_core::key::KeyRecord;
use strongroom_store::{Batch, Error as StoreError, Expect, Table};

use super::counts::Change;
use super::{CHANGE_TRIES, Keyring, key_name};
use crate::error::OpError;
use crate::keys::entry::KeyEntry;
use crate::keys::grants::KeyGrants;

/// How much of a family a change is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Alone,
    Family,
}

impl Keyring {
    /// Changes what a key has for itself. The caller may do so. `change` sees the record as it is now and may refuse; it can be
    /// called again when another node was quicker.
    ///
    /// # Errors
    /// What `change` returns, and failures of the store.
    pub(crate) async fn change_key<T>(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        mut change: impl FnMut(&mut KeyRecord) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        self.change(key, Reach::Alone, |family| change(family.named_mut())).await
    }

    /// The same for what a multi-Region key shares with its relatives. Any other key is a family of one.
    ///
    /// # Errors
    /// As [`Keyring::change_key`].
    pub(crate) async fn change_family<T>(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        change: impl FnMut(&mut Family) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        self.change(key, Reach::Family, change).await
    }

    /// The relatives of a key, as they are in memory or in the store.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn relatives(&self, key: &KeyRecord) -> Result<Vec<Arc<KeyEntry>>, OpError> {
        let mut relatives = Vec::new();
        for arn in key.relatives() {
            relatives.extend(self.entry(&arn).await?);
        }
        Ok(relatives)
    }

    async fn change<T>(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        reach: Reach,
        mut change: impl FnMut(&mut Family) -> Result<T, OpError>,
    ) -> Result<T, OpError> {
        let arn = key.resource().arn;
        let _gate = self.key_gate(&arn).await;
        for _ in 0..CHANGE_TRIES {
            let Some(entries) = self.gated_members(&arn, reach).await? else { continue };
            let mut members = entries.iter().map(|entry| KeyRecord::clone(&entry.record));
            let named = members.next().ok_or(OpError::BadRecord)?;
            let mut family = Family::new(named, members.collect());
            let outcome = match change(&mut family) {
                Ok(outcome) => outcome,
                // A refusal must rest on what is stored: another node may have changed the key since it came into memory.
                Err(refused) => match self.are_current(&entries).await? {
                    true => return Err(refused),
                    false => continue,
                },
            };
            if self.commit_members(&entries, family).await? {
                return Ok(outcome);
            }
        }
        Err(OpError::Throttled)
    }

    /// The named key, and its relatives when they are asked for; `None` when the memory is older than the store. The key's gate
    /// is held.
    async fn gated_members(&self, arn: &KeyArn, reach: Reach) -> Result<Option<Vec<Arc<KeyEntry>>>, OpError> {
        let named = self.gated_entry(arn).await?;
        let relatives: Vec<KeyArn> = match reach {
            Reach::Alone => Vec::new(),
            Reach::Family => named.record.relatives().collect(),
        };
        let mut entries = vec![named];
        for relative in &relatives {
            let entry = match self.keys.get(relative) {
                Some(entry) => Some(entry),
                None => self.load_key(relative).await?,
            };
            match entry {
                Some(entry) => entries.push(entry),
                // It was destroyed by another node, and the named key knows.
                None => {
                    self.keys.remove(arn);
                    return Ok(None);
                }
            }
        }
        Ok(Some(entries))
    }

    /// Whether the store has these keys as they are here; what it has otherwise is forgotten.
    async fn are_current(&self, entries: &[Arc<KeyEntry>]) -> Result<bool, OpError> {
        let mut are_current = true;
        for entry in entries {
            let arn = &entry.record.arn;
            let stored = self.store.get(Table::Keys, &key_name(arn)).await?;
            if stored.is_none_or(|stored| stored.version != entry.version) {
                self.keys.remove(arn);
                are_current = false;
            }
        }
        Ok(are_current)
    }

    /// Writes what was changed, in one batch that holds only while all of `entries` are as they were read. `false` when another
    /// node changed one of them.
    async fn commit_members(&self, entries: &[Arc<KeyEntry>], family: Family) -> Result<bool, OpError> {
        let mut batch = Batch::new();
        let (mut changed, mut counted) = (Vec::new(), Vec::new());
        for (at, mut record) in family.into_members().enumerate() {
            let entry = entries.get(at);
            batch = self.reschedule(batch, entry.and_then(|entry| entry.record.scheduled), &mut record)?;
            let expect = match entry {
                Some(entry) if *entry.record == record => {
                    batch = batch.check(Table::Keys, key_name(&record.arn), Expect::At(entry.version));
                    continue;
                }
                Some(entry) => Expect::At(entry.version),
                None => {
                    counted.push(Change::By(self.a_key_of(record.arn.account, record.arn.region), 1));
                    Expect::Absent
                }
            };
            let (next, version) = self.put_key(batch, &record, expect)?;
            batch = next;
            changed.push(match entry {
                Some(entry) => entry.with_record(record, version)?,
                None => KeyEntry::new(record, version, KeyGrants::default(), Arc::from([]))?,
            });
        }
        if changed.is_empty() {
            return Ok(true);
        }
        let outcome = self.commit_counting(batch, &counted).await;
        if outcome.is_ok() {
            for entry in changed {
                let arn = &entry.record.arn;
                let before = entries.iter().find(|before| before.record.arn == *arn).map(|before| before.record.state);
                self.census.note(arn, before, Some(entry.record.state));
                self.keys.insert(entry.record.arn, Arc::new(entry));
            }
            return Ok(true);
        }
        for arn in entries.iter().map(|entry| &entry.record.arn).chain(changed.iter().map(|entry| &entry.record.arn)) {
            self.keys.remove(arn);
        }
        match outcome {
            Err(OpError::Store(StoreError::Conflict { .. })) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }
}
