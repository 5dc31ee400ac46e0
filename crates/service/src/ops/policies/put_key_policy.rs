//! `PutKeyPolicy`: replaces a key's policy as a whole, in every state of the key.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::{SHARING_POLICY_NAME, no_such_policy};
use crate::context::{Asked, Subject};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, POLICY_NAME, read_policy};

pub(crate) struct PutKeyPolicy;

impl Operation for PutKeyPolicy {
    const NAME: OpName = OpName::PutKeyPolicy;
    type Input = kms::PutKeyPolicyInput;
    type Output = kms::PutKeyPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let name = input.policy_name.as_deref().unwrap_or(POLICY_NAME);
        let insists = input.bypass_policy_lockout_safety_check;
        let asked = Asked {
            policy_name: Some(name),
            bypass_policy_lockout_safety_check: Some(insists.unwrap_or(false)),
            ..Asked::default()
        };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;

        match name {
            POLICY_NAME => {}
            SHARING_POLICY_NAME => {
                return Err(OpError::invalid("The AWS_RAM policy can only be managed by the RAM service"));
            }
            _ => return Err(no_such_policy()),
        }
        let policy = read_policy(&input.policy)?;
        let principals = cx.policy_principals(&policy).await?;
        let record = key.resource();
        cx.check_lockout(policy, &record.arn, Subject::Key(record, &[]), insists)?;

        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                record.policy = input.policy.as_str().into();
                record.policy_principals.clone_from(&principals);
                Ok(())
            })
            .await?;
        Ok(kms::PutKeyPolicyOutput {})
    }
}
