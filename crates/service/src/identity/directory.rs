//! All accounts, found by access key and by id: in memory once they were named, whole.
//!
//! # Invariants
//! - What is in memory is what was last committed: loads and changes of one account pass through the same gate, and the account
//!   in memory is replaced before the gate opens. After a commit whose outcome is unknown it is forgotten, and read again.
//! - Every change writes the account's own record, and expects the version that it was decided on. So of two nodes that change
//!   one account at once only one succeeds, and the other decides anew.
//! - A call whose account is in memory needs no store to find its caller and what decides about it.
//! - Secrets of access keys leave this module as derived signing keys alone, or once to whoever made the access key.
//!
//! # How another node learns
//! It compares the version of the account's record in the store with the one in memory; [`Directory::forget`] makes it read
//! the account again.

mod records;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use strongroom_core::identity::{AccessKeyOwner, AccessKeyRecord, AccountRecord};
use strongroom_core::ids::AccountId;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{Clock, Rng, Timestamp};
use strongroom_store::{Batch, Error as StoreError, Expect, Store, Table, Version, encode};
use strongroom_vault::Vault;
use tokio::sync::{Mutex, MutexGuard};

use super::account::{Account, Entity};
use super::draft::{Draft, Step};
use super::last_uses::{LastUse, LastUses};
use super::standing::Standing;
use super::unique_ids::account_of_access_key;
use super::{AccessKey, Strangers};
use crate::dev::{Note, SeedAccount};
use crate::error::OpError;

/// What accounts in memory may weigh; see [`Weight`].
const ACCOUNTS_WEIGHT_MAX: u64 = 4_096;
/// Access keys and callers that are kept ready.
const READY_MAX: usize = 16_384;
const GATES: usize = 64;
/// How often a change is tried again after another node changed the account.
const CHANGE_TRIES: usize = 8;

/// An account weighs one, and one more for every thousand of its records: at AWS's quotas twenty, so that the largest one
/// still fits into the cache's smallest part.
#[derive(Clone)]
struct Weight;

impl Weighter<AccountId, Arc<Account>> for Weight {
    fn weight(&self, _: &AccountId, account: &Arc<Account>) -> u64 {
        let records = account.users.len()
            + account.groups.len()
            + account.roles.len()
            + account.managed.len()
            + account.inline.len()
            + account.providers.len()
            + account.access_keys.len();
        1 + records as u64 / 1_000
    }
}

/// An access key of the configuration.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) account: AccountId,
    pub(super) secret: Arc<SecretBytes>,
    pub(super) user: Option<String>,
}

/// Something prepared from one state of an account.
#[derive(Debug)]
struct Ready<T> {
    serial: u64,
    value: Arc<T>,
}

impl<T> Clone for Ready<T> {
    fn clone(&self) -> Self {
        Self { serial: self.serial, value: Arc::clone(&self.value) }
    }
}

/// Why a change of an account was not made.
pub(crate) trait ChangeError: From<OpError> {}

impl<E: From<OpError>> ChangeError for E {}

/// All accounts.
pub(crate) struct Directory {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    rng: Arc<dyn Rng>,
    clock: Arc<dyn Clock>,
    strangers: Strangers,
    /// Access keys of the configuration: never stored, always there.
    configured: HashMap<String, Configured>,
    accounts: Cache<AccountId, Arc<Account>, Weight>,
    access_keys: Cache<Box<str>, Ready<AccessKey>>,
    standings: Cache<Arc<str>, Ready<Standing>>,
    /// Kept apart from the access keys, which are made ready anew after every change of their account.
    last_uses: Cache<Box<str>, Arc<LastUses>>,
    gates: Box<[Mutex<()>]>,
    hasher: RandomState,
    serial: AtomicU64,
}

