//! `UpdateAlias`: points an alias at another key of the same class and usage.

use strongroom_core::generated::OpName;
use strongroom_core::key::KeyRecord;
use strongroom_core::{arn::AliasArn, spec};
use strongroom_wire::kms;

use super::{ASK_TRIES, authorize_alias, authorize_present_key, refuse_alias_as_target};
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
        let alias = authorize_alias(cx, &input.alias_name).await?;
        refuse_alias_as_target(&input.target_key_id)?;
        let arn = alias.resource();
        for _ in 0..ASK_TRIES {
            let old = authorize_present_key(cx, arn).await?;
            let new = cx.authorize_key(&input.target_key_id, Forms::KeyOnly, None).await?;
            let (old, new) = (old.resource(), new.resource());
            if !same_kind(old, new) {
                return Err(other_kind(arn, old, new));
            }
            cx.check_state(new)?;
            let admit = |key: &KeyRecord| cx.check_state(key);
            if cx.keyring().move_alias(arn, old.arn.key, &new.arn, cx.now, admit).await? {
                return Ok(kms::UpdateAliasOutput {});
            }
        }
        Err(OpError::Throttled)
    }
}

fn other_kind(arn: &AliasArn, old: &KeyRecord, new: &KeyRecord) -> OpError {
    let (old, new) = (old.usage, new.usage);
    OpError::Invalid(
        format!(
            "Alias {arn} cannot be changed from a CMK with key usage {old} to a CMK with key usage {new}. \
             The key type and key usage of both the current and the new CMK must be the same."
        )
        .into(),
    )
}

/// Both symmetric, both HMAC or both asymmetric, and for the same use.
fn same_kind(old: &KeyRecord, new: &KeyRecord) -> bool {
    old.usage == new.usage && spec::facts(old.spec).class == spec::facts(new.spec).class
}
