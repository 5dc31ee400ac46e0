//! How many keys an account has in a Region, and how many aliases and grants a key has: kept in the store beside what is counted,
//! and changed in the same batch, so that quotas hold exactly whatever number of nodes writes.
//!
//! A key's aliases are counted in one record, and so are its grants. The keys of an account in a Region are counted in
//! [`PARTS`] records, so that calls that make keys at once seldom want the same one. Only the sum of the parts means something:
//! a key is taken from whatever part comes next, and a part can be negative.
//!
//! # Invariants
//! - The parts never sum up to more than the quota. All are read at one moment. While at least [`PARTS`] keys have room, a new key
//!   changes one part alone, and expects the version that was read. Of all keys made after the latest such reading no two are in
//!   one part, for the second would have found a newer version: so there are at most as many as had room then. Nearer to the
//!   quota a new key writes all parts, each expecting the version that was read: that succeeds only when nothing has changed, and
//!   makes whatever was read before worthless.
//! - Who finds a count changed reads it again. Of those who meet one succeeds, so it never ends in an error.
//! - Counts are kept whether or not there is a quota: it can be set later.

use std::sync::atomic::Ordering;
use std::time::Duration;

use strongroom_core::arn::KeyArn;
use strongroom_core::ids::{AccountId, Region};
use strongroom_store::{Batch, Error as StoreError, Expect, Record, Table, encode};
use tokio::sync::MutexGuard;

use super::{Keyring, parse_tail, place};
use crate::error::OpError;

/// Parts of the count of an account's keys in a Region.
pub(super) const PARTS: usize = 16;

/// The longest pause before a count is read again.
const PAUSE_MAX_MS: u32 = 20;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Keys of an account in a Region; of the parts of the count, this one takes the change.
    Keys(AccountId, Region, usize),
    /// Aliases of a key.
    Aliases(KeyArn),
    /// Grants on a key.
    Grants(KeyArn),
}

/// What becomes of a count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// So many more, or fewer. Keys are made and destroyed one at a time.
    By(Counted, i64),
    /// What was counted is no more, whatever number it was.
    Forget(Counted),
}

impl Counted {
    pub(super) fn name(self) -> Vec<u8> {
        match self {
            Self::Keys(account, region, part) => format!("{}{part:02}", keys_prefix(account, region)),
            Self::Aliases(key) => format!("aliases/{}/{}/{}", key.account, key.region, key.key),
            Self::Grants(key) => format!("grants/{}/{}/{}", key.account, key.region, key.key),
        }
        .into_bytes()
    }
}

fn keys_prefix(account: AccountId, region: Region) -> String {
    format!("keys/{}", place(account, region))
}

