//! The vault: makes material, opens it for those who may, and seals the service's records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::KeySpec;
use strongroom_core::ids::{AccountId, KeyMaterialId, Region};
use strongroom_core::key::{KeyMaterial, KeyRecord, Wrapped};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_crypto::material::Material;

use crate::audit::AuditSigner;
use crate::handle::{Handle, material_id, suite_of};
use crate::hierarchy::{AccountKey, RootKey};
use crate::seal::{SealError, SealProvider};
use crate::sealed::StorageKey;
use crate::{Error, RecordName};

/// Open handles kept at most; an evicted one is wiped at once and opened again at its next use.
const OPEN_HANDLES_MAX: usize = 16_384;

/// The version that storage and account keys have until they are rotated.
const FIRST_VERSION: u32 = 1;

/// The unsealed root of trust.
pub struct Vault {
    root: RootKey,
    storage: StorageKey,
    accounts: ArcSwap<HashMap<AccountId, Arc<AccountKey>>>,
    handles: Cache<(KeyArn, KeyMaterialId), Arc<Handle>>,
    /// How often open material was forgotten. What was being opened meanwhile is not kept: it may be what was forgotten.
    forgettings: AtomicU64,
}

/// What the service keeps of a new vault, outside the sealed tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The root key under its seal.
    pub sealed_root: Vec<u8>,
    /// The storage key under the root key.
    pub storage_key: Wrapped,
}

impl Vault {
    /// Makes a new root key and storage key.
    ///
    /// # Errors
    /// When the seal or the random number generator fails.
    pub fn create(seal: &dyn SealProvider, rng: &dyn Rng) -> Result<(Self, Genesis), SealError> {
        let root_key = SecretArray::init(|key| rng.fill(key))?;
        let sealed_root = seal.seal(&root_key, rng)?;
        let root = RootKey::new(&root_key);
        let storage_key = root.new_storage_key(rng).map_err(|_| SealError::WrongKey)?;
        let genesis = Genesis { sealed_root, storage_key };
        let vault = Self::with_root(root, &genesis.storage_key)?;
        Ok((vault, genesis))
    }

    /// Opens the vault that [`Vault::create`] made.
    ///
    /// # Errors
    /// [`SealError::WrongKey`] for another key or changed bytes, and what the provider says.
    pub fn unseal(seal: &dyn SealProvider, genesis: &Genesis) -> Result<Self, SealError> {
        Self::with_root(RootKey::new(&seal.unseal(&genesis.sealed_root)?), &genesis.storage_key)
    }

    fn with_root(root: RootKey, storage_key: &Wrapped) -> Result<Self, SealError> {
        let storage = root.storage_key(storage_key).map_err(|_| SealError::WrongKey)?;
        Ok(Self {
            root,
            storage: StorageKey::new(FIRST_VERSION, &storage),
            accounts: ArcSwap::default(),
            handles: Cache::new(OPEN_HANDLES_MAX),
            forgettings: AtomicU64::new(0),
        })
    }

    /// Of opened materials kept in memory: how often one was there, how often not, and how many there are.
    pub fn open_material_figures(&self) -> (u64, u64, usize) {
        (self.handles.hits(), self.handles.misses(), self.handles.len())
    }

    /// Seals a record for its place in the store.
    ///
    /// # Errors
    /// [`Error::NoEntropy`].
    pub fn seal_record(&self, name: RecordName<'_>, plaintext: &[u8], rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        self.storage.seal(name, plaintext, rng)
    }

    /// Opens a record of the store.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it was changed, moved, or sealed by another service.
    pub fn open_record(&self, name: RecordName<'_>, sealed: &[u8]) -> Result<SecretBytes, Error> {
        self.storage.open(name, sealed)
    }

    /// A new wrapping key for `account`, to be stored and then brought back with [`Vault::load_account_key`].
    ///
    /// # Errors
    /// [`Error::NoEntropy`].
    pub fn new_account_key(&self, account: AccountId, rng: &dyn Rng) -> Result<Wrapped, Error> {
        self.root.new_account_key(account, rng)
    }

    /// A new key that signs audit logs, to be stored and then brought back with [`Vault::audit_signer`].
    ///
    /// # Errors
    /// [`Error::NoEntropy`], [`Error::Crypto`].
    pub fn new_audit_key(&self, rng: &dyn Rng) -> Result<Wrapped, Error> {
        self.root.wrap_audit_key(&AuditSigner::generate(rng)?, rng)
    }

