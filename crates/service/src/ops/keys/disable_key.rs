//! `DisableKey`: makes a key `Disabled`; one that is already stays so.

use strongroom_core::generated::{KeyState, OpName};
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct DisableKey;

impl Operation for DisableKey {
    const NAME: OpName = OpName::DisableKey;
    type Input = kms::DisableKeyInput;
    type Output = kms::DisableKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                record.state = KeyState::Disabled;
                Ok(())
            })
            .await?;
        Ok(kms::DisableKeyOutput {})
    }
}
