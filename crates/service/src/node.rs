//! One node of the service: what all operations share, and how it starts.
//!
//! # Invariant
//! A store that does not open under the given seal stays as it was.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::OpName;
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::key::Wrapped;
use strongroom_core::world::{Clock, NoEntropy, Rng, Timestamp};
use strongroom_store::{Batch, Error as StoreError, Expect, Store, Table, Version, encode};
use strongroom_vault::seal::{SealError, SealProvider};
use strongroom_vault::{Genesis, RecordName, Vault};

use crate::audit::{self, AuditDestination, AuditError, AuditFacts, AuditStatus, Journal};
use crate::dev::{DevState, DevTools, SeedProblem, Sower};
use crate::error::OpError;
use crate::explain::KeptDecisions;
use crate::identity::{Directory, DirectoryError, Foundation, IdentityConfig, IdentityError, SigningKeys, Strangers};
use crate::key_pairs::KeyPairs;
use crate::keys::{Keyring, LastUsage};
use crate::metrics::{CacheFigures, Family, MeasuredStore, Metrics, cache_families};
use crate::quotas::{OverRate, Quotas, RequestQuota, Throttle};
use crate::regions::Regions;
use crate::slow::SlowPool;
use crate::sts::issuers::Issuers;
use crate::sts::sessions::Sessions;
use crate::tasks::{Background, Counting, Tasks};

/// Who the service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A developer or a CI job: configured access keys, and any other.
    Dev,
    /// Production: configured access keys alone.
    Serve,
}

impl Mode {
    /// The name of the command that starts it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Serve => "serve",
        }
    }
}

/// A mode with what belongs to it alone.
#[derive(Debug)]
pub enum Role {
    /// [`Mode::Dev`], with the tools of those who test.
    Dev(DevTools),
    /// [`Mode::Serve`], with nothing of that.
    Serve,
}

impl Role {
    /// For whom.
    pub const fn mode(&self) -> Mode {
        match self {
            Self::Dev(_) => Mode::Dev,
            Self::Serve => Mode::Serve,
        }
    }
}

/// What a node may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Threads for slow mathematics, beside the one for key generation.
    pub slow_threads: usize,
    /// How long slow work may wait for them; beyond that callers get `ThrottlingException`.
    pub slow_wait_max_ms: u32,
    /// What each of these threads does first: the process makes it give way to those that serve connections.
    pub on_slow_thread_start: fn(),
    /// Bytes that keys in memory may take, about: their records, policies and grants. One that is named and not there is read.
    pub key_cache_bytes: u64,
    /// How often the node looks for keys that time changes. Without it nobody looks but [`Node::run_due_tasks`].
    pub task_period: Option<Duration>,
}

impl Default for Limits {
    /// Half of the cores for slow work, so that it cannot take the other half from symmetric calls.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let task_period = Some(Duration::from_secs(1));
        Self {
            slow_threads: (cores / 2).max(1),
            slow_wait_max_ms: 2_000,
            on_slow_thread_start: || (),
            key_cache_bytes: 256 << 20,
            task_period,
        }
    }
}

/// What a node is made of.
pub struct Parts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// What opens the root key.
    pub seal: Box<dyn SealProvider>,
    /// The real time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Accounts and access keys.
    pub identity: IdentityConfig,
    /// For whom.
    pub role: Role,
    /// Where.
    pub regions: Regions,
    /// How much each account may have and do.
    pub quotas: Quotas,
    /// How much the node may use.
    pub limits: Limits,
    /// Where the audit record goes.
    pub audit: AuditDestination,
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
    /// The store was written before there were counts, and cannot be counted.
    #[error("store: its keys cannot be counted: {0}")]
    Stock(OpError),
    /// An account or somebody in it cannot be read or made.
    #[error("accounts: {0}")]
    Directory(OpError),
    /// The audit record cannot be begun.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// The seed contradicts itself or the store; nothing of it was written.
    #[error("seed: {} problems", .0.len())]
    Seed(Vec<SeedProblem>),
    /// The store failed while it was given the seed.
    #[error("seed: {0}")]
    Sowing(OpError),
    /// The system gives no threads.
    #[error("threads: {0}")]
    Threads(#[from] std::io::Error),
}

