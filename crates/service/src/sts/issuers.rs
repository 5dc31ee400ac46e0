//! The keys of identity providers: where they come from, and how long they are kept.
//!
//! The operator says for each issuer where its key set is: a file, or a URL. Nothing else is ever fetched: that an account
//! registers a provider does not make the service call a URL of the account's choice.
//!
//! # Invariants
//! - Keys are fetched again at most every [`AGAIN_SECS`], whatever tokens name.
//! - When a fetch fails, the keys from before stay good for [`STALE_SECS`].

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;

/// Keys younger than this are not fetched again, even when a token names another.
const AGAIN_SECS: u64 = 10;
/// Keys are fetched again after this.
const FRESH_SECS: u64 = 3_600;
/// Keys that cannot be fetched again are good until then.
const STALE_SECS: u64 = 86_400;

/// Where an issuer's key set (RFC 7517) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A file on this machine.
    File(PathBuf),
    /// An `https` or `http` URL.
    Url(String),
}

/// An identity provider that the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, such as `https://issuer.example`.
    pub issuer: String,
    /// Its keys.
    pub keys: JwksSource,
}

/// The bytes of a key set, or why there are none, for the operator.
pub type Fetched = Result<Vec<u8>, String>;

/// Fetches key sets: bounded in size and time, without following anything that the answer says.
pub trait FetchKeys: Send + Sync {
    /// The key set.
    fn fetch<'a>(&'a self, source: &'a JwksSource) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>>;
}

/// Issuers that the operator knows, and who fetches their keys.
#[derive(Clone, Default)]
pub struct IssuersConfig {
    /// The issuers.
    pub issuers: Vec<IssuerConfig>,
    /// Without it there are no keys.
    pub fetcher: Option<Arc<dyn FetchKeys>>,
}

impl fmt::Debug for IssuersConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuersConfig({:?})", self.issuers)
    }
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKeys {
    /// The operator does not know the issuer.
    UnknownIssuer,
    /// They cannot be fetched.
    Unreachable,
}

struct Kept {
    keys: Option<(Arc<JwkSet>, Instant)>,
    tried: Option<Instant>,
}

struct Issuer {
    source: JwksSource,
    kept: Mutex<Kept>,
}

/// Their key sets.
pub(crate) struct Issuers {
    known: HashMap<String, Issuer>,
    fetcher: Option<Arc<dyn FetchKeys>>,
}

impl Issuers {
    pub(crate) fn new(config: IssuersConfig) -> Self {
        let issuer = |IssuerConfig { issuer, keys }| {
            (issuer, Issuer { source: keys, kept: Mutex::new(Kept { keys: None, tried: None }) })
        };
        Self { known: config.issuers.into_iter().map(issuer).collect(), fetcher: config.fetcher }
    }

    /// The keys of an issuer; newer ones than `stale`, if it can be.
    pub(crate) async fn keys(&self, issuer: &str, stale: Option<&Arc<JwkSet>>) -> Result<Arc<JwkSet>, NoKeys> {
        let Issuer { source, kept } = self.known.get(issuer).ok_or(NoKeys::UnknownIssuer)?;
        let mut kept = kept.lock().await;
        let within = |since: Instant, secs| since.elapsed() < Duration::from_secs(secs);
        if let Some((keys, fetched)) = &kept.keys {
            let is_stale = stale.is_some_and(|stale| Arc::ptr_eq(stale, keys));
            if within(*fetched, FRESH_SECS) && !is_stale {
                return Ok(Arc::clone(keys));
            }
        }
        if !kept.tried.is_some_and(|tried| within(tried, AGAIN_SECS)) {
            kept.tried = Some(Instant::now());
            match self.fetch(source).await {
                Ok(keys) => kept.keys = Some((Arc::new(keys), Instant::now())),
                Err(reason) => tracing::warn!(issuer, reason, "the keys of an identity provider cannot be fetched"),
            }
        }
        match &kept.keys {
            Some((keys, fetched)) if within(*fetched, STALE_SECS) => Ok(Arc::clone(keys)),
            Some(_) | None => Err(NoKeys::Unreachable),
        }
    }

    async fn fetch(&self, source: &JwksSource) -> Result<JwkSet, String> {
        let fetcher = self.fetcher.as_ref().ok_or("nothing fetches keys")?;
        let bytes = fetcher.fetch(source).await?;
        serde_json::from_slice(&bytes).map_err(|error| format!("not a key set: {error}"))
    }
}
