//! `DeleteUserPermissionsBoundary`: removes the permissions boundary of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteUserPermissionsBoundary;

impl Operation for DeleteUserPermissionsBoundary {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteUserPermissionsBoundary);
    type Input = iam::DeleteUserPermissionsBoundaryInput;
    type Output = iam::DeleteUserPermissionsBoundaryOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &Asked::default())?;
            holders::set_boundary::<UserRecord>(draft, &input.user_name, None)?;
            Ok(iam::DeleteUserPermissionsBoundaryOutput)
        })
        .await
    }
}
