//! `DeleteRolePermissionsBoundary`: removes the permissions boundary of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteRolePermissionsBoundary;

impl Operation for DeleteRolePermissionsBoundary {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteRolePermissionsBoundary);
    type Input = iam::DeleteRolePermissionsBoundaryInput;
    type Output = iam::DeleteRolePermissionsBoundaryOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &Asked::default())?;
            holders::set_boundary::<Role>(draft, &input.role_name, None)?;
            Ok(iam::DeleteRolePermissionsBoundaryOutput)
        })
        .await
    }
}
