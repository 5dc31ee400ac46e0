//! Accounts: what there are, and new ones.

use serde::{Deserialize, Serialize};
use strongroom_service::{AccountError, Node};

use super::{Access, Answered, Problem, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: PATH,
        access: Access::Operator,
        handler: |admin, _| Box::pin(async { Answered::json(&list(&admin.node).await?) }),
    },
    Route {
        method: "POST",
        path: PATH,
        access: Access::Operator,
        handler: |admin, call| Box::pin(async move { Answered::json(&create(&admin.node, call.json()?).await?) }),
    },
];

/// The path of both routes.
pub(crate) const PATH: &str = "/accounts";

/// What a new account is to be like.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Twelve digits; random ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// What ListAccountAliases shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<String>,
}

/// A new account, with the one way into it: the answer to whoever made it, and to nobody else.
#[derive(Serialize, Deserialize)]
pub(crate) struct Created {
    pub(crate) account: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// An account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) account: String,
    pub(crate) alias: Option<String>,
    /// Seconds since the Unix epoch.
    pub(crate) created: i64,
}

/// All accounts that are stored.
pub(crate) async fn list(node: &Node) -> Result<Vec<Listed>, Problem> {
    let accounts = node.accounts().await.map_err(|error| Problem::Failed(error.to_string()))?;
    let listed = accounts.into_iter().map(|own| Listed {
        account: own.id.to_string(),
        alias: own.alias,
        created: own.created.as_secs(),
    });
    Ok(listed.collect())
}

/// Makes an account.
pub(crate) async fn create(node: &Node, wanted: Wanted) -> Result<Created, Problem> {
    let id = wanted.id.map(|id| id.parse()).transpose();
    let id = id.map_err(|_| Problem::BadRequest("an account id has twelve digits".into()))?;
    let made = node.create_account(id, wanted.alias).await.map_err(|error| match error {
        AccountError::Exists(_) => Problem::Conflict(error.to_string()),
        AccountError::BadAlias => Problem::BadRequest(error.to_string()),
        AccountError::Work(_) => Problem::Failed(error.to_string()),
    })?;
    // The one time that this secret is told.
    let secret = std::str::from_utf8(made.secret.expose()).map_err(|error| Problem::Failed(error.to_string()))?;
    Ok(Created {
        account: made.id.to_string(),
        access_key_id: made.access_key_id,
        secret_access_key: secret.to_owned(),
    })
}