    /// Opens the stored key that signs audit logs.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn audit_signer(&self, wrapped: &Wrapped) -> Result<AuditSigner, Error> {
        AuditSigner::from_stored(&self.root.unwrap_audit_key(wrapped)?)
    }

    /// Whether the wrapping key of `account` is open.
    pub fn has_account_key(&self, account: AccountId) -> bool {
        self.accounts.load().contains_key(&account)
    }

    /// Opens the stored wrapping key of `account`.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn load_account_key(&self, account: AccountId, wrapped: &Wrapped) -> Result<(), Error> {
        let key = Arc::new(self.root.account_key(account, FIRST_VERSION, wrapped)?);
        self.accounts.rcu(|accounts| {
            let mut accounts = HashMap::clone(accounts);
            accounts.insert(account, Arc::clone(&key));
            accounts
        });
        Ok(())
    }

    /// Makes material for the key of `spec` that will live at `arn`. Slow for RSA: see [`strongroom_crypto::cost`].
    ///
    /// # Errors
    /// [`Error::AccountKeyNotLoaded`], [`Error::NoEntropy`], [`Error::Crypto`].
    pub fn new_material(
        &self,
        arn: &KeyArn,
        spec: KeySpec,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<KeyMaterial, Error> {
        let material = Material::generate(spec, suite_of(arn), rng)?;
        self.wrap_material(arn, spec, &material.to_stored()?, now, rng)
    }

    /// Makes one material for a multi-Region key and its relatives, wrapped for each of them in the order of `arns`.
    ///
    /// # Errors
    /// As [`Vault::new_material`]; [`Error::DoesNotFit`] when these are not ARNs of relatives.
    pub fn new_shared_material(
        &self,
        arns: &[KeyArn],
        spec: KeySpec,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Vec<KeyMaterial>, Error> {
        let first = arns.first().ok_or(Error::DoesNotFit)?;
        if !arns.iter().all(|arn| are_relatives(first, arn)) {
            return Err(Error::DoesNotFit);
        }
        let stored = Material::generate(spec, suite_of(first), rng)?.to_stored()?;
        arns.iter().map(|arn| self.wrap_material(arn, spec, &stored, now, rng)).collect()
    }

    /// Wraps one material of a key for its replica in `region`.
    ///
    /// # Errors
    /// [`Error::NoSuchMaterial`] when it is not there, [`Error::DoesNotFit`] for a key or a Region that can have no replica,
    /// [`Error::AccountKeyNotLoaded`], [`Error::Damaged`], [`Error::NoEntropy`].
    pub fn copy_material(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        material: &KeyMaterial,
        region: Region,
        rng: &dyn Rng,
    ) -> Result<KeyMaterial, Error> {
        let record = key.resource();
        let (from, to) = (record.arn, KeyArn { region, ..record.arn });
        if !are_relatives(&from, &to) {
            return Err(Error::DoesNotFit);
        }
        let wrapped = material.wrapped.as_ref().ok_or(Error::NoSuchMaterial)?;
        let account_key = self.account_key(from.account)?;
        if account_key.version() != wrapped.wrapping_key_version {
            return Err(Error::Damaged);
        }
        let stored = account_key.unwrap_material(&from, material.id, record.spec, wrapped)?;
        let wrapped = account_key.wrap_material(&to, material.id, record.spec, &stored, rng)?;
        Ok(KeyMaterial { wrapped: Some(wrapped), ..material.clone() })
    }

    /// Keeps material that was made elsewhere as material of the key at `arn`.
    ///
    /// # Errors
    /// As [`Vault::new_material`].
    pub fn keep_material(
        &self,
        arn: &KeyArn,
        material: &Material,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<KeyMaterial, Error> {
        self.wrap_material(arn, material.spec(), &material.to_stored()?, now, rng)
    }

    pub(crate) fn wrap_material(
        &self,
        arn: &KeyArn,
        spec: KeySpec,
        stored: &SecretBytes,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<KeyMaterial, Error> {
        let id = material_id(arn, stored);
        let wrapped = self.account_key(arn.account)?.wrap_material(arn, id, spec, stored, rng)?;
        Ok(KeyMaterial { id, creation_date: now, wrapped: Some(wrapped), rotation: None, import: None })
    }

    /// Opens one material of a key that the caller may use.
    ///
    /// # Errors
    /// [`Error::NoSuchMaterial`], [`Error::AccountKeyNotLoaded`] (bring it and ask again), [`Error::Damaged`].
    pub fn open(&self, key: &Authorized<Arc<KeyRecord>>, id: KeyMaterialId) -> Result<Arc<Handle>, Error> {
        match self.begin_open(key, id)? {
            Opening::Open(handle) => Ok(handle),
            Opening::Cold(cold) => cold.open(self),
        }
    }

    /// The open material, or what is left to do: that takes hundreds of microseconds for RSA (see [`strongroom_crypto::cost`]), and
    /// need not be done where it was asked for.
    ///
    /// # Errors
    /// Those of [`Vault::open`].
    pub fn begin_open(&self, key: &Authorized<Arc<KeyRecord>>, id: KeyMaterialId) -> Result<Opening, Error> {
        let record = key.resource();
        // Material that was deleted does not open, even while an open copy is still about.
        let wrapped =
            record.material(id).and_then(|material| material.wrapped.as_ref()).ok_or(Error::NoSuchMaterial)?;
        let name = (record.arn, id);
        let forgettings = self.forgettings.load(Ordering::SeqCst);
        if let Some(handle) = self.handles.get(&name) {
            return Ok(Opening::Open(handle));
        }
        let account_key = self.account_key(record.arn.account)?;
        if account_key.version() != wrapped.wrapping_key_version {
            return Err(Error::Damaged);
        }
        Ok(Opening::Cold(Cold { name, spec: record.spec, wrapped: wrapped.clone(), account_key, forgettings }))
    }

    /// Wipes the open material of a key that was destroyed.
    pub fn forget(&self, record: &KeyRecord) {
        for material in &record.materials {
            self.forget_material(&record.arn, material.id);
        }
    }

    /// Wipes the open copy of one material.
    pub fn forget_material(&self, arn: &KeyArn, id: KeyMaterialId) {
        self.forgettings.fetch_add(1, Ordering::SeqCst);
        self.handles.remove(&(*arn, id));
    }

    /// Wipes all open material and all wrapping keys of accounts, to be opened again from what is stored.
    pub fn forget_all(&self) {
        self.forgettings.fetch_add(1, Ordering::SeqCst);
        self.handles.clear();
        self.accounts.store(Arc::default());
    }

    pub(crate) const fn storage_key(&self) -> &StorageKey {
        &self.storage
    }

    fn account_key(&self, account: AccountId) -> Result<Arc<AccountKey>, Error> {
        self.accounts.load().get(&account).cloned().ok_or(Error::AccountKeyNotLoaded)
    }
}

/// Whether two ARNs can be those of one multi-Region key. Its partition decides which primitives it uses.
fn are_relatives(one: &KeyArn, other: &KeyArn) -> bool {
    let is_same_key = one.account == other.account && one.key == other.key && one.key.is_multi_region();
    one == other || (is_same_key && one.region.partition() == other.region.partition())
}

/// How far the opening of material came.
#[derive(Debug)]
#[must_use]
pub enum Opening {
    /// It was open already.
    Open(Arc<Handle>),
    /// It is still wrapped.
    Cold(Cold),
}

/// Material that may be opened, still wrapped. There is one only where a caller was authorized.
#[must_use]
pub struct Cold {
    name: (KeyArn, KeyMaterialId),
    spec: KeySpec,
    wrapped: Wrapped,
    account_key: Arc<AccountKey>,
    forgettings: u64,
}

impl Cold {
    /// Of what kind the material is.
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// Opens it, and keeps it open in `vault`, where it came from.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn open(self, vault: &Vault) -> Result<Arc<Handle>, Error> {
        let (arn, id) = self.name;
        let stored = self.account_key.unwrap_material(&arn, id, self.spec, &self.wrapped)?;
        let material = Material::from_stored(self.spec, &stored).map_err(|_| Error::Damaged)?;
        let handle = Arc::new(Handle::new(arn, id, material));
        vault.handles.insert(self.name, Arc::clone(&handle));
        if vault.forgettings.load(Ordering::SeqCst) != self.forgettings {
            vault.handles.remove(&self.name);
        }
        Ok(handle)
    }
}

impl std::fmt::Debug for Cold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cold").field("name", &self.name).field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}