/// A number of things, as counts take it.
pub(super) fn signed(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

impl Keyring {
    /// One key of an account in a Region, to be counted or to be no longer counted.
    pub(super) fn a_key_of(&self, account: AccountId, region: Region) -> Counted {
        Counted::Keys(account, region, self.next_part.fetch_add(1, Ordering::Relaxed) % PARTS)
    }

    /// Held by whoever is about to count one more, so that calls of one node wait for each other instead of meeting in the store.
    pub(super) async fn count_gate(&self, what: Counted) -> MutexGuard<'_, ()> {
        self.quota_gates[self.gate_of(&what)].lock().await
    }

    /// Commits a batch together with changes of counts, which are read here.
    ///
    /// # Errors
    /// [`OpError::LimitExceeded`] when a quota has no room, and failures of the store; conflicts are those of `batch` alone.
    pub(super) async fn commit_counting(&self, batch: Batch, changes: &[Change]) -> Result<(), OpError> {
        let mut tries = 0;
        loop {
            let mut counted = batch.clone();
            for change in changes {
                counted = self.count(counted, *change).await?;
            }
            match self.store.commit(counted).await {
                Err(StoreError::Conflict { table: Table::Counts, .. }) => {
                    tokio::time::sleep(Duration::from_millis(PAUSE_MAX_MS.min(tries).into())).await;
                    tries += 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Whether a key has room for one grant more.
    ///
    /// # Errors
    /// [`OpError::LimitExceeded`], and failures of the store.
    pub(crate) async fn check_room_for_grant(&self, key: &KeyArn) -> Result<(), OpError> {
        let what = Counted::Grants(*key);
        self.check_room(what, self.stored_count(what).await?.0, 1)
    }

    /// Whether there is room for a key that comes with so many aliases and grants, and is the `nth` of those that are about to come.
    ///
    /// # Errors
    /// [`OpError::LimitExceeded`], and failures of the store.
    pub(crate) async fn check_room_for_seeded(
        &self,
        arn: &KeyArn,
        nth: usize,
        aliases: usize,
        grants: usize,
    ) -> Result<(), OpError> {
        let used = self.key_parts(arn.account, arn.region).await?.iter().map(|(count, _)| count).sum();
        self.check_room(Counted::Keys(arn.account, arn.region, 0), used, signed(nth))?;
        self.check_room(Counted::Aliases(*arn), 0, signed(aliases))?;
        self.check_room(Counted::Grants(*arn), 0, signed(grants))
    }

    /// A count as the store has it, and what a change of it expects.
    pub(super) async fn stored_count(&self, what: Counted) -> Result<(i64, Expect), OpError> {
        match self.store.get(Table::Counts, &what.name()).await? {
            Some(record) => Ok((self.open_count(&record)?, Expect::At(record.version))),
            None => Ok((0, Expect::Absent)),
        }
    }

    pub(super) fn put_count(&self, batch: Batch, what: Counted, expect: Expect, count: i64) -> Result<Batch, OpError> {
        self.put(batch, Table::Counts, &what.name(), expect, &encode::count_to_bytes(count))
    }

    async fn count(&self, batch: Batch, change: Change) -> Result<Batch, OpError> {
        match change {
            Change::By(Counted::Keys(account, region, part), by) if by > 0 && self.quotas.keys.is_some() => {
                self.count_key_within_quota(batch, (account, region, part), by).await
            }
            Change::By(what, by) => {
                let (count, expect) = self.stored_count(what).await?;
                self.check_room(what, count, by)?;
                self.put_count(batch, what, expect, count.saturating_add(by))
            }
            Change::Forget(what) => Ok(match self.stored_count(what).await?.1 {
                Expect::At(version) => batch.delete(Table::Counts, what.name(), version),
                Expect::Absent => batch,
            }),
        }
    }

    async fn count_key_within_quota(
        &self,
        mut batch: Batch,
        (account, region, part): (AccountId, Region, usize),
        by: i64,
    ) -> Result<Batch, OpError> {
        let parts = self.key_parts(account, region).await?;
        let used: i64 = parts.iter().map(|(count, _)| count).sum();
        self.check_room(Counted::Keys(account, region, part), used, by)?;
        let is_far = self.check_room(Counted::Keys(account, region, part), used, signed(PARTS)).is_ok();
        for (at, (count, expect)) in parts.into_iter().enumerate() {
            let count = if at == part { count.saturating_add(by) } else { count };
            if at == part || !is_far {
                batch = self.put_count(batch, Counted::Keys(account, region, at), expect, count)?;
            }
        }
        Ok(batch)
    }

    /// All parts of a count of keys, as they are at one moment.
    async fn key_parts(&self, account: AccountId, region: Region) -> Result<[(i64, Expect); PARTS], OpError> {
        let prefix = keys_prefix(account, region);
        let mut parts = [(0, Expect::Absent); PARTS];
        for record in self.store.scan(Table::Counts, prefix.as_bytes(), None, PARTS).await? {
            let at: usize = parse_tail(&record.key, prefix.len())?;
            let part = parts.get_mut(at).ok_or(OpError::BadRecord)?;
            *part = (self.open_count(&record)?, Expect::At(record.version));
        }
        Ok(parts)
    }

    fn open_count(&self, record: &Record) -> Result<i64, OpError> {
        let opened = self.open(Table::Counts, record)?;
        encode::count_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)
    }

    /// Refuses more than the quota allows, in the words that AWS was seen to use for keys and for aliases.
    fn check_room(&self, what: Counted, used: i64, by: i64) -> Result<(), OpError> {
        let (quota, name, then) = match what {
            Counted::Keys(..) => (self.quotas.keys, "Key", " but the"),
            Counted::Aliases(_) => (self.quotas.aliases_per_key, "Aliases per key", ","),
            Counted::Grants(_) => (self.quotas.grants_per_key, "Grants per key", ","),
        };
        match quota {
            Some(quota) if by > 0 && i128::from(used) + i128::from(by) > i128::from(quota) => {
                Err(OpError::LimitExceeded(
                    format!("{name} quota for this account in this region is {quota}{then} current usage is {used}.")
                        .into(),
                ))
            }
            Some(_) | None => Ok(()),
        }
    }
}
