//! `ListUsers`: the users of the account, or those under a path.

use strongroom_wire::query::{OpName, iam};

use crate::iam::shown;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListUsers;

impl Operation for ListUsers {
    const NAME: OpName = OpName::Iam(iam::OpName::ListUsers);
    type Input = iam::ListUsersInput;
    type Output = iam::ListUsersOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        cx.authorize_target(&account, &Target::Named { noun: "user", path: prefix, name: "" }, &Asked::default())?;
        let under = account.users.iter().filter(|(_, own)| own.naming.path.starts_with(prefix));
        let items = under.map(|(key, own)| (key.to_string(), shown::user_listed(&account, cx.partition(), own)));
        let page = cx.page(prefix, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListUsersOutput { users: page.items, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
