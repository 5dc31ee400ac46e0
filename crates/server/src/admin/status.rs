//! What this server is and how it is, in one answer.

use serde::{Deserialize, Serialize};
use strongroom_service::audit::AuditStatus;

use super::{Access, Admin, Answered, Problem, Route, health};
use crate::observe::{self, LogLevel};
use crate::sinks::SinkStatus;

pub(super) const ROUTES: &[Route] =
    &[Route { method: "GET", path: PATH, access: Access::Operator, handler: |admin, _| Box::pin(status(admin)) }];

/// The path of the route.
pub(crate) const PATH: &str = "/status";

/// What `strongroom status` shows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The release.
    pub(crate) version: String,
    /// `dev` or `serve`.
    pub(crate) mode: String,
    /// How long it has been ready.
    pub(crate) uptime_seconds: u64,
    /// How much it logs.
    pub(crate) log_level: LogLevel,
    /// Whether calls can be answered.
    pub(crate) ready: bool,
    /// Why, thing by thing.
    pub(crate) checks: Vec<health::Check>,
    /// How the audit log fares; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audit: Option<AuditSummary>,
}

/// How an audit log fares.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditSummary {
    /// Events written since the start.
    pub(crate) events: u64,
    /// Writes that failed.
    pub(crate) write_failures: u64,
    /// Calls that failed because their record could not be written.
    pub(crate) refused_calls: u64,
    /// Where events go besides.
    pub(crate) sinks: Vec<SinkStatus>,
}

impl AuditSummary {
    fn of(admin: &Admin) -> Option<Self> {
        let AuditStatus { events, write_failures, refused_calls, next_line, .. } = admin.node.audit_status();
        (next_line > 0).then(|| Self { events, write_failures, refused_calls, sinks: admin.sinks.status() })
    }
}

async fn status(admin: &Admin) -> Result<Answered, Problem> {
    let checks = health::checks(admin).await;
    Answered::json(&Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: admin.mode.name().to_owned(),
        uptime_seconds: admin.started.elapsed().as_secs(),
        log_level: observe::level(),
        ready: health::are_good(&checks),
        checks,
        audit: AuditSummary::of(admin),
    })
}
