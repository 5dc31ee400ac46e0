//! `GetRolePolicy`: an inline policy of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetRolePolicy;

impl Operation for GetRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::GetRolePolicy);
    type Input = iam::GetRolePolicyInput;
    type Output = iam::GetRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Role(&input.role_name), &Asked::default())?;
        let document = holders::inline::<Role>(&account, &input.role_name, &input.policy_name)?;
        Ok(iam::GetRolePolicyOutput {
            policy_document: shown::document(document),
            role_name: input.role_name,
            policy_name: input.policy_name,
        })
    }
}