impl From<DirectoryError> for StartError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Config(error) => Self::Identity(error),
            DirectoryError::Work(OpError::Store(error)) => Self::Store(error),
            DirectoryError::Work(error) => Self::Directory(error),
        }
    }
}

/// One running node.
pub struct Node {
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) rng: Arc<dyn Rng>,
    /// The time by which keys live, and which replies tell.
    pub(crate) clock: Arc<dyn Clock>,
    /// The time by which clients sign. In `serve` it is the same.
    pub(crate) real_clock: Arc<dyn Clock>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) regions: Regions,
    /// Absent where accounts may call as often as they like.
    throttle: Option<Throttle>,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) sessions: Sessions,
    pub(crate) issuers: Issuers,
    pub(crate) key_pairs: KeyPairs,
    pub(crate) slow: Arc<SlowPool>,
    pub(crate) metrics: Arc<Metrics>,
    store: Arc<MeasuredStore>,
    pub(crate) journal: Journal,
    pub(crate) kept_decisions: KeptDecisions,
    /// Held by every change under way, so that the end of the node can wait for them.
    pub(crate) changes: Arc<tokio::sync::RwLock<()>>,
    pub(crate) last_usage: Arc<LastUsage>,
    /// Since when last uses are noted.
    pub(crate) tracking_start: Timestamp,
    tasks: Arc<Tasks>,
    background: Background,
    counting: Counting,
    /// In `dev` alone.
    pub(crate) dev: Option<DevState>,
}

/// The account of callers in `dev` whose access key names none.
const DEV_ACCOUNT: &str = "000000000000";

