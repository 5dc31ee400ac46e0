//! Operations on aliases.

mod create_alias;
mod delete_alias;
mod list_aliases;
mod update_alias;

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::{AliasName, BadAliasName};
use strongroom_core::key::KeyRecord;

pub(super) use create_alias::CreateAlias;
pub(super) use delete_alias::DeleteAlias;
pub(super) use list_aliases::ListAliases;
pub(super) use update_alias::UpdateAlias;

use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::no_such_alias;

/// Reads the name of an alias to be made, moved or deleted, and asks whether the caller may.
///
/// # Errors
/// The rules of behaviours 2.8, and a refusal.
async fn authorize_alias(cx: &Cx<'_>, text: &str) -> Result<Authorized<AliasArn>, OpError> {
    let alias: AliasName = text.parse().map_err(|bad| match bad {
        BadAliasName::NoPrefix | BadAliasName::Empty | BadAliasName::TooLong => OpError::invalid("Invalid identifier"),
        BadAliasName::InvalidCharacters => {
            OpError::Invalid(format!("{text} contains invalid characters for an alias").into())
        }
    })?;
    if alias.is_reserved() {
        return Err(OpError::ReservedAlias);
    }
    cx.authorize_alias(AliasArn { account: cx.account, region: cx.region, alias }).await
}

/// How often an operation asks again when the alias was moved between its question and its change.
const ASK_TRIES: usize = 4;

/// The alias as it is, and the key it points to, for a caller who may do this with both.
async fn authorize_present_key(cx: &Cx<'_>, arn: &AliasArn) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
    let present = cx.keyring().alias(arn).await?.ok_or_else(|| no_such_alias(arn))?;
    cx.authorize_own_key(&KeyArn { account: arn.account, region: arn.region, key: present.target }).await
}

/// Aliases point to keys, not to each other; the text is that of the alias operations.
fn refuse_alias_as_target(text: &str) -> Result<(), OpError> {
    match crate::keys::KeyName::refuse_alias(text) {
        Err(OpError::AliasNotSupported) => Err(OpError::invalid("Aliases must refer to keys. Not aliases")),
        outcome => outcome,
    }
}
