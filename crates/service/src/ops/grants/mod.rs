//! Operations on grants (behaviours 4.6 and 6).

mod create_grant;
mod list_grants;
mod list_retirable_grants;
mod retire_grant;
mod revoke_grant;

use strongroom_core::grant::{GrantConstraints, GrantParty};
use strongroom_core::ids::GrantId;
use strongroom_wire::kms;

pub(super) use create_grant::CreateGrant;
pub(crate) use create_grant::{check_fit as check_grant_fit, read_terms as read_grant_terms};
pub(super) use list_grants::ListGrants;
pub(super) use list_retirable_grants::ListRetirableGrants;
pub(super) use retire_grant::RetireGrant;
pub(super) use revoke_grant::RevokeGrant;

use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::{KeptGrant, principal};

/// The documented bound of both lists, below that of the shape (behaviours 12.1).
const LIMIT_MAX: i32 = 100;
const DEFAULT_LIMIT: usize = 50;

/// Reads the id of a grant.
///
/// # Errors
/// [`OpError::InvalidGrantId`].
fn read_grant_id(text: &str) -> Result<GrantId, OpError> {
    text.parse().map_err(|_| OpError::InvalidGrantId)
}

/// Whom a request names, by one of two members.
///
/// # Errors
/// Both members, and what names nobody.
fn read_party(arn: Option<&str>, service: Option<&str>, both: &'static str) -> Result<Option<GrantParty>, OpError> {
    let party = match (arn, service) {
        (Some(_), Some(_)) => return Err(OpError::invalid(both)),
        (Some(arn), None) => GrantParty::Principal(arn.to_owned()),
        (None, Some(name)) => GrantParty::Service(name.to_owned()),
        (None, None) => return Ok(None),
    };
    match principal(&party) {
        Some(_) => Ok(Some(party)),
        None => Err(OpError::InvalidPrincipal(party.as_str().to_owned())),
    }
}

/// A grant as lists show it: users and roles by their present names, by their unique ids when they are gone.
async fn list_entry(cx: &Cx<'_>, grant: &KeptGrant) -> Result<kms::GrantListEntry, OpError> {
    let mut entry = list_entry_as_made(grant);
    for shown in [&mut entry.grantee_principal, &mut entry.retiring_principal].into_iter().flatten() {
        if let Some(named) = grant.record.principals.iter().find(|named| *named.arn == **shown) {
            *shown = cx.node.directory.present_name(named).await?.into();
        }
    }
    Ok(entry)
}

fn list_entry_as_made(grant: &KeptGrant) -> kms::GrantListEntry {
    let record = &grant.record;
    let terms = &record.terms;
    let (grantee_principal, grantee_service_principal) = members(Some(&terms.grantee));
    let (retiring_principal, retiring_service_principal) = members(terms.retiring.as_ref());
    kms::GrantListEntry {
        key_id: Some(record.key.to_string()),
        grant_id: Some(record.id.to_string()),
        name: terms.name.clone(),
        creation_date: Some(record.creation_date),
        grantee_principal,
        retiring_principal,
        issuing_account: Some(record.issuing_root_arn()),
        operations: Some(terms.operations.clone()),
        constraints: shown_constraints(&terms.constraints),
        grantee_service_principal,
        retiring_service_principal,
    }
}

fn members(party: Option<&GrantParty>) -> (Option<String>, Option<String>) {
    match party {
        Some(GrantParty::Principal(arn)) => (Some(arn.clone()), None),
        Some(GrantParty::Service(name)) => (None, Some(name.clone())),
        None => (None, None),
    }
}

fn shown_constraints(constraints: &GrantConstraints) -> Option<kms::GrantConstraints> {
    if *constraints == GrantConstraints::default() {
        return None;
    }
    Some(kms::GrantConstraints {
        encryption_context_equals: constraints.encryption_context_equals.clone(),
        encryption_context_subset: constraints.encryption_context_subset.clone(),
        source_arn: constraints.source_arn.clone(),
    })
}
