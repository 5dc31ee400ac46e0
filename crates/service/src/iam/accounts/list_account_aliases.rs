//! `ListAccountAliases`: the alias of the account, which the operator gave it.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListAccountAliases;

impl Operation for ListAccountAliases {
    const NAME: OpName = OpName::Iam(iam::OpName::ListAccountAliases);
    type Input = iam::ListAccountAliasesInput;
    type Output = iam::ListAccountAliasesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Everything, &Asked::default())?;
        let items = account.record.alias.iter().map(|alias| (alias.clone(), alias.clone()));
        let page = cx.page("", input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListAccountAliasesOutput {
            account_aliases: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
