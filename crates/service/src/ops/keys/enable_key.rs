//! `EnableKey`: makes a key `Enabled`; one that is already stays so.

use strongroom_core::generated::{KeyState, OpName};
use strongroom_wire::kms;

use crate::audit::service_events::of_passed;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, let_time_pass};

pub(crate) struct EnableKey;

impl Operation for EnableKey {
    const NAME: OpName = OpName::EnableKey;
    type Input = kms::EnableKeyInput;
    type Output = kms::EnableKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.keyring().ensure_account_key(key.resource().arn.account).await?;
        let passed = cx
            .keyring()
            .change_family(&key, |family| {
                cx.check_state(family.named())?;
                family.named_mut().state = KeyState::Enabled;
                // A rotation that was missed while the key was disabled happens now.
                let passed = let_time_pass(family, cx.vault(), cx.now, cx.rng())?;
                cx.entry.set_besides(of_passed(family.named(), &passed, cx.now));
                Ok(passed)
            })
            .await?;
        for id in &passed.expired {
            cx.vault().forget_material(&key.resource().arn, *id);
        }
        Ok(kms::EnableKeyOutput {})
    }
}
