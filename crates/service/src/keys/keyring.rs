//! Keys and aliases in memory, and the way to and from the store.
//!
//! A data-plane call finds its key here without a database and without a lock that a writer holds across I/O. A key is loaded
//! when it is first named, so neither start-up nor memory grows with the number of keys.
//!
//! # Invariants
//! - What is in memory is what was last committed: commits and loads of one record pass through the same gate, and the
//!   record in memory is replaced before the gate opens. Relatives of a multi-Region key share a gate.
//! - After a commit whose outcome is unknown the record is forgotten, and read again when it is next named.
//! - Records are sealed before they reach the store, and opened (so authenticated) before they are believed.

mod census;
mod changes;
mod counts;
mod destruction;
mod grants;
mod memory;
mod schedule;
mod seeding;
mod stock;
mod usage;

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use quick_cache::sync::Cache;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::{AccountId, AliasName, KeyId, Region};
use strongroom_core::key::{AliasRecord, KeyRecord};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_store::{Batch, Error as StoreError, Expect, Record, Store, Table, Version, encode};
use strongroom_vault::{RecordName, Vault};
use tokio::sync::{Mutex, MutexGuard};

use super::entry::KeyEntry;
use super::grants::KeyGrants;
use crate::error::OpError;
use crate::health::Probe;
use crate::metrics::{CacheFigures, Family};
use crate::node::TRACKING_START;
use crate::quotas::ResourceQuotas;
use counts::{Change, Counted};
use memory::KeyMemory;

pub(crate) use grants::no_such_grant;
pub(crate) use seeding::SeededKey;

/// Names of a key's aliases that are read at once.
const ALIASES_AT_ONCE: usize = 1_000;
/// Aliases kept in memory at most, of less than 1 KB each.
const ALIASES_MAX: usize = 65_536;
/// Gates, each for the records that hash to it.
const GATES: usize = 256;
/// How often a change is tried again after another node changed the record.
const CHANGE_TRIES: usize = 8;

/// A record and its version in the store.
#[derive(Debug)]
struct Kept<R> {
    record: Arc<R>,
    version: Version,
}

impl<R> Clone for Kept<R> {
    fn clone(&self) -> Self {
        Self { record: Arc::clone(&self.record), version: self.version }
    }
}

/// The keys and aliases of all accounts and Regions.
pub(crate) struct Keyring {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    rng: Arc<dyn Rng>,
    keys: KeyMemory,
    aliases: Cache<AliasArn, Kept<AliasRecord>>,
    /// For keys, their grants and their policies; a multi-Region key shares one with its relatives. Nobody who holds one of
    /// these waits for a gate.
    key_gates: Box<[Mutex<()>]>,
    /// For everything else.
    gates: Box<[Mutex<()>]>,
    /// One of these is held by whoever counts one more; always after the alias's own gate and before the key's.
    quota_gates: Box<[Mutex<()>]>,
    hasher: RandomState,
    quotas: ResourceQuotas,
    /// Where the next key is counted.
    next_part: AtomicUsize,
    census: census::Census,
}

/// The prefix under which an account's records of a Region stand.
fn place(account: AccountId, region: Region) -> String {
    format!("{account}/{region}/")
}

fn key_name(arn: &KeyArn) -> Vec<u8> {
    format!("{}/{}/{}", arn.account, arn.region, arn.key).into_bytes()
}

fn alias_name(arn: &AliasArn) -> Vec<u8> {
    format!("{}/{}/{}", arn.account, arn.region, arn.alias).into_bytes()
}

/// Where an alias stands in the index by key.
fn alias_by_key_name(alias: &AliasArn, key: KeyId) -> Vec<u8> {
    format!("{}/{}/{key}/{}", alias.account, alias.region, alias.alias).into_bytes()
}

