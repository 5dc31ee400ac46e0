//! `AttachGroupPolicy`: attaches a managed policy to a group; once is enough.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct AttachGroupPolicy;

impl Operation for AttachGroupPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::AttachGroupPolicy);
    type Input = iam::AttachGroupPolicyInput;
    type Output = iam::AttachGroupPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &asked)?;
            holders::attach::<GroupRecord>(draft, &input.group_name, &input.policy_arn)?;
            Ok(iam::AttachGroupPolicyOutput)
        })
        .await
    }
}
