//! `EnableKeyRotation`: new material every 90 to 2560 days. On a key that rotates already it sets another period, which
//! begins with the call.

use strongroom_core::generated::{KeySpec, OpName};
use strongroom_core::key::AutomaticRotation;
use strongroom_wire::kms;

use super::check_made_here;
use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_no_replica};

/// The days that AWS assumes; those of a call are within the bounds of the shape.
const DEFAULT_PERIOD_DAYS: u32 = 365;

pub(crate) struct EnableKeyRotation;

impl Operation for EnableKeyRotation {
    const NAME: OpName = OpName::EnableKeyRotation;
    type Input = kms::EnableKeyRotationInput;
    type Output = kms::EnableKeyRotationOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let period_days = match input.rotation_period_in_days {
            Some(days) => u32::try_from(days).map_err(|_| OpError::invalid("RotationPeriodInDays is negative."))?,
            None => DEFAULT_PERIOD_DAYS,
        };
        let asked = Asked { rotation_period_in_days: Some(period_days), ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        cx.keyring()
            .change_family(&key, |family| {
                let record = family.named();
                cx.check_state(record)?;
                if record.spec != KeySpec::SymmetricDefault {
                    return Err(OpError::UNSUPPORTED);
                }
                check_made_here(record)?;
                check_no_replica(record)?;
                family.set_automatic_rotation(Some(AutomaticRotation::starting(period_days, cx.now)));
                Ok(())
            })
            .await?;
        Ok(kms::EnableKeyRotationOutput)
    }
}
