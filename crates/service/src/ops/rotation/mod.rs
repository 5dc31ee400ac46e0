//! Operations on the rotation of key material. Their order of checks: key, state, spec, origin (behaviours 4.5).

mod disable_key_rotation;
mod enable_key_rotation;
mod get_key_rotation_status;
mod list_key_rotations;
mod rotate_key_on_demand;

pub(super) use disable_key_rotation::DisableKeyRotation;
pub(super) use enable_key_rotation::EnableKeyRotation;
pub(super) use get_key_rotation_status::GetKeyRotationStatus;
pub(super) use list_key_rotations::ListKeyRotations;
pub(super) use rotate_key_on_demand::RotateKeyOnDemand;

use strongroom_core::generated::Origin;
use strongroom_core::key::KeyRecord;

use crate::error::OpError;

/// Refuses a key whose material is not made here: nothing can rotate it by itself.
fn check_made_here(key: &KeyRecord) -> Result<(), OpError> {
    match key.origin {
        Origin::AwsKms => Ok(()),
        Origin::External | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
            Err(OpError::WrongOrigin { arn: key.arn, origin: key.origin })
        }
    }
}
