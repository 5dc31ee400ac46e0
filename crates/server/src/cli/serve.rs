//! `strongroom serve`: TLS, every signature verified, nothing that is for tests alone.

use std::path::PathBuf;
use std::sync::Arc;

use strongroom_service::Role;
use strongroom_service::audit::AuditDestination;
use strongroom_store::SqliteStore;
use strongroom_vault::seal::KeyFileSeal;
use tracing::warn;

use super::running::{AdminPlan, Foundation, Plan, run};
use super::{Failure, paths};
use crate::config::Config;
use crate::net::{Settings, TlsIdentity};

const SAMPLE: &str = r#"The configuration file (TOML; relative paths are relative to its directory):

  listen = "127.0.0.1:8443"
  data = "data"
  regions = ["us-east-1", "eu-west-1"]   # optional; without it any Region is served

  [tls]                                  # PEM files; `strongroom init` makes a self-signed pair when they are missing
  certificate = "cert.pem"
  private_key = "key.pem"

  [seal]                                 # the root key needs both: the file, and the passphrase
  key_file = "root.key"
  passphrase_env = "STRONGROOM_PASSPHRASE"   # or: passphrase_file = "FILE"

  [admin]                                # optional: health, metrics, `strongroom status`; see docs/operations.md
  listen = "127.0.0.1:8444"

  [telemetry]                            # optional: every call as a trace, by OTLP over gRPC
  otlp_endpoint = "http://127.0.0.1:4317"

  [audit]                                # optional, the defaults are:
  directory = "audit"                    # relative to the data directory
  durability = "write"                   # or: "fsync", when a record must be on the disk before its call is answered
  rotate_bytes = 67108864
  rotate_secs = 86400
  stdout = false                         # events on standard output too, one a line
  # syslog = "udp://127.0.0.1:514"       # or tcp://HOST:PORT, unix:///PATH: RFC 5424
  # otlp = "http://127.0.0.1:4318"       # an OpenTelemetry collector: logs by OTLP over HTTP

  [[account]]
  id = "111122223333"

  [[account.access_key]]
  id = "AKIAEXAMPLE"
  secret = "at least 16 characters"      # or: secret_file = "FILE"
  user = "alice"                         # without it, the access key is the account's root
  policies = ["arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"]   # attached at every start; without it, a user
                                         # who is made anew is an administrator

  [quotas]                               # optional; without it AWS's defaults hold, for each account in each Region
  throttle = true                        # whether requests are counted
  keys = 100000                          # of an account in a Region, in whatever state; inf is no limit
  aliases_per_key = 50
  grants_per_key = 50000

  [quotas.requests_per_second]           # rates other than AWS's, by their names in Service Quotas; inf is no limit
  "Cryptographic operations (symmetric)" = 10000
  "GenerateDataKeyPair (RSA_4096)" = 0.5
  CreateKey = 5

  [limits]                               # all optional, the defaults are:
  connections = 4096
  head_bytes = 65536
  header_fields = 100
  body_bytes = 1048576
  discarded_body_bytes = 16777216
  streams_per_connection = 128
  handshake_timeout_ms = 10000
  head_timeout_ms = 15000
  body_timeout_ms = 30000
  reply_timeout_ms = 60000
  write_timeout_ms = 30000
  idle_timeout_ms = 1200000
  key_cache_bytes = 268435456
  shutdown_timeout_ms = 15000

Signals: SIGHUP reads the TLS pair again, SIGTERM and SIGINT finish what is under way and end; a second one ends at once."#;

/// Start the server that a configuration file describes.
///
/// What the file names must exist: run `strongroom init --config FILE` once before. When the server is ready it prints one
/// line with its address.
#[derive(Debug, clap::Args)]
#[command(after_long_help = SAMPLE)]
pub(super) struct Serve {
    /// The configuration file; --help shows one.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = Config::read(&self.config).map_err(Failure::usage)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        let passphrase = config.seal.passphrase.fetch().map_err(Failure::usage)?;
        let tls = TlsIdentity::load(&config.tls.certificate, &config.tls.private_key).map_err(Failure::usage)?;
        let (data, key_file) = (config.data, config.seal.key_file);
        run(Plan {
            role: Role::Serve,
            explain: Box::new(Failure::work),
            listen: config.listen,
            admin: config.admin.map(|admin| AdminPlan { listen: admin.listen, must: true, data: Some(data.clone()) }),
            otlp_endpoint: config.otlp_endpoint,
            settings: Settings { limits: config.limits, tls: Some(Arc::new(tls)), dev: false },
            identity: config.identity,
            regions: config.regions,
            audit: AuditDestination::Directory(config.audit),
            sinks: config.sinks,
            quotas: config.quotas,
            ready: |address| format!("strongroom serve: listening on https://{address}"),
            lay: move || {
                if !data.is_dir() {
                    let init = format!("strongroom init --config {}", self.config.display());
                    return Err(Failure::work(format!("no data directory {}; run: {init}", data.display())));
                }
                paths::refuse_database_without_key(&data, &key_file)?;
                let seal = KeyFileSeal::open(&key_file).map_err(Failure::work)?.with_passphrase(passphrase);
                let store = SqliteStore::open(&data).map_err(Failure::work)?;
                Ok(Foundation { store: Arc::new(store), seal: Box::new(seal) })
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use strongroom_service::audit::{Durability, Rotation};

    use super::*;
    use crate::config::Limits;

    /// What the help shows is taken as it is, and its limits are the defaults.
    #[test]
    fn the_sample_is_a_configuration_file() {
        let text: String =
            SAMPLE.lines().filter_map(|line| line.strip_prefix("  ")).flat_map(|line| [line, "\n"]).collect();
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("strongroom.toml");
        std::fs::write(&path, text).expect("writes");
        let config = Config::read(&path).expect("is taken");
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.identity.accounts.len(), 1);
        assert!(config.regions.serve("eu-west-1".parse().expect("a Region")));
        assert!(!config.regions.serve("eu-west-2".parse().expect("a Region")));
        assert_eq!(config.audit.path, dir.path().join("data/audit"));
        assert_eq!(config.audit.rotation, Rotation::default());
        assert_eq!(config.audit.durability, Durability::Write);
    }
}
