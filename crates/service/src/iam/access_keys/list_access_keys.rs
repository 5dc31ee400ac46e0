//! `ListAccessKeys`: the access keys of a user or of the root user, those of the configuration among them.

use strongroom_wire::query::{OpName, iam};

use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListAccessKeys;

impl Operation for ListAccessKeys {
    const NAME: OpName = OpName::Iam(iam::OpName::ListAccessKeys);
    type Input = iam::ListAccessKeysInput;
    type Output = iam::ListAccessKeysOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let who = cx.user_or_caller(input.user_name.as_deref())?;
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &who.target(), &Asked::default())?;
        let owner = who.owner(&account)?;
        let user_name = who.shown_name(&account);
        let entry = |id: &str, is_active: bool, created| {
            let status = if is_active { iam::StatusType::Active } else { iam::StatusType::Inactive };
            let entry = iam::AccessKeyMetadata {
                user_name: Some(user_name.clone()),
                access_key_id: Some(id.to_owned()),
                status: Some(status),
                create_date: Some(created),
            };
            (id.to_owned(), entry)
        };
        let stored = account.access_keys_of(&owner).map(|key| entry(&key.id, key.is_active, key.created));
        let configured = cx.node.directory.configured_keys_of(cx.account()?, who.user_name());
        let configured = configured.into_iter().map(|id| entry(id, true, who.created(&account)));
        let items = stored.chain(configured);
        let page = cx.page(&user_name, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListAccessKeysOutput {
            access_key_metadata: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
