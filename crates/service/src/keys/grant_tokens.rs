//! Grant tokens: sealed names of grants.
//!
//! Grants are consistent at once here, so a token adds nothing to the grant that it names; but only this service can have made
//! it, and RetireGrant takes it instead of a key and a grant id (behaviours 6.5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_core::arn::KeyArn;
use strongroom_core::ids::GrantId;
use strongroom_core::world::Rng;
use strongroom_vault::{RecordName, Vault};

use crate::error::OpError;

/// What tokens are sealed as. No table has this code, and markers have another.
const NAME: RecordName<'static> = RecordName { table: 0xfe, key: b"grant token", version: 1 };

/// A new token for a grant; all tokens of one grant are as good.
///
/// # Errors
/// When there are no random bytes.
pub(crate) fn make_grant_token(vault: &Vault, rng: &dyn Rng, key: &KeyArn, grant: GrantId) -> Result<String, OpError> {
    let named = format!("{grant}{key}");
    Ok(URL_SAFE_NO_PAD.encode(vault.seal_record(NAME, named.as_bytes(), rng)?))
}

/// The grant that a token names, whether it still exists or not.
///
/// # Errors
/// [`OpError::InvalidGrantToken`] for what [`make_grant_token`] did not make.
pub(crate) fn read_grant_token(vault: &Vault, token: &str) -> Result<(KeyArn, GrantId), OpError> {
    let read = || {
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let named = vault.open_record(NAME, &sealed).ok()?;
        let (grant, key) = std::str::from_utf8(named.expose()).ok()?.split_at_checked(GRANT_ID_CHARS)?;
        Some((key.parse().ok()?, grant.parse().ok()?))
    };
    read().ok_or(OpError::InvalidGrantToken)
}

/// Hex digits of 32 bytes.
const GRANT_ID_CHARS: usize = 64;

/// Refuses tokens that this service did not give out. Those of other keys and other grantees are good and do not help.
///
/// # Errors
/// [`OpError::InvalidGrantToken`].
pub(crate) fn check_grant_tokens(vault: &Vault, tokens: Option<&[String]>) -> Result<(), OpError> {
    tokens.unwrap_or_default().iter().try_for_each(|token| read_grant_token(vault, token).map(drop))
}
