//! `RotateKeyOnDemand`: new material now. Done when the call returns; the automatic schedule stays as it was.

use strongroom_core::family::Family;
use strongroom_core::generated::{OpName, Origin, RotationType};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::world::Timestamp;
use strongroom_wire::kms;

use crate::audit::Entry;
use crate::audit::service_events::{rotate_key, synchronize_multi_region_key};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_no_replica, check_rotates, new_materials};

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
            .change_family(&key, |family| {
                let record = family.named();
                cx.check_state(record)?;
                check_rotates(record)?;
                check_no_replica(record)?;
                if record.rotation.on_demand_count >= ON_DEMAND_MAX {
                    return Err(OpError::LimitExceeded(
                        format!("The key {arn} has reached the limit of {ON_DEMAND_MAX} on-demand rotations.").into(),
                    ));
                }
                let soon = cx.now.plus_millis(CONFLICT_MILLIS);
                if record.is_rotation_due(soon) {
                    return Err(OpError::RotationDue(arn));
                }
                let before = record.current_material().map(|material| material.id);
                rotate(cx, family)?;
                cx.entry.set_besides(events(family, before, cx.now));
                Ok(())
            })
            .await?;
        Ok(kms::RotateKeyOnDemandOutput { key_id: Some(arn.to_string()) })
    }
}

/// Makes fresh material current, or what the owner imported for this in all the key's Regions.
fn rotate(cx: &Cx<'_>, family: &mut Family) -> Result<(), OpError> {
    let origin = family.named().origin;
    match origin {
        Origin::External if family.rotate_to_pending(cx.now) => Ok(()),
        Origin::External => Err(OpError::NothingToRotateTo(family.named().arn)),
        Origin::AwsKms | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
            let materials = new_materials(family, cx.vault(), cx.now, cx.rng())?;
            family.rotate_on_demand(materials, cx.now);
            Ok(())
        }
    }
}

/// The events of the rotation: its own, and that its relatives have the material too.
fn events(family: &Family, before: Option<KeyMaterialId>, now: Timestamp) -> Vec<Entry> {
    let key = family.named();
    let rotation = key.current_material().map(|after| rotate_key(key, RotationType::OnDemand, before, after.id, now));
    let synchronized = key.relatives().next().map(|_| synchronize_multi_region_key(key, now));
    rotation.into_iter().chain(synchronized).collect()
}
