//! `ListKeys`: the keys of the caller's account in the request's Region, in any state.

use strongroom_core::generated::{OpName, ResourceOwnerType};
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::paging::Page;

const DEFAULT_LIMIT: usize = 100;

pub(crate) struct ListKeys;

impl Operation for ListKeys {
    const NAME: OpName = OpName::ListKeys;
    type Input = kms::ListKeysInput;
    type Output = kms::ListKeysOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let _proof = cx.authorize_account().await?;
        let owners = input.resource_owners.as_deref().unwrap_or(&[ResourceOwnerType::SelfAccount]);
        let own = owners.contains(&ResourceOwnerType::SelfAccount);
        let list = format!("{}/{}/{own}/{}", cx.account, cx.region, owners.len());
        let page = Page::read(cx, &list, input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;

        // No key is ever shared through RAM here, so the second kind of owner has none.
        let mut found = match own {
            true => cx.keyring().list_keys(cx.account, cx.region, page.after(), page.fetch()).await?,
            false => Vec::new(),
        };
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        let entry = |arn: strongroom_core::arn::KeyArn| kms::KeyListEntry {
            key_id: Some(arn.key.to_string()),
            key_arn: Some(arn.to_string()),
        };
        Ok(kms::ListKeysOutput {
            keys: Some(found.into_iter().map(|(arn, _)| entry(arn)).collect()),
            truncated: Some(next_marker.is_some()),
            next_marker,
        })
    }
}
