//! `AddUserToGroup`: makes a user a member of a group; once is enough.

use std::sync::Arc;

use strongroom_core::identity::{GroupRecord, UserRecord};
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::target::Target;
use crate::iam::{holders, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct AddUserToGroup;

impl Operation for AddUserToGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::AddUserToGroup);
    type Input = iam::AddUserToGroupInput;
    type Output = iam::AddUserToGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Group(&input.group_name), &Asked::default())?;
            let group = Arc::clone(&holders::find::<GroupRecord>(draft.account(), &input.group_name)?.naming.id);
            let user = holders::find::<UserRecord>(draft.account(), &input.user_name)?;
            if user.groups.contains(&group) {
                return Ok(iam::AddUserToGroupOutput);
            }
            if user.groups.len() >= rules::GROUPS_OF_A_USER_MAX {
                return Err(IamError::quota("GroupsPerUser", rules::GROUPS_OF_A_USER_MAX).into());
            }
            holders::edit::<UserRecord, ()>(draft, &input.user_name, |user| {
                user.groups.push(group);
                Ok(())
            })?;
            Ok(iam::AddUserToGroupOutput)
        })
        .await
    }
}
