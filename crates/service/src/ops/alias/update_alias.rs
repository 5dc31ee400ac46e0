//! `UpdateAlias`: points an alias at another key of the same class and usage.

use strongroom_core::generated::OpName;
use strongroom_core::key::KeyRecord;
use strongroom_core::{arn::KeyArn, spec};
use strongroom_wire::kms;

use super::{authorize_alias, check_room_for_alias, refuse_alias_as_target};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct UpdateAlias;

impl Operation for UpdateAlias {
    const NAME: OpName = OpName::UpdateAlias;
    type Input = kms::UpdateAliasInput;
    type Output = kms::UpdateAliasOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // The alias, its present key and its new key must allow it.
        let alias = authorize_alias(cx, &input.alias_name)?;
        refuse_alias_as_target(&input.target_key_id)?;
        let arn = alias.resource();
        let present = cx.keyring().alias(arn).await?.ok_or_else(|| crate::keys::no_such_alias(arn))?;
        let old_arn = KeyArn { account: arn.account, region: arn.region, key: present.target };
        let old = cx.authorize_own_key(&old_arn).await?;
        let new = cx.authorize_key(&input.target_key_id, Forms::KeyOnly, None).await?;

        let (old, new) = (old.resource(), new.resource());
        if !same_kind(old, new) {
            return Err(OpError::Invalid(
                format!(
                    "Alias {arn} cannot be changed from a CMK with key usage {} to a CMK with key usage {}. \
                     The key type and key usage of both the current and the new CMK must be the same.",
                    old.usage, new.usage
                )
                .into(),
            ));
        }
        cx.check_state(new)?;
        if old.arn != new.arn {
            check_room_for_alias(cx, &new.arn).await?;
        }

        cx.keyring()
            .change_alias(arn, |record| {
                record.target = new.arn.key;
                record.last_updated_date = cx.now;
                Ok(())
            })
            .await?;
        Ok(kms::UpdateAliasOutput {})
    }
}

/// Both symmetric, both HMAC or both asymmetric, and for the same use.
fn same_kind(old: &KeyRecord, new: &KeyRecord) -> bool {
    old.usage == new.usage && spec::facts(old.spec).class == spec::facts(new.spec).class
}
