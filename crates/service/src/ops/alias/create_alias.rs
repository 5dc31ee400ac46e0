//! `CreateAlias`: a name for a key of the same account and Region.

use strongroom_core::generated::OpName;
use strongroom_core::key::AliasRecord;
use strongroom_wire::kms;

use super::{authorize_alias, refuse_alias_as_target};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct CreateAlias;

impl Operation for CreateAlias {
    const NAME: OpName = OpName::CreateAlias;
    type Input = kms::CreateAliasInput;
    type Output = kms::CreateAliasOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Both the alias and its key must allow it.
        let alias = authorize_alias(cx, &input.alias_name).await?;
        refuse_alias_as_target(&input.target_key_id)?;
        let key = cx.authorize_key(&input.target_key_id, Forms::KeyOnly, None).await?;

        let target = key.resource().arn;
        let record = AliasRecord {
            arn: alias.into_resource(),
            target: target.key,
            creation_date: cx.now,
            last_updated_date: cx.now,
        };
        cx.keyring().insert_alias(record, |key| cx.check_state(key)).await?;
        Ok(kms::CreateAliasOutput {})
    }
}
