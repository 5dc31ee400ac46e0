//! `GetUser`: a user, or the caller.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::cx::Who;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetUser;

impl Operation for GetUser {
    const NAME: OpName = OpName::Iam(iam::OpName::GetUser);
    type Input = iam::GetUserInput;
    type Output = iam::GetUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let who = cx.user_or_caller(input.user_name.as_deref())?;
        cx.authorize_target(&account, &who.target(), &Asked::default())?;
        let user = match &who {
            Who::User(name) => shown::user(&account, cx.partition(), holders::find::<UserRecord>(&account, name)?),
            Who::Root => shown::root_user(cx.partition(), account.id, account.record.created),
        };
        Ok(iam::GetUserOutput { user })
    }
}
