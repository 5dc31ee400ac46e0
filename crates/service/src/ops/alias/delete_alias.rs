//! `DeleteAlias`: takes the name away; the key stays as it is.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::{ASK_TRIES, authorize_alias, authorize_present_key};
use crate::error::OpError;
use crate::frame::{Cx, Operation};

pub(crate) struct DeleteAlias;

impl Operation for DeleteAlias {
    const NAME: OpName = OpName::DeleteAlias;
    type Input = kms::DeleteAliasInput;
    type Output = kms::DeleteAliasOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Both the alias and its key must allow it.
        let alias = authorize_alias(cx, &input.alias_name).await?;
        let arn = alias.resource();
        for _ in 0..ASK_TRIES {
            let key = authorize_present_key(cx, arn).await?;
            if cx.keyring().delete_alias(arn, key.resource().arn.key).await? {
                return Ok(kms::DeleteAliasOutput {});
            }
        }
        Err(OpError::Throttled)
    }
}
