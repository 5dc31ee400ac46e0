//! `PutUserPermissionsBoundary`: sets the permissions boundary of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct PutUserPermissionsBoundary;

impl Operation for PutUserPermissionsBoundary {
    const NAME: OpName = OpName::Iam(iam::OpName::PutUserPermissionsBoundary);
    type Input = iam::PutUserPermissionsBoundaryInput;
    type Output = iam::PutUserPermissionsBoundaryOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let boundary = Some(&*input.permissions_boundary);
        let asked = Asked { permissions_boundary: boundary, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &asked)?;
            holders::set_boundary::<UserRecord>(draft, &input.user_name, boundary)?;
            Ok(iam::PutUserPermissionsBoundaryOutput)
        })
        .await
    }
}