impl Node {
    /// Opens the vault, or makes one in an empty store, and gets ready to answer. Keys are loaded when they are first named.
    ///
    /// # Errors
    /// [`StartError`]; nothing was overwritten.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { store, seal, clock: real_clock, rng, identity, role, regions, quotas, limits, audit } = parts;
        let mode = role.mode();
        let measured = Arc::new(MeasuredStore::new(store));
        let store: Arc<dyn Store> = Arc::clone(&measured) as Arc<dyn Store>;
        let vault = Arc::new(open_vault(&*store, &*seal, &*rng, real_clock.now()).await?);
        let mut dev = match role {
            Role::Serve => None,
            Role::Dev(tools) => {
                Some(DevState::start(tools, Arc::clone(&store), &vault, Arc::clone(&real_clock)).await?)
            }
        };
        let clock = dev.as_ref().map_or_else(|| Arc::clone(&real_clock), DevState::clock);
        let tracking_start = tracking_start(&*store, &vault).await?;
        let foundation = audit::Foundation { store: &store, vault: &vault, rng: &rng, clock: &real_clock };
        let (journal, store) = Journal::start(audit, foundation).await?;
        let foundation = Foundation {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            rng: Arc::clone(&rng),
            clock: Arc::clone(&clock),
        };
        let issuers = Issuers::new(identity.issuers.clone());
        let mut directory = Directory::start(foundation, identity, strangers(mode)).await?;
        let slow = Arc::new(SlowPool::new(&limits)?);
        let keyring = Arc::new(Keyring::new(
            Arc::clone(&store),
            Arc::clone(&vault),
            Arc::clone(&rng),
            quotas.resources,
            limits.key_cache_bytes,
        ));
        keyring.take_stock().await.map_err(StartError::Stock)?;
        if let Some(dev) = &mut dev {
            let (keyring, directory) = (&*keyring, &mut directory);
            let now = clock.now();
            dev.sow(Sower { store: &store, vault: &vault, keyring, directory, rng: &*rng, now }).await?;
        }
        let last_usage = Arc::new(LastUsage::default());
        let directory = Arc::new(directory);
        let tasks = Arc::new(Tasks {
            keyring: Arc::clone(&keyring),
            vault: Arc::clone(&vault),
            rng: Arc::clone(&rng),
            clock: Arc::clone(&clock),
            last_usage: Arc::clone(&last_usage),
            directory: Arc::clone(&directory),
            journal: journal.clone(),
            turn: tokio::sync::Mutex::new(()),
        });
        Ok(Self {
            vault,
            last_usage,
            tracking_start,
            background: Background::start(Arc::clone(&tasks), limits.task_period),
            keyring: Arc::clone(&keyring),
            counting: Counting::start(keyring, limits.task_period.is_some()),
            tasks,
            metrics: Arc::default(),
            store: measured,
            key_pairs: KeyPairs::new(Arc::clone(&slow), Arc::clone(&rng)),
            rng,
            clock,
            throttle: quotas.requests.map(|rates| Throttle::new(rates, Arc::clone(&real_clock))),
            real_clock,
            directory,
            regions,
            signing_keys: SigningKeys::default(),
            sessions: Sessions::default(),
            issuers,
            slow,
            journal,
            kept_decisions: KeptDecisions::default(),
            changes: Arc::default(),
            dev,
        })
    }

    /// Counts so many requests of an account in a Region, made by a call of `op`.
    ///
    /// # Errors
    /// [`OpError::OverRequestQuota`]; nothing was counted.
    pub(crate) fn count_request(
        &self,
        op: OpName,
        (account, region): (AccountId, Region),
        quota: RequestQuota,
        requests: NonZeroU32,
    ) -> Result<(), OpError> {
        let Some(throttle) = &self.throttle else { return Ok(()) };
        throttle.take(account, region, quota, requests).map_err(|OverRate| {
            self.metrics.note_throttle(op);
            OpError::OverRequestQuota
        })
    }

    /// What the node has counted and measured.
    pub fn metrics(&self) -> Vec<Family> {
        let (hits, misses, entries) = self.vault.open_material_figures();
        let [keys, aliases] = self.keyring.caches();
        let materials = CacheFigures { name: "key_materials", hits, misses, entries };
        let caches = cache_families(&[keys, aliases, materials, self.signing_keys.figures()]);
        let mut families = self.metrics.families();
        families.extend(self.slow.families());
        families.extend(caches);
        families.extend(self.store.families());
        families.extend(self.keyring.key_families());
        families.push(self.keyring.memory_family());
        families.extend(self.journal.families());
        // A node without an open root key does not come to be.
        families.push(Family::gauge(
            "strongroom_sealed",
            "Whether the root key is sealed, so that no key can be used",
            0.0,
        ));
        families
    }

    /// Whole days since the key was last used; `None` when no use is known.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn days_without_key_usage(&self, arn: &KeyArn, now: Timestamp) -> Result<Option<i64>, OpError> {
        const MILLIS_PER_DAY: i64 = 86_400_000;
        let usage = self.last_usage.find(&self.keyring, arn).await?;
        Ok(usage.map(|usage| (now.as_millis() - usage.at.as_millis()).max(0) / MILLIS_PER_DAY))
    }

    /// Does now what time demands: rotates, deletes expired material, destroys keys; and writes what is in memory alone.
    ///
    /// A node does this by itself every [`Limits::task_period`]; who moves the clock calls it afterwards.
    pub async fn run_due_tasks(&self) {
        self.tasks.run_due().await;
        self.tasks.flush_last_usage().await;
    }

    /// The latest events of the audit record, oldest first, each one JSON object of CloudTrail's format.
    pub fn recent_audit_events(&self) -> Vec<String> {
        self.journal.recent()
    }

    /// Writes last uses that are in memory alone.
    pub(crate) async fn write_last_usage(&self) {
        self.tasks.flush_last_usage().await;
    }

    /// Keeps tasks from beginning until the guard is dropped; none runs by then.
    pub(crate) async fn pause_tasks(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.tasks.turn.lock().await
    }

    /// Ends the node once every change is made that has begun: its background work comes to an end, and what is in memory
    /// alone is written. No further call may come.
    pub async fn shut_down(&self) {
        drop(self.changes.write().await);
        self.background.stop().await;
        self.counting.stop().await;
        self.tasks.flush_last_usage().await;
        self.journal.end().await;
    }

    /// What an auditor needs of this server: the key of its log, and where that stands. Nothing where there is no log.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_facts(&self) -> Result<Option<AuditFacts>, AuditError> {
        self.journal.facts().await
    }

    /// How the audit record fares.
    pub fn audit_status(&self) -> AuditStatus {
        self.journal.status()
    }
}