impl Directory {
    pub(super) fn new(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        rng: Arc<dyn Rng>,
        clock: Arc<dyn Clock>,
        strangers: Strangers,
        configured: HashMap<String, Configured>,
    ) -> Self {
        Self {
            store,
            vault,
            rng,
            clock,
            strangers,
            configured,
            accounts: Cache::with_weighter(1_024, ACCOUNTS_WEIGHT_MAX, Weight),
            access_keys: Cache::new(READY_MAX),
            standings: Cache::new(READY_MAX),
            last_uses: Cache::new(READY_MAX),
            gates: (0..GATES).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
            serial: AtomicU64::new(1),
        }
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The access key with this id, when somebody may sign with it.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, OpError> {
        let (account, named_account) = match self.configured.get(id) {
            Some(configured) => (self.account(configured.account).await?, Some(configured.account)),
            None => match account_of_access_key(id) {
                Some(named) => (self.account(named).await?.filter(|account| account.version.is_some()), Some(named)),
                None => (None, None),
            },
        };
        let Some(account) = account else { return Ok(self.stranger(id)) };
        debug_assert_eq!(Some(account.id), named_account);
        if let Some(ready) = self.access_keys.get(id) {
            if ready.serial == account.serial {
                return Ok(Some(ready.value));
            }
            self.access_keys.remove(id);
        }
        let Some(key) = self.prepare(&account, id)? else { return Ok(None) };
        let key = Arc::new(key);
        self.access_keys.insert(id.into(), Ready { serial: account.serial, value: Arc::clone(&key) });
        Ok(Some(key))
    }

    /// The account that an access key belongs to or, when nobody made it, that its id says.
    pub(crate) fn account_of_access_key(&self, id: &str) -> Option<AccountId> {
        self.configured.get(id).map(|key| key.account).or_else(|| account_of_access_key(id))
    }

    /// Who signs with an access key that nobody made.
    fn stranger(&self, id: &str) -> Option<Arc<AccessKey>> {
        match self.strangers {
            Strangers::Refused => None,
            Strangers::RootOf(default) => Some(Arc::new(AccessKey::stranger(id.parse().unwrap_or(default)))),
        }
    }

    fn prepare(&self, account: &Arc<Account>, id: &str) -> Result<Option<AccessKey>, OpError> {
        let (secret, user) = match self.configured.get(id) {
            Some(Configured { secret, user: None, .. }) => (secret, None),
            Some(Configured { secret, user: Some(name), .. }) => match account.user(name) {
                Some(user) => (secret, Some(user)),
                None => return Ok(None),
            },
            None => match account.access_keys.get(id) {
                Some(key) if key.is_active => match &key.owner {
                    AccessKeyOwner::Root => (&key.secret, None),
                    AccessKeyOwner::User(user) => {
                        (&key.secret, Some(account.user_by_id(user).ok_or(OpError::BadRecord)?))
                    }
                },
                Some(_) | None => return Ok(None),
            },
        };
        let standing = match user {
            Some(user) => self.standing_of_user(account, &user.naming.id)?.ok_or(OpError::BadRecord)?,
            None => Arc::default(),
        };
        let last_uses = self.last_uses.get(id).unwrap_or_default();
        self.last_uses.insert(id.into(), Arc::clone(&last_uses));
        let user = user.map(|user| &user.entity);
        Ok(Some(AccessKey::new(account.id, Arc::clone(secret), user, standing, last_uses)))
    }

    /// What decides on the side of the user with this unique id; `None` when there is none.
    ///
    /// # Errors
    /// [`OpError::BadRecord`] when something is attached that is not there.
    pub(crate) fn standing_of_user(&self, account: &Account, id: &Arc<str>) -> Result<Option<Arc<Standing>>, OpError> {
        let Some(user) = account.user_by_id(id) else { return Ok(None) };
        self.ready_standing(account, id, || Standing::of_user(account, user)).map(Some)
    }

    /// What decides on the side of the role with this unique id; `None` when there is none.
    ///
    /// # Errors
    /// [`OpError::BadRecord`] when something is attached that is not there.
    pub(crate) fn standing_of_role(&self, account: &Account, id: &Arc<str>) -> Result<Option<Arc<Standing>>, OpError> {
        let Some(role) = account.role_by_id(id) else { return Ok(None) };
        self.ready_standing(account, id, || Standing::of_role(account, &role.record)).map(Some)
    }

    fn ready_standing(
        &self,
        account: &Account,
        id: &Arc<str>,
        prepare: impl FnOnce() -> Result<Standing, encode::BadRecord>,
    ) -> Result<Arc<Standing>, OpError> {
        if let Some(ready) = self.standings.get(id).filter(|ready| ready.serial == account.serial) {
            return Ok(ready.value);
        }
        let standing = Arc::new(prepare().map_err(|_| OpError::BadRecord)?);
        self.standings.insert(Arc::clone(id), Ready { serial: account.serial, value: Arc::clone(&standing) });
        Ok(standing)
    }

    /// The ids of the access keys that the configuration gives a user, or the root user.
    pub(crate) fn configured_keys_of(&self, account: AccountId, user: Option<&str>) -> Vec<&str> {
        let is_owner = |key: &Configured| match (&key.user, user) {
            (None, None) => true,
            (Some(own), Some(user)) => own.eq_ignore_ascii_case(user),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let own = self.configured.iter().filter(|(_, key)| key.account == account && is_owner(key));
        let mut ids: Vec<&str> = own.map(|(id, _)| id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// Whose an access key of the configuration is: a user by name, or the root user.
    pub(crate) fn configured_owner(&self, account: AccountId, id: &str) -> Option<Option<String>> {
        self.configured.get(id).filter(|key| key.account == account).map(|key| key.user.clone())
    }

    /// Notes that a session of the role with this unique id signed.
    pub(crate) fn note_role_use(&self, id: &str, used: LastUse) {
        let last_uses = self.last_uses.get(id).unwrap_or_else(|| {
            let new = Arc::<LastUses>::default();
            self.last_uses.insert(id.into(), Arc::clone(&new));
            new
        });
        last_uses.note(used);
    }

    /// When an access key or a role, by its unique id, was last used with this node, and for what.
    pub(crate) fn last_use(&self, id: &str) -> Option<LastUse> {
        self.last_uses.get(id)?.get()
    }

    /// When each access key and role was last used with this node.
    pub(crate) fn last_uses(&self) -> Vec<(Box<str>, LastUse)> {
        self.last_uses.iter().filter_map(|(id, uses)| Some((id, uses.get()?))).collect()
    }

    /// Takes up what [`Directory::last_uses`] told, after everything was forgotten.
    pub(crate) fn remember_last_uses(&self, uses: &[(Box<str>, LastUse)]) {
        for (id, used) in uses {
            let known = LastUses::default();
            known.note(*used);
            self.last_uses.insert(id.clone(), Arc::new(known));
        }
    }

    /// The account; in `dev` every account is there.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Arc<Account>>, OpError> {
        if let Some(account) = self.accounts.get(&id) {
            return Ok(Some(account));
        }
        let _gate = self.gate(id).await;
        if let Some(account) = self.accounts.get(&id) {
            return Ok(Some(account));
        }
        self.load(id).await
    }

    /// Every stored account, in order.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn all_accounts(&self) -> Result<Vec<(AccountId, AccountRecord)>, OpError> {
        let mut accounts = Vec::new();
        self.for_each_record(Table::Accounts, b"", |record| {
            let opened = self.open(Table::Accounts, &record)?;
            let id = std::str::from_utf8(&record.key).ok().and_then(|id| id.parse().ok()).ok_or(OpError::BadRecord)?;
            accounts.push((id, encode::account_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)?));
            Ok(())
        })
        .await?;
        Ok(accounts)
    }

    /// Drops the account from memory: it is read again when it is next named.
    pub(crate) fn forget(&self, id: AccountId) {
        self.accounts.remove(&id);
    }

    /// Drops the accounts that another node has changed since they came into memory. `docs/access.md` says how soon.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn forget_outdated(&self) -> Result<(), OpError> {
        if self.accounts.is_empty() {
            return Ok(());
        }
        let mut stored = HashMap::new();
        self.for_each_record(Table::Accounts, b"", |record| {
            stored.insert(record.key, record.version);
            Ok(())
        })
        .await?;
        // One that this node is changing meanwhile may go too: it is read again.
        self.accounts.retain(|id, account| stored.get(id.as_str().as_bytes()).copied() == account.version);
        Ok(())
    }

