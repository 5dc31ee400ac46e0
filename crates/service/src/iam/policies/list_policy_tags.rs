//! `ListPolicyTags`: the tags of a managed policy.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{managed, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListPolicyTags;

impl Operation for ListPolicyTags {
    const NAME: OpName = OpName::Iam(iam::OpName::ListPolicyTags);
    type Input = iam::ListPolicyTagsInput;
    type Output = iam::ListPolicyTagsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Policy(&input.policy_arn), &Asked::default())?;
        let tags = match managed::find(&account, &input.policy_arn)? {
            managed::Found::Customer(_, policy) => shown::tags(&policy.record.tags).unwrap_or_default(),
            managed::Found::Aws(_) => Vec::new(),
        };
        let items = tags.into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cx.page(&input.policy_arn, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListPolicyTagsOutput { tags: page.items, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
