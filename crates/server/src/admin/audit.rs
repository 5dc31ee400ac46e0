//! What an auditor needs of a running server: the key of its audit log, and where that stands.

use serde::{Deserialize, Serialize};
use strongroom_service::audit::verify::{public_key_pem, spki_from_pem};
use strongroom_service::audit::{Anchor, AuditFacts, AuditStatus};

use crate::sinks::SinkStatus;

use super::{Access, Admin, Answered, Problem, Route};

pub(super) const ROUTES: &[Route] =
    &[Route { method: "GET", path: PATH, access: Access::Operator, handler: |admin, _| Box::pin(audit(admin)) }];

/// The path of the route.
pub(crate) const PATH: &str = "/audit";

/// What is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditView {
    /// As PEM.
    pub(crate) public_key: String,
    /// One for each log that the store remembers.
    pub(crate) anchors: Vec<String>,
    /// Events written since the server started.
    #[serde(default)]
    pub(crate) events: u64,
    /// Writes that they took.
    #[serde(default)]
    pub(crate) writes: u64,
    /// Calls that failed because their record could not be written.
    #[serde(default)]
    pub(crate) refused_calls: u64,
    /// Where events go besides, and how that goes.
    #[serde(default)]
    pub(crate) sinks: Vec<SinkStatus>,
}

impl AuditView {
    pub(crate) fn of(facts: &AuditFacts) -> Self {
        Self {
            public_key: public_key_pem(&facts.public_key),
            anchors: facts.anchors.iter().map(Anchor::to_string).collect(),
            events: 0,
            writes: 0,
            refused_calls: 0,
            sinks: Vec::new(),
        }
    }

    /// The inverse of [`AuditView::of`].
    pub(crate) fn facts(&self) -> Option<AuditFacts> {
        Some(AuditFacts {
            public_key: spki_from_pem(&self.public_key)?,
            anchors: self.anchors.iter().map(|anchor| Anchor::parse(anchor)).collect::<Option<_>>()?,
        })
    }
}

async fn audit(admin: &Admin) -> Result<Answered, Problem> {
    match admin.node.audit_facts().await {
        Ok(Some(facts)) => {
            let AuditStatus { events, writes, refused_calls, .. } = admin.node.audit_status();
            let sinks = admin.sinks.status();
            Answered::json(&AuditView { events, writes, refused_calls, sinks, ..AuditView::of(&facts) })
        }
        Ok(None) => Err(Problem::BadRequest("this server keeps its audit record in memory alone".to_owned())),
        Err(error) => Err(Problem::Failed(error.to_string())),
    }
}
