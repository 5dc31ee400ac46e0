//! `TagResource`: sets tags of a key; one value per tag key.

use strongroom_core::generated::OpName;
use strongroom_core::key::Tag;
use strongroom_wire::kms;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName, TAGS_MAX, check_tags};

pub(crate) struct TagResource;

impl Operation for TagResource {
    const NAME: OpName = OpName::TagResource;
    type Input = kms::TagResourceInput;
    type Output = kms::TagResourceOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        KeyName::refuse_alias(&input.key_id)?;
        let tags = check_tags(input.tags)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;

        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                tags.iter().for_each(|tag| set(&mut record.tags, tag));
                if record.tags.len() > TAGS_MAX {
                    return Err(OpError::LimitExceeded("A key can have 50 tags at most.".into()));
                }
                Ok(())
            })
            .await?;
        Ok(kms::TagResourceOutput {})
    }
}

fn set(tags: &mut Vec<Tag>, tag: &Tag) {
    match tags.iter_mut().find(|own| own.key == tag.key) {
        Some(own) => own.value.clone_from(&tag.value),
        None => tags.push(tag.clone()),
    }
}
