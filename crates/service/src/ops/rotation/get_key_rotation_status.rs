//! `GetKeyRotationStatus`: whether and when a key rotates by itself.
//!
//! A rotation on demand is done when its call returns, so none is ever seen in progress. Imported material never rotates by
//! itself, and the answer says so.

use strongroom_core::generated::{KeyState, OpName};
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_rotates};

pub(crate) struct GetKeyRotationStatus;

impl Operation for GetKeyRotationStatus {
    const NAME: OpName = OpName::GetKeyRotationStatus;
    type Input = kms::GetKeyRotationStatusInput;
    type Output = kms::GetKeyRotationStatusOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let record = key.resource();
        cx.check_state(record)?;
        check_rotates(record)?;
        // A key that is about to vanish does not rotate; what it was set to comes back when the deletion is cancelled.
        let is_vanishing = matches!(record.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
        let automatic = record.rotation.automatic.filter(|_| !is_vanishing);
        Ok(kms::GetKeyRotationStatusOutput {
            key_rotation_enabled: Some(automatic.is_some()),
            key_id: Some(record.arn.to_string()),
            rotation_period_in_days: automatic.and_then(|automatic| i32::try_from(automatic.period_days).ok()),
            next_rotation_date: automatic.map(|automatic| automatic.next),
            on_demand_rotation_start_date: None,
        })
    }
}
