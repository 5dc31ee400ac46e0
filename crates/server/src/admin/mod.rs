//! The admin listener: health, figures and switches for whoever runs the server, apart from the API that clients speak.
//!
//! It is plain HTTP on an address of its own, and JSON in both directions. One noun is one file with its table of routes;
//! a new file is one line in [`TABLES`]. The command line speaks to it through [`client`].
//!
//! # Invariants
//! - In `serve` everything but health and metrics wants the token of this run ([`token`]) and a caller on this machine.
//! - In `dev` there is no token; a browser is refused all the same: the Host must be a loopback name and there is no Origin.
//! - Bodies, connections and times are bounded ([`limits`]).
//! - A route of [`Access::Dev`] does not exist in `serve`.
//!
//! # Not here
//! TLS: whoever looks from elsewhere sees health and metrics alone, and nothing in them is secret.

pub(crate) mod accounts;
pub(crate) mod audit;
pub mod client;
pub(crate) mod dev;
mod door;
mod health;
pub(crate) mod log;
mod metrics;
pub(crate) mod policy;
mod route;
pub(crate) mod status;
pub(crate) mod token;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use strongroom_core::secret::SecretBytes;
use strongroom_service::{Mode, Node};

pub use route::{Access, Answered, Answering, Call, Handler, Problem, Route};

use crate::config::Limits;
use crate::net::{Stop, TlsIdentity};
use crate::sinks::Sinks;

/// Every route there is.
const TABLES: &[&[Route]] = &[
    accounts::ROUTES,
    audit::ROUTES,
    dev::ROUTES,
    health::ROUTES,
    log::ROUTES,
    metrics::ROUTES,
    policy::ROUTES,
    status::ROUTES,
];

/// What handlers work with.
pub struct Admin {
    /// The running node.
    pub node: Arc<Node>,
    /// Where its audit record goes besides the log.
    pub(crate) sinks: Arc<Sinks>,
    /// `dev` or `serve`.
    pub mode: Mode,
    /// When the server became ready.
    pub started: Instant,
    /// The brake of the API's listener: once it is pulled the server is on its way out.
    pub stop: Stop,
    /// The TLS pair of the API's listener.
    pub tls: Option<Arc<TlsIdentity>>,
    /// What a caller in `serve` must know; `dev` has none.
    token: Option<SecretBytes>,
}

/// What an [`Admin`] is made of.
pub(crate) struct Parts<'a> {
    pub(crate) node: Arc<Node>,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) mode: Mode,
    pub(crate) stop: Stop,
    pub(crate) tls: Option<Arc<TlsIdentity>>,
    /// Where the token is left.
    pub(crate) data: Option<&'a Path>,
}

impl Admin {
    /// For a server that has just started. In `serve` a fresh token is left in the data directory.
    ///
    /// # Errors
    /// When there is no randomness, or the token cannot be written.
    pub(crate) fn new(parts: Parts<'_>) -> std::io::Result<Self> {
        let Parts { node, sinks, mode, stop, tls, data } = parts;
        let token = match (mode, data) {
            (Mode::Dev, _) => None,
            (Mode::Serve, Some(data)) => Some(token::make(data)?),
            (Mode::Serve, None) => return Err(std::io::Error::other("an admin token needs a data directory")),
        };
        Ok(Self { node, sinks, mode, started: Instant::now(), stop, tls, token })
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin(..)")
    }
}

/// The limits of this listener: a few callers with small questions, some of which take long to answer.
pub fn limits(of_the_api: &Limits) -> Limits {
    Limits {
        connections: 64,
        head_bytes: 16 << 10,
        body_bytes: 4 << 20,
        discarded_body_bytes: 4 << 20,
        reply_timeout_ms: 600_000,
        idle_timeout_ms: 120_000,
        shutdown_timeout_ms: 2_000,
        ..of_the_api.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_route_stands_once() {
        let mut seen = HashSet::new();
        for route in TABLES.iter().copied().flatten() {
            assert!(route.path.starts_with('/') && !route.path.contains(['?', '{']), "{}", route.path);
            assert!(seen.insert((route.method, route.path)), "{} {} stands twice", route.method, route.path);
        }
    }

    #[test]
    fn the_limits_are_sound() {
        limits(&Limits::default()).check().expect("the HTTP stack works with them");
    }
}
