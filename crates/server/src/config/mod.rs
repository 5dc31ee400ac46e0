//! The configuration file of `strongroom serve`: read once, checked whole, named by line and field when it is wrong.
//!
//! # Invariants
//! - A value never appears in an error: it may be a secret, also where none belongs.
//! - Unknown fields are refused: a misspelt limit must not be a missing one.
//! - Relative paths are relative to the file's own directory.

mod file;
mod limits;
mod secret;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use strongroom_service::audit::AuditDirectory;
use strongroom_service::{IdentityConfig, Quotas, Regions};

use crate::sinks::SinksConfig;

pub use limits::Limits;
pub use secret::PassphraseSource;
pub(crate) use secret::{SecretText, read_secret_file};

/// What `serve` and `init` need to know.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The directory of the embedded store.
    pub data: PathBuf,
    /// Certificate and private key.
    pub tls: TlsConfig,
    /// What opens the root key.
    pub seal: SealConfig,
    /// Where operators look in, if they may.
    pub admin: Option<AdminConfig>,
    /// The collector of traces: an `http://` URL, when there is one.
    pub otlp_endpoint: Option<String>,
    /// Where the audit record goes.
    pub audit: AuditDirectory,
    /// Where it goes besides.
    pub sinks: SinksConfig,
    /// The limits.
    pub limits: Limits,
    /// The Regions that are served.
    pub regions: Regions,
    /// What accounts may have and do.
    pub quotas: Quotas,
    /// Accounts and access keys; their secrets are in memory already.
    pub identity: IdentityConfig,
    /// What the operator should know, though it stops nothing.
    pub warnings: Vec<String>,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where it listens. From another machine health and metrics alone are to be had there.
    pub listen: SocketAddr,
}

/// Where the TLS pair lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// A certificate chain in PEM form, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM form.
    pub private_key: PathBuf,
}

/// What opens the root key: a file and a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealConfig {
    /// The key file.
    pub key_file: PathBuf,
    /// Where the passphrase comes from.
    pub passphrase: PassphraseSource,
}

/// Why a configuration file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It, or a file that it names, cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}{}{}: {problem}", path.display(), OnLine(*line), InField(field))]
    Wrong {
        /// The configuration file.
        path: PathBuf,
        /// The line, counted from 1, when it is known.
        line: Option<usize>,
        /// The field, such as `limits.body_bytes`; empty when the file as a whole is meant.
        field: String,
        /// What is wrong, without the value.
        problem: String,
    },
}

impl Config {
    /// Reads and checks the file and the secrets that it points to, but for the passphrase, which `serve` alone needs.
    ///
    /// # Errors
    /// [`ConfigError`], for the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        file::read(path)
    }
}

/// Reads a file that has a `[quotas]` table and nothing else.
///
/// # Errors
/// [`ConfigError`], for the first thing that is wrong.
pub(crate) fn read_quotas(path: &Path) -> Result<Quotas, ConfigError> {
    file::read_quotas(path)
}

struct OnLine(Option<usize>);

impl std::fmt::Display for OnLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

struct InField<'a>(&'a str);

impl std::fmt::Display for InField<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", {}", self.0) }
    }
}
