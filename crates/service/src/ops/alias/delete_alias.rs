//! `DeleteAlias`: takes the name away; the key stays as it is.

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::authorize_alias;
use crate::error::OpError;
use crate::frame::{Cx, Operation};

pub(crate) struct DeleteAlias;

impl Operation for DeleteAlias {
    const NAME: OpName = OpName::DeleteAlias;
    type Input = kms::DeleteAliasInput;
    type Output = kms::DeleteAliasOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Both the alias and its key must allow it.
        let alias = authorize_alias(cx, &input.alias_name)?;
        let arn = alias.resource();
        let present = cx.keyring().alias(arn).await?.ok_or_else(|| crate::keys::no_such_alias(arn))?;
        let key = KeyArn { account: arn.account, region: arn.region, key: present.target };
        let _key = cx.authorize_own_key(&key).await?;
        cx.keyring().delete_alias(arn).await?;
        Ok(kms::DeleteAliasOutput {})
    }
}
