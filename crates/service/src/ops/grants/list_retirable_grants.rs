//! `ListRetirableGrants`: the grants of all keys of the Region, of any account, that a principal may retire.

use strongroom_core::generated::OpName;
use strongroom_core::grant::GrantParty;
use strongroom_wire::kms;

use super::{DEFAULT_LIMIT, LIMIT_MAX, list_entry, read_party};
use crate::error::OpError;
use crate::explain::Rule;
use crate::frame::{Cx, Operation};
use crate::paging::{Page, check_documented_limit};

pub(crate) struct ListRetirableGrants;

impl Operation for ListRetirableGrants {
    const NAME: OpName = OpName::ListRetirableGrants;
    type Input = kms::ListRetirableGrantsInput;
    type Output = kms::ListRetirableGrantsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        check_documented_limit(input.limit, LIMIT_MAX)?;
        let party = read_party(
            input.retiring_principal.as_deref(),
            input.retiring_service_principal.as_deref(),
            "You can specify RetiringPrincipal or RetiringServicePrincipal, but not both.",
        )?
        .ok_or(OpError::invalid("You must specify either RetiringPrincipal or RetiringServicePrincipal."))?;

        // Keys have no say; that the principal is of the caller's account is all (behaviours 4.6).
        let _proof = cx.authorize_account().await?;
        if !is_of_account(&party, cx) {
            return Err(cx.refuse(cx.account, party.as_str(), Rule::OtherAccount).into());
        }

        let list = format!("{}/{party:?}", cx.region);
        let page = Page::read(cx, &list, input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;
        let mut found = cx.keyring().list_retirable_grants(cx.region, &party, page.after(), page.fetch()).await?;
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        let mut grants = Vec::with_capacity(found.len());
        for (grant, _) in &found {
            grants.push(list_entry(cx, grant).await?);
        }
        Ok(kms::ListRetirableGrantsOutput { grants: Some(grants), truncated: Some(next_marker.is_some()), next_marker })
    }
}

/// Services list their own alone, and none calls here.
fn is_of_account(party: &GrantParty, cx: &Cx<'_>) -> bool {
    match party {
        GrantParty::Principal(arn) => arn.split(':').nth(4) == Some(cx.account.as_str()),
        GrantParty::Service(_) => false,
    }
}
