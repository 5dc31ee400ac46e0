//! `strongroom account`: makes accounts and lists them.
//!
//! A running server is asked through its admin listener: it alone writes to its store, and knows the account at once. When none
//! answers, the command opens the store itself; that fails while a server has it open.

use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;
use strongroom_core::world::SystemClock;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::AuditDestination;
use strongroom_service::{Node, Parts, Quotas, Regions, Role};
use strongroom_store::SqliteStore;
use strongroom_vault::seal::KeyFileSeal;

use super::output::{Output, pairs};
use super::{Failure, paths};
use crate::admin::accounts::{self, Created, Listed, Wanted};
use crate::admin::client::{AdminOptions, ClientError};
use crate::config::Config;
use crate::process;

/// Make accounts and list them.
///
/// With --config, the command asks the server that the file describes or, when none runs, works on its store. Without, it asks
/// the `strongroom dev` of this machine, where every account is there without being made.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom account create --config strongroom.toml --alias payments
  strongroom account create --config strongroom.toml --id 111122223333 --output json
  strongroom account list --config strongroom.toml")]
pub(super) struct Account {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account, and show the access key of its root user, this once.
    Create {
        /// Twelve digits; random ones when absent.
        #[arg(long, value_name = "DIGITS")]
        id: Option<String>,
        /// A name for it, which ListAccountAliases shows.
        #[arg(long)]
        alias: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// List the accounts that are stored.
    List {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, clap::Args)]
struct Target {
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Account {
    pub(super) fn run(self) -> Result<(), Failure> {
        process::harden();
        match self.command {
            Command::Create { id, alias, target } => target.create(&Wanted { id, alias }),
            Command::List { target } => target.list(),
        }
    }
}

impl Target {
    fn create(&self, wanted: &Wanted) -> Result<(), Failure> {
        let answer = self.server.client().and_then(|client| client.post(accounts::PATH, wanted));
        let created: Created = match (answer, self.server.config()) {
            (Ok(created), _) => created,
            (Err(error), Some(config)) if nobody_runs(&error) => {
                let wanted = Wanted { id: wanted.id.clone(), alias: wanted.alias.clone() };
                on_the_store(config, async |node| accounts::create(node, wanted).await.map_err(Failure::work))?
            }
            (Err(error), _) => return Err(Failure::work(error)),
        };
        self.output.print(&created, |created| {
            let rows = [
                ("account", created.account.clone()),
                ("access key id", created.access_key_id.clone()),
                ("secret access key", created.secret_access_key.clone()),
            ];
            format!("{}Keep the secret: it is not shown again.", pairs(&rows))
        })
    }

    fn list(&self) -> Result<(), Failure> {
        let answer = self.server.client().and_then(|client| client.get(accounts::PATH));
        let listed: Vec<Listed> = match (answer, self.server.config()) {
            (Ok(listed), _) => listed,
            (Err(error), Some(config)) if nobody_runs(&error) => {
                on_the_store(config, async |node| accounts::list(node).await.map_err(Failure::work))?
            }
            (Err(error), _) => return Err(Failure::work(error)),
        };
        self.output.print(&listed, |listed| {
            let line = |own: &Listed| format!("{}  {}\n", own.account, own.alias.as_deref().unwrap_or("-"));
            listed.iter().map(line).collect()
        })
    }
}

/// Whether the answer may be missing because no server runs.
fn nobody_runs(error: &ClientError) -> bool {
    match error {
        ClientError::NoListener(_) | ClientError::Token { .. } | ClientError::NoServer { .. } => true,
        ClientError::Config(_) | ClientError::Refused { .. } | ClientError::NotDev(_) | ClientError::Foreign(_) => {
            false
        }
    }
}

/// Starts a node over the store that the configuration names, without a listener, and ends it after `work`.
fn on_the_store<T>(config: &Path, work: impl AsyncFnOnce(&Node) -> Result<T, Failure>) -> Result<T, Failure> {
    let config = Config::read(config).map_err(Failure::usage)?;
    let passphrase = config.seal.passphrase.fetch().map_err(Failure::usage)?;
    paths::refuse_database_without_key(&config.data, &config.seal.key_file)?;
    let seal = KeyFileSeal::open(&config.seal.key_file).map_err(Failure::work)?.with_passphrase(passphrase);
    let store = SqliteStore::open(&config.data).map_err(Failure::work)?;
    let parts = Parts {
        store: Arc::new(store),
        seal: Box::new(seal),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        identity: config.identity,
        regions: Regions::any(),
        quotas: Quotas::default(),
        role: Role::Serve,
        limits: strongroom_service::Limits { task_period: None, ..strongroom_service::Limits::default() },
        audit: AuditDestination::Directory(config.audit),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::work)?;
    runtime.block_on(async {
        let node = Node::start(parts).await.map_err(Failure::work)?;
        let outcome = work(&node).await;
        node.shut_down().await;
        outcome
    })
}
