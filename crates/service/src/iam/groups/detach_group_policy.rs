//! `DetachGroupPolicy`: detaches a managed policy from a group.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DetachGroupPolicy;

impl Operation for DetachGroupPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DetachGroupPolicy);
    type Input = iam::DetachGroupPolicyInput;
    type Output = iam::DetachGroupPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &asked)?;
            holders::detach::<GroupRecord>(draft, &input.group_name, &input.policy_arn)?;
            Ok(iam::DetachGroupPolicyOutput)
        })
        .await
    }
}
