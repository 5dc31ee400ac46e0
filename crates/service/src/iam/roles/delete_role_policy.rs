//! `DeleteRolePolicy`: deletes an inline policy of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteRolePolicy;

impl Operation for DeleteRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteRolePolicy);
    type Input = iam::DeleteRolePolicyInput;
    type Output = iam::DeleteRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &Asked::default())?;
            holders::delete_inline::<Role>(draft, &input.role_name, &input.policy_name)?;
            Ok(iam::DeleteRolePolicyOutput)
        })
        .await
    }
}
