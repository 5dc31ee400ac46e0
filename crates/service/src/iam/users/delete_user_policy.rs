//! `DeleteUserPolicy`: deletes an inline policy of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteUserPolicy;

impl Operation for DeleteUserPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteUserPolicy);
    type Input = iam::DeleteUserPolicyInput;
    type Output = iam::DeleteUserPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &Asked::default())?;
            holders::delete_inline::<UserRecord>(draft, &input.user_name, &input.policy_name)?;
            Ok(iam::DeleteUserPolicyOutput)
        })
        .await
    }
}
