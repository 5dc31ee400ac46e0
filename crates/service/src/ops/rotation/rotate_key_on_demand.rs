//! `RotateKeyOnDemand`: new material now. Done when the call returns; the automatic schedule stays as it was.

use strongroom_core::generated::{OpName, Origin, RotationType};
use strongroom_core::key::{KeyMaterial, KeyRecord};
use strongroom_wire::kms;

use crate::audit::service_events::rotate_key;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_rotates};

/// Rotations on demand in a key's life (behaviours 12.2).
const ON_DEMAND_MAX: u32 = 25;
/// An automatic rotation that is nearer than this is waited for (behaviours 8.2).
const CONFLICT_MILLIS: i64 = 20 * 60 * 1000;

pub(crate) struct RotateKeyOnDemand;

impl Operation for RotateKeyOnDemand {
    const NAME: OpName = OpName::RotateKeyOnDemand;
    type Input = kms::RotateKeyOnDemandInput;
    type Output = kms::RotateKeyOnDemandOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let arn = key.resource().arn;
        cx.keyring().ensure_account_key(arn.account).await?;
        cx.keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                check_rotates(record)?;
                if record.rotation.on_demand_count >= ON_DEMAND_MAX {
                    return Err(OpError::LimitExceeded(
                        format!("The key {arn} has reached the limit of {ON_DEMAND_MAX} on-demand rotations.").into(),
                    ));
                }
                let soon = cx.now.plus_millis(CONFLICT_MILLIS);
                if record.is_rotation_due(soon) {
                    return Err(OpError::RotationDue(arn));
                }
                let material = next_material(cx, record)?;
                let (before, after) = (record.current_material().map(|material| material.id), material.id);
                record.rotate_on_demand(material, cx.now);
                cx.entry.set_besides(vec![rotate_key(record, RotationType::OnDemand, before, after, cx.now)]);
                Ok(())
            })
            .await?;
        Ok(kms::RotateKeyOnDemandOutput { key_id: Some(arn.to_string()) })
    }
}

/// Fresh material, or what the owner imported for this.
fn next_material(cx: &Cx<'_>, record: &mut KeyRecord) -> Result<KeyMaterial, OpError> {
    match record.origin {
        Origin::External => record.pending_material.take().ok_or(OpError::NothingToRotateTo(record.arn)),
        Origin::AwsKms | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
            Ok(cx.vault().new_material(&record.arn, record.spec, cx.now, cx.rng())?)
        }
    }
}
