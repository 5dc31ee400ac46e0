//! Whether the server lives, and whether it can work: for supervisors and load balancers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strongroom_service::Probe;

use super::{Access, Admin, Answered, Problem, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/healthz",
        access: Access::Open,
        handler: |_, _| Box::pin(async { Answered::json(&serde_json::json!({ "status": "ok" })) }),
    },
    Route { method: "GET", path: "/readyz", access: Access::Open, handler: |admin, _| Box::pin(readiness(admin)) },
];

/// A store that takes longer than this to read one record is of no use to callers.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// One thing that must work, and why it does not.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What.
    pub(crate) name: String,
    /// Whether it works.
    pub(crate) ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Check {
    fn of(name: &str, outcome: Result<(), String>) -> Self {
        Self { name: name.to_owned(), ok: outcome.is_ok(), reason: outcome.err() }
    }
}

/// Looks at everything that a call needs.
pub(super) async fn checks(admin: &Admin) -> Vec<Check> {
    let stopping = if admin.stop.is_pulled() { Err("the server is stopping".to_owned()) } else { Ok(()) };
    let (store, seal) = store(admin).await;
    vec![
        Check::of("running", stopping),
        Check::of("seal", seal),
        Check::of("store", store),
        Check::of("audit", audit(admin)),
    ]
}

/// Whether calls can be answered.
pub(super) fn are_good(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.ok)
}

/// `200` when calls can be answered, `503` with the reasons when not.
async fn readiness(admin: &Admin) -> Result<Answered, Problem> {
    let checks = checks(admin).await;
    let (word, status) = if are_good(&checks) { ("ready", 200) } else { ("not ready", 503) };
    Ok(Answered::json(&serde_json::json!({ "status": word, "checks": checks }))?.with_status(status))
}

/// A record that cannot be written lets no call succeed. Sinks hold up nobody: they are not asked.
fn audit(admin: &Admin) -> Result<(), String> {
    match admin.node.audit_status().problem {
        Some(problem) => Err(format!("the audit log cannot be written, and calls fail until it can: {problem}")),
        None => Ok(()),
    }
}

/// Reads a record that is always there and opens it: the store answers, and the root key is the one that it belongs to.
async fn store(admin: &Admin) -> (Result<(), String>, Result<(), String>) {
    let unknown = || Err("not known while the store gives nothing".to_owned());
    match tokio::time::timeout(STORE_PATIENCE, admin.node.probe()).await {
        Ok(Ok(Probe::Good)) => (Ok(()), Ok(())),
        Ok(Ok(Probe::DoesNotOpen)) => {
            (Ok(()), Err("a record of the store does not open under the root key".to_owned()))
        }
        Ok(Err(error)) => (Err(error.to_string()), unknown()),
        Err(_) => (Err(format!("no answer within {} s", STORE_PATIENCE.as_secs())), unknown()),
    }
}
