//! `ListAttachedUserPolicies`: the managed policies of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListAttachedUserPolicies;

impl Operation for ListAttachedUserPolicies {
    const NAME: OpName = OpName::Iam(iam::OpName::ListAttachedUserPolicies);
    type Input = iam::ListAttachedUserPoliciesInput;
    type Output = iam::ListAttachedUserPoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::User(&input.user_name), &Asked::default())?;
        let holder = &holders::find::<UserRecord>(&account, &input.user_name)?.entity;
        let attached = holders::Holder::attached(holder);
        let prefix = input.path_prefix.as_deref();
        let items = shown::attached_policies(&account, cx.partition(), attached, prefix);
        let list = format!("{}{}", holders::Holder::own(holder).id, prefix.unwrap_or("/"));
        let page = cx.page(&list, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListAttachedUserPoliciesOutput {
            attached_policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
