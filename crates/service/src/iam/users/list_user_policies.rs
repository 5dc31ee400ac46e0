//! `ListUserPolicies`: the names of the inline policies of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListUserPolicies;

impl Operation for ListUserPolicies {
    const NAME: OpName = OpName::Iam(iam::OpName::ListUserPolicies);
    type Input = iam::ListUserPoliciesInput;
    type Output = iam::ListUserPoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::User(&input.user_name), &Asked::default())?;
        let owner = &holders::Holder::own(&holders::find::<UserRecord>(&account, &input.user_name)?.entity).id;
        let names = account.inline_of(owner).map(|(name, _)| (name.to_owned(), name.to_owned()));
        let page = cx.page(owner, input.marker.as_deref(), input.max_items, names)?;
        Ok(iam::ListUserPoliciesOutput {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
