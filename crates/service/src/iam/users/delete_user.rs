//! `DeleteUser`: deletes a user to whom nothing belongs any more.

use std::sync::Arc;

use strongroom_core::identity::{AccessKeyOwner, UserRecord};
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::fold;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteUser;

impl Operation for DeleteUser {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteUser);
    type Input = iam::DeleteUserInput;
    type Output = iam::DeleteUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::User(&input.user_name), &Asked::default())?;
            let user = holders::find::<UserRecord>(account, &input.user_name)?;
            holders::check_without_policies(account, &user.entity)?;
            let owner = AccessKeyOwner::User(Arc::clone(&user.naming.id));
            let is_configured =
                !cx.node.directory.configured_keys_of(cx.account()?, Some(&user.naming.name)).is_empty();
            if is_configured || account.access_keys_of(&owner).next().is_some() {
                return Err(IamError::DeleteConflict("Cannot delete entity, must delete access keys first.").into());
            }
            if !user.groups.is_empty() {
                return Err(
                    IamError::DeleteConflict("Cannot delete entity, must remove users from group first.").into()
                );
            }
            draft.remove::<UserRecord>(&fold(&input.user_name));
            Ok(iam::DeleteUserOutput)
        })
        .await
    }
}
