//! `PutGroupPolicy`: writes an inline policy of a group.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct PutGroupPolicy;

impl Operation for PutGroupPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::PutGroupPolicy);
    type Input = iam::PutGroupPolicyInput;
    type Output = iam::PutGroupPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &Asked::default())?;
            holders::put_inline::<GroupRecord>(draft, &input.group_name, &input.policy_name, &input.policy_document)?;
            Ok(iam::PutGroupPolicyOutput)
        })
        .await
    }
}
