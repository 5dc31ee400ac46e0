//! How much is logged, as it is and as it shall be.

use serde::{Deserialize, Serialize};

use super::{Access, Answered, Problem, Route};
use crate::observe::{self, LogLevel};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: PATH,
        access: Access::Operator,
        handler: |_, _| Box::pin(async { Answered::json(&Level { level: observe::level() }) }),
    },
    Route {
        method: "POST",
        path: PATH,
        access: Access::Operator,
        handler: |_, call| Box::pin(async move { set(call.json()?) }),
    },
];

/// The path of both routes.
pub(crate) const PATH: &str = "/log-level";

/// A level, in both directions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Level {
    /// One of the five names.
    pub(crate) level: LogLevel,
}

fn set(wanted: Level) -> Result<Answered, Problem> {
    observe::set_level(wanted.level)
        .map_err(|error| Problem::Failed(format!("the log is not to be changed: {error}")))?;
    Answered::json(&wanted)
}
