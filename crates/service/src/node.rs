//! One node of the service: what all operations share, and how it starts.
//!
//! # Invariant
//! Start-up writes to an empty store alone; a store that does not open under the given seal stays as it was.

use std::sync::Arc;

use strongroom_core::key::Wrapped;
use strongroom_core::world::{Clock, Rng};
use strongroom_store::{Batch, Error as StoreError, Expect, Store, Table, encode};
use strongroom_vault::seal::{SealError, SealProvider};
use strongroom_vault::{Genesis, Vault};

use crate::audit::Journal;
use crate::identity::{Directory, IdentityConfig, IdentityError, SigningKeys, Strangers};
use crate::key_pairs::KeyPairs;
use crate::keys::Keyring;
use crate::slow::SlowPool;

/// Who the service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A developer or a CI job: configured access keys, and any other.
    Dev,
    /// Production: configured access keys alone.
    Serve,
}

/// What a node may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads for slow mathematics, beside the one for key generation.
    pub slow_threads: usize,
    /// How long slow work may wait for them; beyond that callers get `ThrottlingException`.
    pub slow_wait_max_ms: u32,
}

impl Default for Limits {
    /// Half of the cores for slow work, so that it cannot take the other half from symmetric calls.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slow_threads: (cores / 2).max(1), slow_wait_max_ms: 2_000 }
    }
}

/// What a node is made of.
pub struct Parts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// What opens the root key.
    pub seal: Box<dyn SealProvider>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Accounts and access keys.
    pub identity: IdentityConfig,
    /// For whom.
    pub mode: Mode,
    /// How much.
    pub limits: Limits,
}

/// Why a node does not start, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read or written.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The root key does not open.
    #[error("seal: {0}")]
    Seal(#[from] SealError),
    /// The store has records but no readable seal: it is damaged or of another program.
    #[error("store: its first record does not decode; the database is damaged or was not made by strongroom")]
    BadGenesis,
    /// Accounts or access keys contradict each other.
    #[error("accounts: {0}")]
    Identity(#[from] IdentityError),
    /// The system gives no threads.
    #[error("threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// One running node.
pub struct Node {
    pub(crate) keyring: Keyring,
    pub(crate) vault: Arc<Vault>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: Directory,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) key_pairs: KeyPairs,
    pub(crate) slow: Arc<SlowPool>,
    pub(crate) journal: Journal,
}

/// The account of callers in `dev` whose access key names none.
const DEV_ACCOUNT: &str = "000000000000";

impl Node {
    /// Opens the vault, or makes one in an empty store, and gets ready to answer. Keys are loaded when they are first named.
    ///
    /// # Errors
    /// [`StartError`]; nothing was overwritten.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { store, seal, clock, rng, identity, mode, limits } = parts;
        let directory = directory(identity, mode)?;
        let vault = Arc::new(open_vault(&*store, &*seal, &*rng).await?);
        let slow = Arc::new(SlowPool::new(limits.slow_threads, limits.slow_wait_max_ms)?);
        Ok(Self {
            keyring: Keyring::new(store, Arc::clone(&vault), Arc::clone(&rng)),
            vault,
            key_pairs: KeyPairs::new(Arc::clone(&slow), Arc::clone(&rng)),
            rng,
            clock,
            directory,
            signing_keys: SigningKeys::default(),
            slow,
            journal: Journal,
        })
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node(..)")
    }
}

fn directory(identity: IdentityConfig, mode: Mode) -> Result<Directory, IdentityError> {
    let strangers = match mode {
        Mode::Serve => Strangers::Refused,
        Mode::Dev => Strangers::RootOf(DEV_ACCOUNT.parse().expect("twelve digits")),
    };
    Directory::new(identity, strangers)
}

/// Names of the records that exist before the storage key does: they are sealed by the seal and the root key instead.
const SEALED_ROOT: &[u8] = b"root-key";
const STORAGE_KEY: &[u8] = b"storage-key/1";

async fn open_vault(store: &dyn Store, seal: &dyn SealProvider, rng: &dyn Rng) -> Result<Vault, StartError> {
    let sealed_root = store.get(Table::Meta, SEALED_ROOT).await?;
    let storage_key = store.get(Table::Meta, STORAGE_KEY).await?;
    match (sealed_root, storage_key) {
        (Some(sealed_root), Some(storage_key)) => {
            let storage_key = encode::wrapped_from_bytes(&storage_key.value).map_err(|_| StartError::BadGenesis)?;
            Ok(Vault::unseal(seal, &Genesis { sealed_root: sealed_root.value, storage_key })?)
        }
        (None, None) if is_empty(store).await? => {
            let (vault, genesis) = Vault::create(seal, rng)?;
            let Genesis { sealed_root, storage_key } = genesis;
            let storage_key: &Wrapped = &storage_key;
            let batch = Batch::new().put(Table::Meta, SEALED_ROOT, Expect::Absent, sealed_root).put(
                Table::Meta,
                STORAGE_KEY,
                Expect::Absent,
                encode::wrapped_to_bytes(storage_key),
            );
            store.commit(batch).await?;
            Ok(vault)
        }
        (None, _) | (_, None) => Err(StartError::BadGenesis),
    }
}

async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    for table in Table::ALL {
        if !store.scan(*table, b"", None, 1).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
