//! `ListGrants`: the grants of one key, by their ids.

use strongroom_core::generated::OpName;
use strongroom_core::grant::GrantParty;
use strongroom_core::ids::GrantId;
use strongroom_wire::kms;

use super::{DEFAULT_LIMIT, LIMIT_MAX, list_entry, read_grant_id};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeptGrant, KeyName, no_such_key};
use crate::paging::{Page, check_documented_limit};

pub(crate) struct ListGrants;

impl Operation for ListGrants {
    const NAME: OpName = OpName::ListGrants;
    type Input = kms::ListGrantsInput;
    type Output = kms::ListGrantsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        check_documented_limit(input.limit, LIMIT_MAX)?;
        KeyName::refuse_alias(&input.key_id)?;
        let filter = Filter::read(&input)?;
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;

        let arn = &key.resource().arn;
        let list = format!("{arn}\0{filter:?}");
        let page = Page::read(cx, &list, input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;
        let after = match page.after() {
            Some(after) => Some(GrantId(after.try_into().map_err(|_| OpError::InvalidMarker)?)),
            None => None,
        };
        let entry = cx.keyring().entry(arn).await?.ok_or_else(|| no_such_key(arn))?;
        let fitting = entry.grants.iter_after(after).filter(|grant| filter.admits(grant)).take(page.fetch());
        let mut found: Vec<_> = fitting.map(|grant| (grant, grant.record.id.0.to_vec())).collect();
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        let mut grants = Vec::with_capacity(found.len());
        for (grant, _) in found {
            grants.push(list_entry(cx, grant).await?);
        }
        Ok(kms::ListGrantsOutput { grants: Some(grants), truncated: Some(next_marker.is_some()), next_marker })
    }
}

/// Which grants the caller wants to see.
#[derive(Debug)]
struct Filter {
    id: Option<GrantId>,
    grantee: Option<GrantParty>,
}

impl Filter {
    fn read(input: &kms::ListGrantsInput) -> Result<Self, OpError> {
        let grantee = match (&input.grantee_principal, &input.grantee_service_principal) {
            (Some(_), Some(_)) => {
                return Err(OpError::invalid(
                    "You can specify GranteePrincipal or GranteeServicePrincipal, but not both.",
                ));
            }
            (Some(arn), None) => Some(GrantParty::Principal(arn.clone())),
            (None, Some(name)) => Some(GrantParty::Service(name.clone())),
            (None, None) => None,
        };
        Ok(Self { id: input.grant_id.as_deref().map(read_grant_id).transpose()?, grantee })
    }

    fn admits(&self, grant: &KeptGrant) -> bool {
        self.id.is_none_or(|id| grant.record.id == id)
            && self.grantee.as_ref().is_none_or(|grantee| grant.record.terms.grantee == *grantee)
    }
}
