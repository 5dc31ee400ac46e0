//! `GetGroup`: a group and its members.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::fold;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetGroup;

impl Operation for GetGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::GetGroup);
    type Input = iam::GetGroupInput;
    type Output = iam::GetGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Group(&input.group_name), &Asked::default())?;
        let group = holders::find::<GroupRecord>(&account, &input.group_name)?;
        let members = account.members_of(&group.naming.id);
        let items =
            members.map(|user| (fold(&user.naming.name), shown::user_listed(&account, cx.partition(), &user.entity)));
        let page = cx.page(&group.naming.id, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::GetGroupOutput {
            group: shown::group(&account, cx.partition(), group),
            users: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
