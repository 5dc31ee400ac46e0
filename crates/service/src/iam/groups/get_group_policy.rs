//! `GetGroupPolicy`: an inline policy of a group.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetGroupPolicy;

impl Operation for GetGroupPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::GetGroupPolicy);
    type Input = iam::GetGroupPolicyInput;
    type Output = iam::GetGroupPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Group(&input.group_name), &Asked::default())?;
        let document = holders::inline::<GroupRecord>(&account, &input.group_name, &input.policy_name)?;
        Ok(iam::GetGroupPolicyOutput {
            policy_document: shown::document(document),
            group_name: input.group_name,
            policy_name: input.policy_name,
        })
    }
}
