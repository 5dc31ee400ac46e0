//! `RevokeGrant`: ends a grant by permission of the key's policy.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::read_grant_id;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName, no_such_grant, no_such_key};
use crate::ops::crypto::end_dry_run;

pub(crate) struct RevokeGrant;

impl Operation for RevokeGrant {
    const NAME: OpName = OpName::RevokeGrant;
    type Input = kms::RevokeGrantInput;
    type Output = kms::RevokeGrantOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        KeyName::refuse_alias(&input.key_id)?;
        let id = read_grant_id(&input.grant_id)?;
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.check_state(key.resource())?;

        let arn = &key.resource().arn;
        let entry = cx.keyring().entry(arn).await?.ok_or_else(|| no_such_key(arn))?;
        entry.grants.get(id).ok_or_else(|| no_such_grant(id))?;
        end_dry_run(input.dry_run)?;
        cx.keyring().delete_grant(&key, id).await?;
        Ok(kms::RevokeGrantOutput {})
    }
}
