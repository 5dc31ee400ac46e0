//! `DeleteGroupPolicy`: deletes an inline policy of a group.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteGroupPolicy;

impl Operation for DeleteGroupPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteGroupPolicy);
    type Input = iam::DeleteGroupPolicyInput;
    type Output = iam::DeleteGroupPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &Asked::default())?;
            holders::delete_inline::<GroupRecord>(draft, &input.group_name, &input.policy_name)?;
            Ok(iam::DeleteGroupPolicyOutput)
        })
        .await
    }
}
