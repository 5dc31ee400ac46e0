//! `RemoveUserFromGroup`: ends a user's membership in a group.

use std::sync::Arc;

use strongroom_core::identity::{GroupRecord, UserRecord};
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct RemoveUserFromGroup;

impl Operation for RemoveUserFromGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::RemoveUserFromGroup);
    type Input = iam::RemoveUserFromGroupInput;
    type Output = iam::RemoveUserFromGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &Asked::default())?;
            let group = Arc::clone(&holders::find::<GroupRecord>(draft.account(), &input.group_name)?.naming.id);
            holders::edit::<UserRecord, ()>(draft, &input.user_name, |user| {
                let at = user.groups.iter().position(|own| *own == group).ok_or_else(|| {
                    IamError::NoSuchEntity(format!("User {} not in group {}", input.user_name, input.group_name))
                })?;
                user.groups.remove(at);
                Ok(())
            })?;
            Ok(iam::RemoveUserFromGroupOutput)
        })
        .await
    }
}
