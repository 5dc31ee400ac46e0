//! `ListGroupsForUser`: the groups that a user belongs to.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::fold;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListGroupsForUser;

impl Operation for ListGroupsForUser {
    const NAME: OpName = OpName::Iam(iam::OpName::ListGroupsForUser);
    type Input = iam::ListGroupsForUserInput;
    type Output = iam::ListGroupsForUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::User(&input.user_name), &Asked::default())?;
        let user = holders::find::<UserRecord>(&account, &input.user_name)?;
        let groups = user.groups.iter().filter_map(|id| account.group_by_id(id));
        let items =
            groups.map(|group| (fold(&group.naming.name), shown::group(&account, cx.partition(), &group.entity)));
        let page = cx.page(&user.naming.id, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListGroupsForUserOutput {
            groups: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
