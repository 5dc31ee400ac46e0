//! `PutUserPolicy`: writes an inline policy of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct PutUserPolicy;

impl Operation for PutUserPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::PutUserPolicy);
    type Input = iam::PutUserPolicyInput;
    type Output = iam::PutUserPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &Asked::default())?;
            holders::put_inline::<UserRecord>(draft, &input.user_name, &input.policy_name, &input.policy_document)?;
            Ok(iam::PutUserPolicyOutput)
        })
        .await
    }
}
