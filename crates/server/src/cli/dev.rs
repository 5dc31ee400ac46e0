//! `strongroom dev`: up at once, on this machine alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_core::ids::{AccountId, Region};
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::{AuditDestination, AuditDirectory, Durability, Rotation};
use strongroom_service::{
    AccessKeyConfig, AccountConfig, DevTools, FetchKeys, IdentityConfig, IssuerConfig, IssuersConfig, JwksSource,
    Regions, Role, StartError,
};
use strongroom_store::{MemoryStore, SqliteStore};
use strongroom_vault::seal::{KeyFileSeal, MemorySeal};

use super::dev_tools::Tool;
use super::running::{AdminPlan, Foundation, Plan, run};
use super::{Failure, paths};
use crate::admin::client::DEV_ADDRESS;
use crate::config::{Limits, read_quotas};
use crate::net::{KeySets, Settings};
use crate::seed::{self, SeedFile};
use crate::sinks::SinksConfig;

const ACCOUNT: &str = "000000000000";
const ACCESS_KEY: &str = "test";
const SECRET: &str = "test";

/// Start a server for development and tests: plain HTTP on this machine, no configuration.
///
/// Keys live in memory and end with the server, unless --data names a directory. Clients sign with the access key `test`
/// and the secret `test`; any other access key works too, and one of twelve digits is an account of its own.
///
/// When the server is ready it prints one line with its address. Stop it with Ctrl-C or SIGTERM.
///
/// With a command it does nothing of that: it asks a running `strongroom dev` for what tests need.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Dev {
    #[command(subcommand)]
    tool: Option<Tool>,
    /// The loopback address to listen on; port 0 takes a free one, and the ready line tells which.
    #[arg(long, default_value = "127.0.0.1:4599", value_parser = loopback)]
    listen: SocketAddr,
    /// The loopback address of the admin listener (health, metrics, `strongroom status`), or `off`. Without this option it is
    /// 127.0.0.1:4600, or none when that is taken.
    #[arg(long, value_name = "ADDR|off", value_parser = admin_choice)]
    admin: Option<AdminChoice>,
    /// Keep keys in this directory (made when missing, with a key file root.key beside them).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Serve this Region; may be given several times. Without it any Region is served.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<Region>,
    /// Begin with the accounts, keys and faults of this file (TOML or YAML, see docs/dev.md). With --data, what was seeded
    /// before is left as it is.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// A TOML file with a [quotas] table as in the configuration of `strongroom serve`: what it does not name is as AWS has it.
    /// Without this option there are no quotas.
    #[arg(long, value_name = "FILE")]
    quotas: Option<PathBuf>,
    /// Write the audit record into this directory (made when missing), or `off` for none. Without this option the latest
    /// events are kept in memory.
    #[arg(long, value_name = "DIR|off", requires = "data")]
    audit: Option<PathBuf>,
    /// When a record counts as written.
    #[arg(long, value_enum, default_value_t, requires = "audit", value_name = "WHEN")]
    audit_durability: AuditDurability,
    /// Take tokens of this identity provider: its issuer, and a file or URL with its key set. Can be given several times.
    #[arg(long, value_name = "ISSUER=JWKS", value_parser = issuer)]
    oidc: Vec<IssuerConfig>,
}

/// When a record counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum AuditDurability {
    /// When the system has it.
    #[default]
    Write,
    /// When the disk has it.
    Fsync,
}

/// What `--admin` says.
#[derive(Clone, Copy, Debug)]
enum AdminChoice {
    Off,
    At(SocketAddr),
}

impl Dev {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(tool) = self.tool {
            return tool.run();
        }
        let admin = self.admin_plan();
        let audit = self.audit_destination();
        let (seed, lines) = match &self.seed {
            Some(path) => {
                let SeedFile { seed, lines } = seed::read_file(path).map_err(Failure::usage)?;
                (Some(seed), Some(lines))
            }
            None => (None, None),
        };
        let quotas = self.quotas.as_deref().map(read_quotas).transpose().map_err(Failure::usage)?;
        let place = self.data.map_or_else(|| Place::Memory(Arc::new(MemoryStore::new())), Place::Directory);
        let tools = match &place {
            Place::Memory(store) => DevTools::in_memory(Arc::clone(store)),
            Place::Directory(_) => DevTools::on_disk(),
        };
        run(Plan {
            role: Role::Dev(tools.with_seed(seed)),
            explain: Box::new(move |error| match (&error, &lines) {
                (StartError::Seed(problems), Some(lines)) => Failure::usage(lines.describe(problems)),
                (_, _) => Failure::work(error),
            }),
            listen: self.listen,
            admin,
            otlp_endpoint: None,
            settings: Settings { limits: Limits::default(), tls: None, dev: true },
            identity: identity(issuers(self.oidc)?),
            regions: match self.regions {
                regions if regions.is_empty() => Regions::any(),
                regions => Regions::only(regions),
            },
            audit,
            sinks: SinksConfig::default(),
            quotas: quotas.unwrap_or_default(),
            ready: |address| {
                format!(
                    "strongroom dev: listening on http://{address} (account {ACCOUNT}, access key {ACCESS_KEY}, secret {SECRET})"
                )
            },
            lay: move || match place {
                Place::Memory(store) => in_memory(store),
                Place::Directory(dir) => in_directory(&dir),
            },
        })
    }
}