/// What an auditor needs of the store of a server that need not run: the key of its logs, and where they stand.
///
/// # Errors
/// [`StartError`]; the store stays as it is.
pub async fn audit_facts(store: &dyn Store, seal: &dyn SealProvider) -> Result<AuditFacts, StartError> {
    let vault = existing_vault(store, seal).await?.ok_or(AuditError::None)?;
    Ok(audit::facts(store, &vault).await?)
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node(..)")
    }
}

fn strangers(mode: Mode) -> Strangers {
    match mode {
        Mode::Serve => Strangers::Refused,
        Mode::Dev => Strangers::RootOf(DEV_ACCOUNT.parse().expect("twelve digits")),
    }
}

/// Names of the records that exist before the storage key does: they are sealed by the seal and the root key instead.
pub(crate) const SEALED_ROOT: &[u8] = b"root-key";
pub(crate) const STORAGE_KEY: &[u8] = b"storage-key/1";

/// Since when last uses are noted, sealed like every record.
pub(crate) const TRACKING_START: &[u8] = b"last-usage-tracking-start";

const fn tracking_start_name() -> RecordName<'static> {
    RecordName { table: Table::Meta.code(), key: TRACKING_START, version: Version::FIRST.0 }
}

/// A store of a release that noted no uses has no such record, and then tells nothing earlier than the key itself.
async fn tracking_start(store: &dyn Store, vault: &Vault) -> Result<Timestamp, StartError> {
    let Some(record) = store.get(Table::Meta, TRACKING_START).await? else { return Ok(Timestamp::default()) };
    let opened = vault.open_record(tracking_start_name(), &record.value).map_err(|_| StartError::BadGenesis)?;
    let millis = opened.expose().try_into().map_err(|_| StartError::BadGenesis)?;
    Ok(Timestamp::from_millis(i64::from_be_bytes(millis)))
}

/// The vault that the store has; `None` in an empty store.
pub(crate) async fn existing_vault(store: &dyn Store, seal: &dyn SealProvider) -> Result<Option<Vault>, StartError> {
    let sealed_root = store.get(Table::Meta, SEALED_ROOT).await?;
    let storage_key = store.get(Table::Meta, STORAGE_KEY).await?;
    match (sealed_root, storage_key) {
        (Some(sealed_root), Some(storage_key)) => {
            let storage_key = encode::wrapped_from_bytes(&storage_key.value).map_err(|_| StartError::BadGenesis)?;
            Ok(Some(Vault::unseal(seal, &Genesis { sealed_root: sealed_root.value, storage_key })?))
        }
        (None, None) if is_empty(store).await? => Ok(None),
        (None, _) | (_, None) => Err(StartError::BadGenesis),
    }
}

async fn open_vault(
    store: &dyn Store,
    seal: &dyn SealProvider,
    rng: &dyn Rng,
    now: Timestamp,
) -> Result<Vault, StartError> {
    if let Some(vault) = existing_vault(store, seal).await? {
        return Ok(vault);
    }
    let (vault, genesis) = Vault::create(seal, rng)?;
    let Genesis { sealed_root, storage_key } = genesis;
    let storage_key: &Wrapped = &storage_key;
    let tracking_start = vault
        .seal_record(tracking_start_name(), &now.as_millis().to_be_bytes(), rng)
        .map_err(|_| SealError::NoEntropy(NoEntropy))?;
    let batch = Batch::new()
        .put(Table::Meta, SEALED_ROOT, Expect::Absent, sealed_root)
        .put(Table::Meta, STORAGE_KEY, Expect::Absent, encode::wrapped_to_bytes(storage_key))
        .put(Table::Meta, TRACKING_START, Expect::Absent, tracking_start);
    store.commit(batch).await?;
    Ok(vault)
}

async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    for table in Table::ALL {
        if !store.scan(*table, b"", None, 1).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
