//! `PutRolePermissionsBoundary`: sets the permissions boundary of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct PutRolePermissionsBoundary;

impl Operation for PutRolePermissionsBoundary {
    const NAME: OpName = OpName::Iam(iam::OpName::PutRolePermissionsBoundary);
    type Input = iam::PutRolePermissionsBoundaryInput;
    type Output = iam::PutRolePermissionsBoundaryOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let boundary = Some(&*input.permissions_boundary);
        let asked = Asked { permissions_boundary: boundary, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &asked)?;
            holders::set_boundary::<Role>(draft, &input.role_name, boundary)?;
            Ok(iam::PutRolePermissionsBoundaryOutput)
        })
        .await
    }
}
