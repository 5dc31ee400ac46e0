//! `UpdatePrimaryRegion`: makes a replica the primary, and the primary a replica. Both are `Updating` for a moment.

use std::num::NonZeroU32;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::read_region;
use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName, check_primary, no_such_key};
use crate::quotas::RequestQuota;

pub(crate) struct UpdatePrimaryRegion;

impl Operation for UpdatePrimaryRegion {
    const NAME: OpName = OpName::UpdatePrimaryRegion;
    type Input = kms::UpdatePrimaryRegionInput;
    type Output = kms::UpdatePrimaryRegionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        KeyName::refuse_alias(&input.key_id)?;
        let region = read_region(cx, "PrimaryRegion", &input.primary_region)?;

        // Authorize: the primary, then the replica that takes its place.
        let asked = Asked { primary_region: Some(region), ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        check_primary(key.resource())?;
        // Whose state forbids it is told so, whether or not there is a replica to take its place.
        cx.check_state(key.resource())?;
        if region == cx.region {
            return Err(OpError::Unsupported(Some(format!("The primary key is in {region} already.").into())));
        }
        let arn = KeyArn { region, ..key.resource().arn };
        let replica = cx.keyring().entry(&arn).await?.ok_or_else(|| no_such_key(&arn))?;
        let there = cx.in_region(region);
        let _proof = there.authorize_entry(cx.action(), &replica, &asked)?;
        // The call counts in both Regions.
        there.count_request(RequestQuota::of(Self::NAME), NonZeroU32::MIN)?;

        cx.keyring()
            .change_family(&key, |family| {
                check_primary(family.named())?;
                cx.check_state(family.named())?;
                cx.check_state(family.member(region).ok_or_else(|| no_such_key(&arn))?)?;
                family.change_primary(region);
                // The new primary's Region has its own record, which tells nothing of the old one.
                let there = kms::UpdatePrimaryRegionInput {
                    key_id: arn.to_string(),
                    primary_region: input.primary_region.clone(),
                };
                cx.entry.set_besides(vec![cx.entry_elsewhere(Self::NAME, &arn, &there)]);
                Ok(())
            })
            .await?;
        Ok(kms::UpdatePrimaryRegionOutput)
    }
}
