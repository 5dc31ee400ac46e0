//! `ListGroups`: the groups of the account, or those under a path.

use strongroom_wire::query::{OpName, iam};

use crate::iam::shown;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListGroups;

impl Operation for ListGroups {
    const NAME: OpName = OpName::Iam(iam::OpName::ListGroups);
    type Input = iam::ListGroupsInput;
    type Output = iam::ListGroupsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        cx.authorize_target(&account, &Target::Named { noun: "group", path: prefix, name: "" }, &Asked::default())?;
        let under = account.groups.iter().filter(|(_, own)| own.naming.path.starts_with(prefix));
        let items = under.map(|(key, own)| (key.to_string(), shown::group(&account, cx.partition(), own)));
        let page = cx.page(prefix, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListGroupsOutput { groups: page.items, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
