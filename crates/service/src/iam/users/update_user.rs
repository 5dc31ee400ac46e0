//! `UpdateUser`: gives a user another name or path; its unique id and all that it has stay.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateUser;

impl Operation for UpdateUser {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateUser);
    type Input = iam::UpdateUserInput;
    type Output = iam::UpdateUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::User(&input.user_name), &Asked::default())?;
            // Who moves something needs the right to both places.
            let own = &holders::Holder::own(&holders::find::<UserRecord>(account, &input.user_name)?.entity);
            let path = input.new_path.as_deref().unwrap_or(&own.path).to_owned();
            let name = input.new_user_name.as_deref().unwrap_or(&own.name).to_owned();
            let moved = Target::Named { noun: "user", path: &path, name: &name };
            cx.authorize_target(account, &moved, &Asked::default())?;
            if input.new_user_name.is_some() {
                cx.check_not_configured(&own.name)?;
            }
            holders::rename::<UserRecord>(
                draft,
                &input.user_name,
                input.new_user_name.as_deref(),
                input.new_path.as_deref(),
            )?;
            Ok(iam::UpdateUserOutput)
        })
        .await
    }
}
