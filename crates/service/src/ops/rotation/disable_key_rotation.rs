//! `DisableKeyRotation`: the material stays as it is. Keys that cannot rotate are told nothing (behaviours 4.5), but for
//! those whose material is not made here.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::check_made_here;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_no_replica};

pub(crate) struct DisableKeyRotation;

impl Operation for DisableKeyRotation {
    const NAME: OpName = OpName::DisableKeyRotation;
    type Input = kms::DisableKeyRotationInput;
    type Output = kms::DisableKeyRotationOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        cx.keyring()
            .change_family(&key, |family| {
                let record = family.named();
                cx.check_state(record)?;
                check_made_here(record)?;
                check_no_replica(record)?;
                family.set_automatic_rotation(None);
                Ok(())
            })
            .await?;
        Ok(kms::DisableKeyRotationOutput)
    }
}
