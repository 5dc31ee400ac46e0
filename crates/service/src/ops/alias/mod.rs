//! Operations on aliases.

mod create_alias;
mod delete_alias;
mod list_aliases;
mod update_alias;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::{AliasName, BadAliasName};

pub(super) use create_alias::CreateAlias;
pub(super) use delete_alias::DeleteAlias;
pub(super) use list_aliases::ListAliases;
pub(super) use update_alias::UpdateAlias;

use crate::error::OpError;
use crate::frame::Cx;

/// Reads the name of an alias to be made, moved or deleted, and asks whether the caller may.
///
/// # Errors
/// The rules of behaviours 2.8, and a refusal.
fn authorize_alias(cx: &Cx<'_>, text: &str) -> Result<Authorized<AliasArn>, OpError> {
    let alias: AliasName = text.parse().map_err(|bad| match bad {
        BadAliasName::NoPrefix | BadAliasName::Empty | BadAliasName::TooLong => OpError::invalid("Invalid identifier"),
        BadAliasName::InvalidCharacters => {
            OpError::Invalid(format!("{text} contains invalid characters for an alias").into())
        }
    })?;
    if alias.is_reserved() {
        return Err(OpError::ReservedAlias);
    }
    cx.authorize_alias(AliasArn { account: cx.account, region: cx.region, alias })
}

/// Customer aliases of one key (behaviours 10.1).
const ALIASES_OF_A_KEY_MAX: usize = 50;

/// Refuses one alias more than a key may have.
///
/// # Errors
/// [`OpError::LimitExceeded`].
async fn check_room_for_alias(cx: &Cx<'_>, key: &KeyArn) -> Result<(), OpError> {
    if cx.keyring().count_aliases_of(key, ALIASES_OF_A_KEY_MAX).await? < ALIASES_OF_A_KEY_MAX {
        Ok(())
    } else {
        Err(OpError::LimitExceeded("The key has 50 aliases already.".into()))
    }
}

/// Aliases point to keys, not to each other; the text is that of the alias operations.
fn refuse_alias_as_target(text: &str) -> Result<(), OpError> {
    match crate::keys::KeyName::refuse_alias(text) {
        Err(OpError::AliasNotSupported) => Err(OpError::invalid("Aliases must refer to keys. Not aliases")),
        outcome => outcome,
    }
}
