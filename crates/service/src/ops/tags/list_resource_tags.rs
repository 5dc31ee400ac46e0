//! `ListResourceTags`: the tags of a key, by their keys.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;
use crate::paging::{Page, check_documented_limit};

const DEFAULT_LIMIT: usize = 50;
const LIMIT_MAX: i32 = 50;

pub(crate) struct ListResourceTags;

impl Operation for ListResourceTags {
    const NAME: OpName = OpName::ListResourceTags;
    type Input = kms::ListResourceTagsInput;
    type Output = kms::ListResourceTagsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        check_documented_limit(input.limit, LIMIT_MAX)?;
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let record = key.resource();
        let page = Page::read(cx, &record.arn.to_string(), input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;

        let mut found: Vec<_> = record.tags.iter().map(|tag| (tag, tag.key.clone().into_bytes())).collect();
        found.retain(|(_, name)| page.after().is_none_or(|after| name.as_slice() > after));
        found.sort_unstable_by(|(_, left), (_, right)| left.cmp(right));
        found.truncate(page.fetch());
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        let shown = |(tag, _): (&strongroom_core::key::Tag, Vec<u8>)| kms::Tag {
            tag_key: tag.key.clone(),
            tag_value: tag.value.clone(),
        };
        Ok(kms::ListResourceTagsOutput {
            tags: Some(found.into_iter().map(shown).collect()),
            truncated: Some(next_marker.is_some()),
            next_marker,
        })
    }
}
