//! `ListKeyPolicies`: the names of a key's policies, of which there is one.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, POLICY_NAME};

pub(crate) struct ListKeyPolicies;

impl Operation for ListKeyPolicies {
    const NAME: OpName = OpName::ListKeyPolicies;
    type Input = kms::ListKeyPoliciesInput;
    type Output = kms::ListKeyPoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let _key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        Ok(kms::ListKeyPoliciesOutput {
            policy_names: Some(vec![POLICY_NAME.to_owned()]),
            next_marker: None,
            truncated: Some(false),
        })
    }
}
