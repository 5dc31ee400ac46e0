//! `PutRolePolicy`: writes an inline policy of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct PutRolePolicy;

impl Operation for PutRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::PutRolePolicy);
    type Input = iam::PutRolePolicyInput;
    type Output = iam::PutRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &Asked::default())?;
            holders::put_inline::<Role>(draft, &input.role_name, &input.policy_name, &input.policy_document)?;
            Ok(iam::PutRolePolicyOutput)
        })
        .await
    }
}
