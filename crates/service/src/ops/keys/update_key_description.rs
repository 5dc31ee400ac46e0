//! `UpdateKeyDescription`: replaces a key's description.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct UpdateKeyDescription;

impl Operation for UpdateKeyDescription {
    const NAME: OpName = OpName::UpdateKeyDescription;
    type Input = kms::UpdateKeyDescriptionInput;
    type Output = kms::UpdateKeyDescriptionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                record.description.clone_from(&input.description);
                Ok(())
            })
            .await?;
        Ok(kms::UpdateKeyDescriptionOutput {})
    }
}
