//! `ListRolePolicies`: the names of the inline policies of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListRolePolicies;

impl Operation for ListRolePolicies {
    const NAME: OpName = OpName::Iam(iam::OpName::ListRolePolicies);
    type Input = iam::ListRolePoliciesInput;
    type Output = iam::ListRolePoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Role(&input.role_name), &Asked::default())?;
        let owner = &holders::Holder::own(&holders::find::<Role>(&account, &input.role_name)?.entity).id;
        let names = account.inline_of(owner).map(|(name, _)| (name.to_owned(), name.to_owned()));
        let page = cx.page(owner, input.marker.as_deref(), input.max_items, names)?;
        Ok(iam::ListRolePoliciesOutput {
            policy_names: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
