//! `GetPolicy`: a managed policy, without its document.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{managed, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetPolicy;

impl Operation for GetPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::GetPolicy);
    type Input = iam::GetPolicyInput;
    type Output = iam::GetPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Policy(&input.policy_arn), &Asked::default())?;
        let usage = shown::Usage::of(&account);
        let policy = match managed::find(&account, &input.policy_arn)? {
            managed::Found::Customer(key, policy) => shown::policy(&account, cx.partition(), &usage, &key, policy),
            managed::Found::Aws(policy) => iam::Policy {
                description: Some(policy.description.to_owned()),
                tags: Some(Vec::new()),
                ..shown::aws_policy(&account, cx.partition(), &usage, policy)
            },
        };
        Ok(iam::GetPolicyOutput { policy: Some(policy) })
    }
}
