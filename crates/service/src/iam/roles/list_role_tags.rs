//! `ListRoleTags`: the tags of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListRoleTags;

impl Operation for ListRoleTags {
    const NAME: OpName = OpName::Iam(iam::OpName::ListRoleTags);
    type Input = iam::ListRoleTagsInput;
    type Output = iam::ListRoleTagsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Role(&input.role_name), &Asked::default())?;
        let own = &holders::find::<Role>(&account, &input.role_name)?.entity;
        let tags = shown::tags(holders::Holder::tags(own)).unwrap_or_default();
        let items = tags.into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cx.page(&holders::Holder::own(own).id, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListRoleTagsOutput { tags: page.items, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
