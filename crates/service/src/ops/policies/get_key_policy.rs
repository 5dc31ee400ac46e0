//! `GetKeyPolicy`: a key's policy, printed as AWS prints it.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::no_such_policy;
use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, POLICY_NAME, no_such_key};

pub(crate) struct GetKeyPolicy;

impl Operation for GetKeyPolicy {
    const NAME: OpName = OpName::GetKeyPolicy;
    type Input = kms::GetKeyPolicyInput;
    type Output = kms::GetKeyPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let name = input.policy_name.as_deref().unwrap_or(POLICY_NAME);
        let asked = Asked { policy_name: Some(name), ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        if name != POLICY_NAME {
            return Err(no_such_policy());
        }
        let arn = &key.resource().arn;
        let entry = cx.keyring().entry(arn).await?.ok_or_else(|| no_such_key(arn))?;
        let text = cx.node.directory.shown_text(entry.policy(), &entry.record.policy_principals).await?;
        Ok(kms::GetKeyPolicyOutput { policy: Some(text), policy_name: Some(name.to_owned()) })
    }
}
