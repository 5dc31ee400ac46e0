//! What operations and tasks on a key's life do alike (behaviours 4.4, 4.5, 8).

use strongroom_core::generated::{KeySpec, Origin};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::{Rng, Timestamp};
use strongroom_vault::Vault;

use crate::error::OpError;

/// What time did to a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Imported materials that are gone.
    pub(crate) expired: Vec<KeyMaterialId>,
    /// The material that was current before, if there was one, and the one that is since.
    pub(crate) rotated: Option<(Option<KeyMaterialId>, KeyMaterialId)>,
}

/// Does what is due with the key at `now`, but for its destruction. The account's wrapping key is loaded.
///
/// # Errors
/// When no material can be made; the record is then not to be stored.
pub(crate) fn let_time_pass(
    record: &mut KeyRecord,
    vault: &Vault,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Passed, OpError> {
    let expired = record.expire_materials(now);
    let mut rotated = None;
    if record.is_rotation_due(now) {
        let material = vault.new_material(&record.arn, record.spec, now, rng)?;
        rotated = Some((record.current_material().map(|before| before.id), material.id));
        record.rotate_automatically(material, now);
    }
    Ok(Passed { expired, rotated })
}

/// Refuses a key whose material was made here or is elsewhere.
///
/// # Errors
/// In the words of the origin.
pub(crate) fn check_external(key: &KeyRecord) -> Result<(), OpError> {
    match key.origin {
        Origin::External => Ok(()),
        Origin::AwsKms | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
            Err(OpError::WrongOrigin { arn: key.arn, origin: key.origin })
        }
    }
}

/// Refuses a key that never has another material: all but symmetric encryption keys.
///
/// # Errors
/// `UnsupportedOperationException` without a text for the spec, with one for the origin.
pub(crate) fn check_rotates(key: &KeyRecord) -> Result<(), OpError> {
    if key.spec != KeySpec::SymmetricDefault {
        return Err(OpError::UNSUPPORTED);
    }
    match key.origin {
        Origin::AwsKms | Origin::External => Ok(()),
        Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
            Err(OpError::WrongOrigin { arn: key.arn, origin: key.origin })
        }
    }
}
