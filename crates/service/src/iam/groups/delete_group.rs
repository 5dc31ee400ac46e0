//! `DeleteGroup`: deletes a group without members and policies.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::fold;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteGroup;

impl Operation for DeleteGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteGroup);
    type Input = iam::DeleteGroupInput;
    type Output = iam::DeleteGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::Group(&input.group_name), &Asked::default())?;
            let group = holders::find::<GroupRecord>(account, &input.group_name)?;
            holders::check_without_policies(account, &group.entity)?;
            if account.members_of(&group.naming.id).next().is_some() {
                return Err(
                    IamError::DeleteConflict("Cannot delete entity, must remove users from group first.").into()
                );
            }
            draft.remove::<GroupRecord>(&fold(&input.group_name));
            Ok(iam::DeleteGroupOutput)
        })
        .await
    }
}
