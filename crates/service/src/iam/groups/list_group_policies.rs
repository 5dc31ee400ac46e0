//! `ListGroupPolicies`: the names of the inline policies of a group.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListGroupPolicies;

impl Operation for ListGroupPolicies {
    const NAME: OpName = OpName::Iam(iam::OpName::ListGroupPolicies);
    type Input = iam::ListGroupPoliciesInput;
    type Output = iam::ListGroupPoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Group(&input.group_name), &Asked::default())?;
        let owner = &holders::Holder::own(&holders::find::<GroupRecord>(&account, &input.group_name)?.entity).id;
        let names = account.inline_of(owner).map(|(name, _)| (name.to_owned(), name.to_owned()));
        let page = cx.page(owner, input.marker.as_deref(), input.max_items, names)?;
        Ok(iam::ListGroupPoliciesOutput {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
