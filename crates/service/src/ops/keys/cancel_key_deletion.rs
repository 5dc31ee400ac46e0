//! `CancelKeyDeletion`: ends the waiting period; the key is then disabled, whatever it was before, or waits
//! for imported material that it lacks.

use strongroom_core::generated::OpName;
use strongroom_core::state::{self, Admission};
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, no_such_key};

pub(crate) struct CancelKeyDeletion;

impl Operation for CancelKeyDeletion {
    const NAME: OpName = OpName::CancelKeyDeletion;
    type Input = kms::CancelKeyDeletionInput;
    type Output = kms::CancelKeyDeletionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.keyring()
            .change_key(&key, |record| {
                // The text is that of the operation here, not that of the state.
                if state::admit(cx.op, record.state) != Admission::Admit {
                    return Err(OpError::NotPendingDeletion(record.arn));
                }
                // Its date has come: what is left of it is being destroyed.
                if record.is_to_be_destroyed(cx.now) {
                    return Err(no_such_key(&record.arn));
                }
                record.cancel_deletion();
                Ok(())
            })
            .await?;
        Ok(kms::CancelKeyDeletionOutput { key_id: Some(key.resource().arn.to_string()) })
    }
}
