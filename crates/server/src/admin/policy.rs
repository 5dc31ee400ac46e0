//! Why something was decided, what would be decided, and who could do it.

use serde::{Deserialize, Serialize};
use strongroom_service::{ExplainError, Question, Supposition};

use super::{Access, Admin, Answered, Problem, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: EXPLAIN,
        access: Access::Operator,
        handler: |admin, call| Box::pin(async move { explain(admin, &call.json()?) }),
    },
    Route {
        method: "POST",
        path: SIMULATE,
        access: Access::Operator,
        handler: |admin, call| Box::pin(async move { simulate(admin, &call.json()?).await }),
    },
    Route {
        method: "POST",
        path: WHO_CAN,
        access: Access::Operator,
        handler: |admin, call| Box::pin(async move { who_can(admin, &call.json()?).await }),
    },
];

/// Takes an [`Asked`], answers an `Explanation`.
pub(crate) const EXPLAIN: &str = "/policy/explain";
/// Takes a `Supposition`, answers an `Explanation`.
pub(crate) const SIMULATE: &str = "/policy/simulate";
/// Takes a `Question`, answers a `WhoCan`.
pub(crate) const WHO_CAN: &str = "/policy/who-can";

/// Which request is to be explained.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The id in `x-amzn-RequestId`.
    pub(crate) request_id: String,
}

fn explain(admin: &Admin, asked: &Asked) -> Result<Answered, Problem> {
    Answered::json(&admin.node.explain(&asked.request_id)?)
}

async fn simulate(admin: &Admin, supposition: &Supposition) -> Result<Answered, Problem> {
    Answered::json(&admin.node.simulate(supposition).await?)
}

async fn who_can(admin: &Admin, question: &Question) -> Result<Answered, Problem> {
    Answered::json(&admin.node.who_can(question).await?)
}

impl From<ExplainError> for Problem {
    fn from(error: ExplainError) -> Self {
        let text = error.to_string();
        match error {
            ExplainError::NotKept(_) | ExplainError::NoSuchPrincipal(_) | ExplainError::NoSuchKey(_) => {
                Self::NotFound(text)
            }
            ExplainError::NoSuchOperation(_)
            | ExplainError::NoKey(_)
            | ExplainError::BadRegion(_)
            | ExplainError::WhoseKey(_)
            | ExplainError::BadValue(_)
            | ExplainError::OfCaller(_) => Self::BadRequest(text),
            ExplainError::Failed(_) => Self::Failed(text),
        }
    }
}