impl Dev {
    fn audit_destination(&self) -> AuditDestination {
        let Some(path) = self.audit.clone() else { return AuditDestination::Memory };
        if path.as_os_str() == "off" {
            return AuditDestination::Nowhere;
        }
        let durability = match self.audit_durability {
            AuditDurability::Write => Durability::Write,
            AuditDurability::Fsync => Durability::Fsync,
        };
        AuditDestination::Directory(AuditDirectory { path, durability, rotation: Rotation::default() })
    }

    fn admin_plan(&self) -> Option<AdminPlan> {
        let (listen, must) = match self.admin {
            Some(AdminChoice::Off) => return None,
            Some(AdminChoice::At(address)) => (address, true),
            None => (DEV_ADDRESS.parse().expect("an address and a port"), false),
        };
        Some(AdminPlan { listen, must, data: None })
    }
}

fn admin_choice(text: &str) -> Result<AdminChoice, String> {
    if text == "off" { Ok(AdminChoice::Off) } else { loopback(text).map(AdminChoice::At) }
}

/// Where keys live.
enum Place {
    Memory(Arc<MemoryStore>),
    Directory(PathBuf),
}

/// A development server answers whoever knows the word `test`: it must not be reachable from elsewhere.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok(),
        None => text.parse().ok(),
    };
    let address = address.ok_or("an address and a port are needed, such as 127.0.0.1:4599")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => {
            Err("dev listens on loopback addresses alone, such as 127.0.0.1:4599; use `strongroom serve`".to_owned())
        }
    }
}

/// `https://issuer.example=jwks.json`
fn issuer(text: &str) -> Result<IssuerConfig, String> {
    let form = "an issuer and its key set are needed, such as https://issuer.example=jwks.json";
    let (issuer, keys) = text.split_once('=').ok_or(form)?;
    if !issuer.starts_with("https://") || keys.is_empty() {
        return Err(form.to_owned());
    }
    let is_url = keys.starts_with("https://") || keys.starts_with("http://");
    let keys = if is_url { JwksSource::Url(keys.to_owned()) } else { JwksSource::File(keys.into()) };
    Ok(IssuerConfig { issuer: issuer.to_owned(), keys })
}

fn issuers(issuers: Vec<IssuerConfig>) -> Result<IssuersConfig, Failure> {
    let fetcher: Option<Arc<dyn FetchKeys>> = match issuers.is_empty() {
        true => None,
        false => Some(Arc::new(KeySets::new(None).map_err(Failure::work)?)),
    };
    Ok(IssuersConfig { issuers, fetcher })
}

fn identity(issuers: IssuersConfig) -> IdentityConfig {
    let id: AccountId = ACCOUNT.parse().expect("twelve digits");
    let secret = SecretBytes::copy_from(SECRET.as_bytes());
    let access_key = AccessKeyConfig { id: ACCESS_KEY.to_owned(), secret, user: None, policies: None };
    IdentityConfig { accounts: vec![AccountConfig { id, access_keys: vec![access_key] }], issuers }
}

fn in_memory(store: Arc<MemoryStore>) -> Result<Foundation, Failure> {
    let seal = MemorySeal::random(&SystemRng).map_err(Failure::work)?;
    Ok(Foundation { store, seal: Box::new(seal) })
}

fn in_directory(dir: &Path) -> Result<Foundation, Failure> {
    paths::ensure_data_directory(dir)?;
    let key_file = dir.join("root.key");
    paths::refuse_database_without_key(dir, &key_file)?;
    let seal = KeyFileSeal::open_or_create(&key_file, &SystemRng).map_err(Failure::work)?;
    let store = SqliteStore::open(dir).map_err(Failure::work)?;
    Ok(Foundation { store: Arc::new(store), seal: Box::new(seal) })
}
