//! `GetPolicyVersion`: a version of a managed policy, with its document.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{managed, rules, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetPolicyVersion;

impl Operation for GetPolicyVersion {
    const NAME: OpName = OpName::Iam(iam::OpName::GetPolicyVersion);
    type Input = iam::GetPolicyVersionInput;
    type Output = iam::GetPolicyVersionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Policy(&input.policy_arn), &Asked::default())?;
        let gone = || managed::no_such_version(&input.policy_arn, &input.version_id);
        let number = rules::read_version(&input.version_id).ok_or_else(gone)?;
        let version = match managed::find(&account, &input.policy_arn)? {
            managed::Found::Customer(_, policy) => {
                let version = policy.record.version(number).ok_or_else(gone)?;
                shown::policy_version(version, policy.record.default_version, true)
            }
            managed::Found::Aws(policy) if number == 1 => managed::only_version(policy, true),
            managed::Found::Aws(_) => return Err(gone().into()),
        };
        Ok(iam::GetPolicyVersionOutput { policy_version: Some(version) })
    }
}
