//! `AttachRolePolicy`: attaches a managed policy to a role; once is enough.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct AttachRolePolicy;

impl Operation for AttachRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::AttachRolePolicy);
    type Input = iam::AttachRolePolicyInput;
    type Output = iam::AttachRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &asked)?;
            holders::attach::<Role>(draft, &input.role_name, &input.policy_arn)?;
            Ok(iam::AttachRolePolicyOutput)
        })
        .await
    }
}
