//! `DetachRolePolicy`: detaches a managed policy from a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DetachRolePolicy;

impl Operation for DetachRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DetachRolePolicy);
    type Input = iam::DetachRolePolicyInput;
    type Output = iam::DetachRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &asked)?;
            holders::detach::<Role>(draft, &input.role_name, &input.policy_arn)?;
            Ok(iam::DetachRolePolicyOutput)
        })
        .await
    }
}
