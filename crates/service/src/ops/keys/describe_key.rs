//! `DescribeKey`: the metadata of one key, in every state.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, key_metadata};

pub(crate) struct DescribeKey;

impl Operation for DescribeKey {
    const NAME: OpName = OpName::DescribeKey;
    type Input = kms::DescribeKeyInput;
    type Output = kms::DescribeKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::All, input.grant_tokens.as_deref()).await?;
        Ok(kms::DescribeKeyOutput { key_metadata: Some(key_metadata(key.resource())) })
    }
}
