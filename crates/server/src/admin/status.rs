//! What this server is and how it is, in one answer.

use serde::{Deserialize, Serialize};

use super::{Access, Admin, Answered, Problem, Route, health};
use crate::observe::{self, LogLevel};

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
    })
}
