//! `UntagResource`: takes tags away from a key; those that it has not are passed over.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct UntagResource;

impl Operation for UntagResource {
    const NAME: OpName = OpName::UntagResource;
    type Input = kms::UntagResourceInput;
    type Output = kms::UntagResourceOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let asked = Asked { tag_keys: &input.tag_keys, ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                record.tags.retain(|tag| !input.tag_keys.contains(&tag.key));
                Ok(())
            })
            .await?;
        Ok(kms::UntagResourceOutput {})
    }
}
