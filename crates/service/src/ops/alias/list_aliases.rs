//! `ListAliases`: the aliases of the caller's account in the request's Region, or of one key.

use std::sync::Arc;

use strongroom_core::generated::OpName;
use strongroom_core::ids::KeyId;
use strongroom_core::key::AliasRecord;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::explain::Rule;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName};
use crate::paging::{Page, check_documented_limit};

const DEFAULT_LIMIT: usize = 50;
const LIMIT_MAX: i32 = 100;

pub(crate) struct ListAliases;

impl Operation for ListAliases {
    const NAME: OpName = OpName::ListAliases;
    type Input = kms::ListAliasesInput;
    type Output = kms::ListAliasesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        if let Some(text) = &input.key_id {
            KeyName::refuse_alias(text)?;
        }
        check_documented_limit(input.limit, LIMIT_MAX)?;
        let _proof = cx.authorize_account().await?;
        let key = match &input.key_id {
            Some(text) => Some(own_key(cx, text).await?),
            None => None,
        };
        let list = format!("{}/{}/{}", cx.account, cx.region, key.as_ref().map_or("", KeyId::as_str));
        let page = Page::read(cx, &list, input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;
        let mut found = cx.keyring().list_aliases(cx.account, cx.region, key, page.after(), page.fetch()).await?;
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        Ok(kms::ListAliasesOutput {
            aliases: Some(found.iter().map(|(alias, _)| entry(alias)).collect()),
            truncated: Some(next_marker.is_some()),
            next_marker,
        })
    }
}

/// The key to list the aliases of. Its policy has no say (behaviours 7.10), but it must be there and be the caller's.
async fn own_key(cx: &Cx<'_>, text: &str) -> Result<KeyId, OpError> {
    let name = KeyName::read(text, Forms::KeyOnly, cx.account, cx.region)?;
    if name.owner() != cx.account {
        return Err(cx.refuse(name.owner(), &name.arn(), Rule::OtherAccount).into());
    }
    Ok(cx.find_key(cx.action(), &name).await?.record.arn.key)
}

fn entry(alias: &Arc<AliasRecord>) -> kms::AliasListEntry {
    kms::AliasListEntry {
        alias_name: Some(alias.arn.alias.to_string()),
        alias_arn: Some(alias.arn.to_string()),
        target_key_id: Some(alias.target.to_string()),
        creation_date: Some(alias.creation_date),
        last_updated_date: Some(alias.last_updated_date),
    }
}
