//! `ListUserTags`: the tags of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListUserTags;

impl Operation for ListUserTags {
    const NAME: OpName = OpName::Iam(iam::OpName::ListUserTags);
    type Input = iam::ListUserTagsInput;
    type Output = iam::ListUserTagsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::User(&input.user_name), &Asked::default())?;
        let own = &holders::find::<UserRecord>(&account, &input.user_name)?.entity;
        let tags = shown::tags(holders::Holder::tags(own)).unwrap_or_default();
        let items = tags.into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cx.page(&holders::Holder::own(own).id, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListUserTagsOutput { tags: page.items, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