    /// Holds every gate: nobody brings an account from the store into memory meanwhile.
    pub(crate) async fn hold_all_gates(&self) -> Vec<MutexGuard<'_, ()>> {
        let mut held = Vec::with_capacity(GATES);
        for gate in &self.gates {
            held.push(gate.lock().await);
        }
        held
    }

    /// Drops all accounts from memory: the store has others. All gates are held.
    pub(crate) fn forget_all(&self) {
        self.accounts.clear();
        self.access_keys.clear();
        self.standings.clear();
        self.last_uses.clear();
    }

    /// Stores a new account with nobody but its root user, and perhaps an access key of that user; `false` when the account
    /// is there already.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn insert_account(
        &self,
        id: AccountId,
        record: AccountRecord,
        root_key: Option<AccessKeyRecord>,
    ) -> Result<bool, OpError> {
        let _gate = self.gate(id).await;
        let mut batch = self.put_account(Batch::new(), id, &record, Expect::Absent)?;
        if let Some(key) = root_key {
            let plain = key.to_bytes().map_err(|_| OpError::BadRecord)?;
            let name = format!("{id}/{}", key.id).into_bytes();
            batch = self.put(batch, Table::AccessKeys, &name, Expect::Absent, plain.expose())?;
        }
        let outcome = self.store.commit(batch).await;
        self.forget(id);
        match outcome {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(failed) => Err(failed.into()),
        }
    }

    /// Changes an account. `change` sees it as it is now and may refuse; it can be called again when another node was
    /// quicker, so it has no effects but those on its draft. What it wrote is durable, all of it or nothing, when this returns.
    ///
    /// # Errors
    /// What `change` returns, and failures of the store.
    pub(crate) async fn change<T, E: ChangeError>(
        &self,
        id: AccountId,
        mut change: impl FnMut(&mut Draft) -> Result<T, E>,
    ) -> Result<T, E> {
        let _gate = self.gate(id).await;
        for _ in 0..CHANGE_TRIES {
            let kept = self.accounts.get(&id);
            let account = match kept {
                Some(account) => account,
                None => self.load(id).await?.ok_or(OpError::BadRecord)?,
            };
            let mut draft = Draft::of(&account);
            let outcome = match change(&mut draft) {
                Ok(outcome) => outcome,
                // A refusal must rest on what is stored: another node may have changed the account since it came into memory.
                Err(refused) => {
                    if self.stored_version(id).await? == account.version {
                        return Err(refused);
                    }
                    self.forget(id);
                    continue;
                }
            };
            if draft.is_unchanged() {
                return Ok(outcome);
            }
            let (changed, batch, access_keys) = self.finish(draft, account.version)?;
            match self.store.commit(batch).await {
                Ok(()) => {
                    self.accounts.insert(id, Arc::new(changed));
                    access_keys.iter().for_each(|key| drop(self.access_keys.remove(&**key)));
                    return Ok(outcome);
                }
                Err(StoreError::Conflict { .. }) => self.forget(id),
                Err(failed) => {
                    self.forget(id);
                    return Err(OpError::from(failed).into());
                }
            }
        }
        Err(OpError::Throttled.into())
    }

    /// Makes `change` of an account together with a note that it was made. For a node that is starting.
    ///
    /// # Errors
    /// What `change` returns, and failures of the store.
    pub(crate) async fn seed(
        &self,
        id: AccountId,
        note: &Note,
        change: impl FnOnce(&mut Draft) -> Result<(), OpError> + Send,
    ) -> Result<(), OpError> {
        let _gate = self.gate(id).await;
        let account = self.load(id).await?.ok_or(OpError::BadRecord)?;
        let mut draft = Draft::of(&account);
        change(&mut draft)?;
        let (changed, batch, _) = self.finish(draft, account.version)?;
        let batch = self.put(batch, Table::Meta, &note.key, Expect::Absent, &note.plain)?;
        self.store.commit(batch).await?;
        self.accounts.insert(id, Arc::new(changed));
        Ok(())
    }

    /// Takes the access keys of a seed, as if the configuration had them. They take the place of others of the same id.
    pub(crate) fn configure_seeded(&mut self, account: SeedAccount) {
        let SeedAccount { id, access_keys, users, .. } = account;
        let root = access_keys.into_iter().map(|key| (None, key));
        let of_users = users
            .into_iter()
            .flat_map(|user| user.access_keys.into_iter().map(move |key| (Some(user.name.clone()), key)));
        for (user, key) in root.chain(of_users) {
            let configured = Configured { account: id, secret: Arc::new(key.secret), user };
            self.configured.insert(key.id, configured);
        }
    }

    /// The account after the change, the batch that makes it so, and the access keys that it touches.
    fn finish(&self, draft: Draft, version: Option<Version>) -> Result<(Account, Batch, Vec<Arc<str>>), OpError> {
        let (mut account, steps) = draft.finish();
        let expect = version.map_or(Expect::Absent, Expect::At);
        let mut batch = self.put_account(Batch::new(), account.id, &account.record, expect)?;
        let mut access_keys = Vec::new();
        for Step { table, key, kind, expect, plain } in steps {
            if table == Table::AccessKeys {
                access_keys.push(Arc::clone(&key));
            }
            let name = format!("{}/{kind}{key}", account.id).into_bytes();
            batch = match (plain, expect) {
                (Some(plain), expect) => self.put(batch, table, &name, expect, plain.expose())?,
                (None, Expect::At(version)) => batch.delete(table, name, version),
                (None, Expect::Absent) => batch,
            };
        }
        account.version = Some(expect.next_version());
        account.serial = self.next_serial();
        Ok((account, batch, access_keys))
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    async fn gate(&self, id: AccountId) -> MutexGuard<'_, ()> {
        let at = usize::try_from(self.hasher.hash_one(id) % GATES as u64).expect("below 64");
        self.gates[at].lock().await
    }
}
