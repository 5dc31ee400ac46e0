//! OIDC providers by their ARNs.

use std::sync::Arc;

use strongroom_core::identity::OidcProviderRecord;

use super::error::IamError;
use super::rules::{CLIENT_IDS_MAX, THUMBPRINTS_MAX};
use super::target::provider_url;
use crate::identity::Draft;
use crate::identity::account::{Account, Kept};
use crate::query::Error;

/// Not an ARN of a provider of this account.
pub(crate) fn bad_arn(arn: &str) -> IamError {
    IamError::InvalidInput(format!("Invalid ARN: {arn}").into())
}

/// The provider that an ARN names.
pub(crate) fn find<'a>(account: &'a Account, arn: &str) -> Result<&'a Arc<Kept<OidcProviderRecord>>, Error> {
    let url = provider_url(account, arn).ok_or_else(|| bad_arn(arn))?;
    let gone = || IamError::NoSuchEntity(format!("OpenIDConnect Provider not found for arn {arn}"));
    Ok(account.providers.get(url).ok_or_else(gone)?)
}

/// Changes a provider in a draft.
pub(crate) fn edit(
    draft: &mut Draft,
    arn: &str,
    change: impl FnOnce(&mut OidcProviderRecord) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut provider = find(draft.account(), arn)?.entity.clone();
    change(&mut provider)?;
    let url = provider.url.clone();
    Ok(draft.put(&url, provider)?)
}

/// Audiences, each once.
pub(crate) fn read_client_ids(ids: &[String]) -> Result<Vec<String>, Error> {
    let ids = each_once(ids);
    if ids.len() > CLIENT_IDS_MAX {
        return Err(IamError::quota("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX).into());
    }
    Ok(ids)
}

/// Thumbprints in lower case, each once.
pub(crate) fn read_thumbprints(thumbprints: &[String]) -> Result<Vec<String>, Error> {
    let lower: Vec<String> = thumbprints.iter().map(|thumbprint| thumbprint.to_ascii_lowercase()).collect();
    if !lower.iter().all(|thumbprint| thumbprint.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(IamError::InvalidInput("Invalid thumbprint: 40 hexadecimal digits are needed.".into()).into());
    }
    let thumbprints = each_once(&lower);
    if thumbprints.len() > THUMBPRINTS_MAX {
        return Err(IamError::InvalidInput("Thumbprint list must contain fewer than 5 entries.".into()).into());
    }
    Ok(thumbprints)
}

fn each_once(texts: &[String]) -> Vec<String> {
    let mut known: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !known.contains(text) {
            known.push(text.clone());
        }
    }
    known
}