impl Keyring {
    /// An empty memory over `store`; keys may take so many bytes of it.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        rng: Arc<dyn Rng>,
        quotas: ResourceQuotas,
        memory_bytes: u64,
    ) -> Self {
        let hasher = RandomState::new();
        // Nodes begin at different parts.
        let next_part = AtomicUsize::new(usize::from(hasher.hash_one(0).to_le_bytes()[0]));
        Self {
            store,
            vault,
            rng,
            keys: KeyMemory::new(memory_bytes),
            aliases: Cache::new(ALIASES_MAX),
            key_gates: (0..GATES).map(|_| Mutex::new(())).collect(),
            gates: (0..GATES).map(|_| Mutex::new(())).collect(),
            quota_gates: (0..GATES).map(|_| Mutex::new(())).collect(),
            hasher,
            quotas,
            next_part,
            census: census::Census::default(),
        }
    }

    /// The families of what is kept in memory.
    pub(crate) fn caches(&self) -> [CacheFigures; 2] {
        let aliases = &self.aliases;
        [
            self.keys.figures(),
            CacheFigures { name: "aliases", hits: aliases.hits(), misses: aliases.misses(), entries: aliases.len() },
        ]
    }

    /// What the keys in memory take of it.
    pub(crate) fn memory_family(&self) -> Family {
        #[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
        let bytes = self.keys.weight() as f64;
        Family::gauge("strongroom_key_cache_bytes", "Bytes that keys in memory take, about", bytes)
    }

    /// Reads a sealed record that is there from the start, or any other when it is of a release that had none, and opens it.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn probe(&self) -> Result<Probe, StoreError> {
        let found = match self.store.get(Table::Meta, TRACKING_START).await? {
            Some(record) => Some((Table::Meta, record)),
            None => self.store.scan(Table::Keys, b"", None, 1).await?.pop().map(|record| (Table::Keys, record)),
        };
        let opens = found.is_none_or(|(table, record)| self.open(table, &record).is_ok());
        Ok(if opens { Probe::Good } else { Probe::DoesNotOpen })
    }

    /// Holds every gate, in the order in which changes take them: nobody brings a record from the store into memory meanwhile.
    pub(crate) async fn hold_all_gates(&self) -> Vec<MutexGuard<'_, ()>> {
        let mut held = Vec::with_capacity(3 * GATES);
        for gate in self.gates.iter().chain(&self.quota_gates).chain(&self.key_gates) {
            held.push(gate.lock().await);
        }
        held
    }

    /// Forgets all keys and aliases: the store has others. All gates are held.
    pub(crate) fn forget_all(&self) {
        self.census.forget();
        self.keys.clear();
        self.aliases.clear();
    }

    /// The key at `arn`, with what decides about it.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn entry(&self, arn: &KeyArn) -> Result<Option<Arc<KeyEntry>>, OpError> {
        if let Some(entry) = self.keys.get(arn) {
            return Ok(Some(entry));
        }
        let _gate = self.key_gate(arn).await;
        self.load_key(arn).await
    }

    /// The alias at `arn`.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub(crate) async fn alias(&self, arn: &AliasArn) -> Result<Option<Arc<AliasRecord>>, OpError> {
        if let Some(kept) = self.aliases.get(arn) {
            return Ok(Some(kept.record));
        }
        let _gate = self.gate(arn).await;
        Ok(self.load_alias(arn).await?.map(|kept| kept.record))
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// [`OpError::LimitExceeded`], and failures of the store; a key of this ARN cannot exist, its id being random.
    pub(crate) async fn insert_key(&self, mut record: KeyRecord) -> Result<(), OpError> {
        let counted = self.a_key_of(record.arn.account, record.arn.region);
        let _counting = self.count_gate(counted).await;
        let _gate = self.key_gate(&record.arn).await;
        let batch = self.reschedule(Batch::new(), None, &mut record)?;
        let (batch, version) = self.put_key(batch, &record, Expect::Absent)?;
        let entry = KeyEntry::new(record, version, KeyGrants::default(), Arc::from([]))?;
        self.commit_counting(batch, &[Change::By(counted, 1)]).await?;
        self.census.note(&entry.record.arn, None, Some(entry.record.state));
        self.keys.insert(entry.record.arn, Arc::new(entry));
        Ok(())
    }

    /// Stores a new alias of a key. `admit` sees the key as it is when the alias is written, and may refuse.
    ///
    /// # Errors
    /// What `admit` returns, [`OpError::AliasExists`], [`OpError::LimitExceeded`], and failures of the store.
    pub(crate) async fn insert_alias(
        &self,
        record: AliasRecord,
        admit: impl Fn(&KeyRecord) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        let _gate = self.gate(&record.arn).await;
        if self.load_alias(&record.arn).await?.is_some() {
            return Err(OpError::AliasExists(record.arn));
        }
        let key = KeyArn { account: record.arn.account, region: record.arn.region, key: record.target };
        let counted = Counted::Aliases(key);
        let _counting = self.count_gate(counted).await;
        for _ in 0..CHANGE_TRIES {
            let (key_record, key_version) = self.stored_key(&key).await?;
            admit(&key_record)?;
            let (batch, version) = self.put_alias(Batch::new(), &record, Expect::Absent)?;
            let batch = batch.check(Table::Keys, key_name(&key), Expect::At(key_version));
            let batch = self.put_alias_index(batch, &record)?;
            let outcome = self.commit_counting(batch, &[Change::By(counted, 1)]).await;
            self.refresh_aliases_of(&key).await;
            match outcome {
                Ok(()) => {
                    self.aliases.insert(record.arn.clone(), Kept { record: Arc::new(record), version });
                    return Ok(());
                }
                // The key was changed meanwhile: look at it again.
                Err(OpError::Store(StoreError::Conflict { table: Table::Keys, .. })) => {}
                Err(OpError::Store(StoreError::Conflict { .. })) => return Err(OpError::AliasExists(record.arn)),
                Err(failed) => {
                    self.aliases.remove(&record.arn);
                    return Err(failed);
                }
            }
        }
        Err(OpError::Throttled)
    }

    /// Points an alias from the key `from`, for which the caller was asked, at the key `to`. `admit` sees that key as it is when
    /// the alias is written, and may refuse. `false` when the alias points elsewhere by now: ask again.
    ///
    /// # Errors
    /// What `admit` returns, [`OpError::NotFound`] when the alias is gone, [`OpError::LimitExceeded`], and failures of the store.
    pub(crate) async fn move_alias(
        &self,
        arn: &AliasArn,
        from: KeyId,
        to: &KeyArn,
        now: Timestamp,
        admit: impl Fn(&KeyRecord) -> Result<(), OpError>,
    ) -> Result<bool, OpError> {
        let _gate = self.gate(arn).await;
        let counted = Counted::Aliases(*to);
        let _counting = if from == to.key { None } else { Some(self.count_gate(counted).await) };
        for _ in 0..CHANGE_TRIES {
            let kept = self.load_alias(arn).await?.ok_or_else(|| no_such_alias(arn))?;
            if kept.record.target != from {
                return Ok(false);
            }
            let (key_record, key_version) = self.stored_key(to).await?;
            admit(&key_record)?;
            let record = AliasRecord { target: to.key, last_updated_date: now, ..AliasRecord::clone(&kept.record) };
            let batch = Batch::new().check(Table::Keys, key_name(to), Expect::At(key_version));
            let (mut batch, version) = self.put_alias(batch, &record, Expect::At(kept.version))?;
            let mut changes = Vec::new();
            if to.key != from {
                batch = batch.delete(Table::AliasesByKey, alias_by_key_name(arn, from), Version::FIRST);
                batch = self.put_alias_index(batch, &record)?;
                changes = vec![Change::By(Counted::Aliases(KeyArn { key: from, ..*to }), -1), Change::By(counted, 1)];
            }
            let outcome = self.commit_counting(batch, &changes).await;
            for target in [kept.record.target, record.target] {
                self.refresh_aliases_of(&KeyArn { account: arn.account, region: arn.region, key: target }).await;
            }
            match outcome {
                Ok(()) => {
                    self.aliases.insert(arn.clone(), Kept { record: Arc::new(record), version });
                    return Ok(true);
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => drop(self.aliases.remove(arn)),
                Err(failed) => {
                    self.aliases.remove(arn);
                    return Err(failed);
                }
            }
        }
        Err(OpError::Throttled)
    }

    /// Deletes an alias of the key `of`, for which the caller was asked. `false` when it points elsewhere by now: ask again.
    ///
    /// # Errors
    /// [`OpError::NotFound`] when there is none, and failures of the store.
    pub(crate) async fn delete_alias(&self, arn: &AliasArn, of: KeyId) -> Result<bool, OpError> {
        let _gate = self.gate(arn).await;
        for _ in 0..CHANGE_TRIES {
            let kept = self.load_alias(arn).await?.ok_or_else(|| no_such_alias(arn))?;
            if kept.record.target != of {
                return Ok(false);
            }
            let batch = Batch::new().delete(Table::Aliases, alias_name(arn), kept.version).delete(
                Table::AliasesByKey,
                alias_by_key_name(arn, of),
                Version::FIRST,
            );
            let key = KeyArn { account: arn.account, region: arn.region, key: kept.record.target };
            let outcome = self.commit_counting(batch, &[Change::By(Counted::Aliases(key), -1)]).await;
            self.aliases.remove(arn);
            self.refresh_aliases_of(&key).await;
            match outcome {
                Ok(()) => return Ok(true),
                Err(OpError::Store(StoreError::Conflict { .. })) => {}
                Err(failed) => return Err(failed),
            }
        }
        Err(OpError::Throttled)
    }

    /// Ids of the keys of `account` in `region` after `after` (a store key), at most `limit`, in order.
    ///
    /// # Errors
    /// When the store fails or holds a key name that is none.
    pub(crate) async fn list_keys(
        &self,
        account: AccountId,
        region: Region,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(KeyArn, Vec<u8>)>, OpError> {
        let prefix = place(account, region);
        let records = self.store.scan(Table::Keys, prefix.as_bytes(), after, limit).await?;
        let arn = |record: Record| {
            // A row that was planted has a name too; only what opens is a key.
            self.open(Table::Keys, &record)?;
            let key = parse_tail::<KeyId>(&record.key, prefix.len())?;
            Ok((KeyArn { account, region, key }, record.key))
        };
        records.into_iter().map(arn).collect()
    }

    /// Aliases of `account` in `region`, of one key when `key` is given, after `after` (a store key), at most `limit`, in order.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn list_aliases(
        &self,
        account: AccountId,
        region: Region,
        key: Option<KeyId>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Arc<AliasRecord>, Vec<u8>)>, OpError> {
        let place = place(account, region);
        let (table, prefix) = match key {
            None => (Table::Aliases, place),
            Some(key) => (Table::AliasesByKey, format!("{place}{key}/")),
        };
        let mut aliases = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        loop {
            let wanted = limit - aliases.len();
            let records = self.store.scan(table, prefix.as_bytes(), after.as_deref(), wanted).await?;
            let ended = records.len() < wanted;
            for record in records {
                let arn = AliasArn { account, region, alias: parse_tail::<AliasName>(&record.key, prefix.len())? };
                let alias = match key {
                    None => Some(Arc::new(self.open_alias(arn, &record)?)),
                    // The index names the alias; the alias itself may have moved on since the scan.
                    Some(key) => self.alias(&arn).await?.filter(|alias| alias.target == key),
                };
                after = Some(record.key.clone());
                aliases.extend(alias.map(|alias| (alias, record.key)));
            }
            if ended || aliases.len() == limit {
                return Ok(aliases);
            }
        }
    }

    /// Sees to it that the vault holds the wrapping key of `account`, making one at the account's first key.
    ///
    /// # Errors
    /// When the store fails or the wrapping key is damaged.
    pub(crate) async fn ensure_account_key(&self, account: AccountId) -> Result<(), OpError> {
        if self.vault.has_account_key(account) {
            return Ok(());
        }
        let _gate = self.gate(&account).await;
        let name = format!("{account}/1").into_bytes();
        for _ in 0..CHANGE_TRIES {
            if let Some(record) = self.store.get(Table::AccountKeys, &name).await? {
                let opened = self.open(Table::AccountKeys, &record)?;
                let wrapped = encode::wrapped_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)?;
                return Ok(self.vault.load_account_key(account, &wrapped)?);
            }
            let wrapped = self.vault.new_account_key(account, &*self.rng)?;
            let form = encode::wrapped_to_bytes(&wrapped);
            let batch = self.put(Batch::new(), Table::AccountKeys, &name, Expect::Absent, &form)?;
            match self.store.commit(batch).await {
                Ok(()) => return Ok(self.vault.load_account_key(account, &wrapped)?),
                Err(StoreError::Conflict { .. }) => {}
                Err(failed) => return Err(failed.into()),
            }
        }
        Err(OpError::Throttled)
    }

    async fn gate<N: Hash>(&self, name: &N) -> MutexGuard<'_, ()> {
        self.gates[self.gate_of(name)].lock().await
    }

    async fn key_gate(&self, arn: &KeyArn) -> MutexGuard<'_, ()> {
        self.key_gates[self.gate_of(&(arn.account, arn.key))].lock().await
    }

    fn gate_of<N: Hash>(&self, name: &N) -> usize {
        usize::try_from(self.hasher.hash_one(name) % GATES as u64).expect("below 256")
    }

    /// The key as it stands in the store, past the memory; needs no gate.
    async fn stored_key(&self, arn: &KeyArn) -> Result<(KeyRecord, Version), OpError> {
        let record = self.store.get(Table::Keys, &key_name(arn)).await?.ok_or_else(|| no_such_key(arn))?;
        Ok((self.open_key(arn, &record)?, record.version))
    }

    /// Reads the key into memory, with its grants and the names of its aliases. The key's gate is held.
    async fn load_key(&self, arn: &KeyArn) -> Result<Option<Arc<KeyEntry>>, OpError> {
        let Some(stored) = self.store.get(Table::Keys, &key_name(arn)).await? else { return Ok(None) };
        let record = self.open_key(arn, &stored)?;
        let grants = self.load_grants(arn).await?;
        let entry = Arc::new(KeyEntry::new(record, stored.version, grants, self.alias_names_of(arn).await?)?);
        self.keys.insert(*arn, Arc::clone(&entry));
        Ok(Some(entry))
    }

    /// The names of the aliases that point to the key.
    async fn alias_names_of(&self, key: &KeyArn) -> Result<Arc<[AliasName]>, OpError> {
        let prefix = format!("{}{}/", place(key.account, key.region), key.key);
        let (mut names, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let table = Table::AliasesByKey;
            let records = self.store.scan(table, prefix.as_bytes(), after.as_deref(), ALIASES_AT_ONCE).await?;
            for record in &records {
                self.open(table, record)?;
                names.push(parse_tail::<AliasName>(&record.key, prefix.len())?);
            }
            match records.into_iter().next_back() {
                Some(last) if names.len().is_multiple_of(ALIASES_AT_ONCE) => after = Some(last.key),
                Some(_) | None => return Ok(names.into()),
            }
        }
    }

    /// Reads the names of the key's aliases anew after one of them changed; a key that is not in memory reads them when it
    /// comes. When the store fails, the key leaves the memory.
    async fn refresh_aliases_of(&self, key: &KeyArn) {
        let _gate = self.key_gate(key).await;
        let Some(entry) = self.keys.get(key) else { return };
        match self.alias_names_of(key).await {
            Ok(aliases) => self.keys.insert(*key, Arc::new(entry.with_aliases(aliases))),
            Err(_) => self.keys.remove(key),
        }
    }

    /// Reads the alias into memory. The alias's gate is held.
    async fn load_alias(&self, arn: &AliasArn) -> Result<Option<Kept<AliasRecord>>, OpError> {
        let Some(record) = self.store.get(Table::Aliases, &alias_name(arn)).await? else { return Ok(None) };
        let kept = Kept { record: Arc::new(self.open_alias(arn.clone(), &record)?), version: record.version };
        self.aliases.insert(arn.clone(), kept.clone());
        Ok(Some(kept))
    }

    fn open_key(&self, arn: &KeyArn, record: &Record) -> Result<KeyRecord, OpError> {
        let opened = self.open(Table::Keys, record)?;
        encode::key_from_bytes(*arn, opened.expose()).map_err(|_| OpError::BadRecord)
    }

    fn open_alias(&self, arn: AliasArn, record: &Record) -> Result<AliasRecord, OpError> {
        let opened = self.open(Table::Aliases, record)?;
        encode::alias_from_bytes(arn, opened.expose()).map_err(|_| OpError::BadRecord)
    }

    fn open(&self, table: Table, record: &Record) -> Result<strongroom_core::secret::SecretBytes, OpError> {
        let name = RecordName { table: table.code(), key: &record.key, version: record.version.0 };
        Ok(self.vault.open_record(name, &record.value)?)
    }

    fn put(&self, batch: Batch, table: Table, key: &[u8], expect: Expect, plain: &[u8]) -> Result<Batch, OpError> {
        let name = RecordName { table: table.code(), key, version: expect.next_version().0 };
        Ok(batch.put(table, key, expect, self.vault.seal_record(name, plain, &*self.rng)?))
    }

    fn put_key(&self, batch: Batch, record: &KeyRecord, expect: Expect) -> Result<(Batch, Version), OpError> {
        let form = encode::key_to_bytes(record);
        Ok((self.put(batch, Table::Keys, &key_name(&record.arn), expect, &form)?, expect.next_version()))
    }

    fn put_alias(&self, batch: Batch, record: &AliasRecord, expect: Expect) -> Result<(Batch, Version), OpError> {
        let form = encode::alias_to_bytes(record);
        Ok((self.put(batch, Table::Aliases, &alias_name(&record.arn), expect, &form)?, expect.next_version()))
    }

    fn put_alias_index(&self, batch: Batch, record: &AliasRecord) -> Result<Batch, OpError> {
        let name = alias_by_key_name(&record.arn, record.target);
        self.put(batch, Table::AliasesByKey, &name, Expect::Absent, &[])
    }
}

/// What stands behind the prefix of a store key.
fn parse_tail<T: std::str::FromStr>(key: &[u8], prefix_len: usize) -> Result<T, OpError> {
    let tail = key.get(prefix_len..).and_then(|tail| std::str::from_utf8(tail).ok()).ok_or(OpError::BadRecord)?;
    tail.parse().map_err(|_| OpError::BadRecord)
}

/// The text for a key that is not there.
pub(crate) fn no_such_key(arn: &KeyArn) -> OpError {
    OpError::NotFound(format!("Key '{arn}' does not exist"))
}

/// The text for an alias that is not there.
pub(crate) fn no_such_alias(arn: &AliasArn) -> OpError {
    OpError::NotFound(format!("Alias {arn} is not found."))
}
