//! What operations and tasks on a key's life do alike (behaviours 4.4, 4.5, 8).

use strongroom_core::arn::KeyArn;
use strongroom_core::family::Family;
use strongroom_core::generated::{KeySpec, Origin};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::{KeyMaterial, KeyRecord};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_vault::Vault;

use crate::error::OpError;

/// What time did to a key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Whether relatives were brought up to date, or this one was when it was made or designated anew.
    pub(crate) synchronized: bool,
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
    family: &mut Family,
    vault: &Vault,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Passed, OpError> {
    let mut passed = Passed { expired: family.expire_materials(now), ..Passed::default() };
    passed.synchronized = family.named_mut().settle();
    if family.named().is_rotation_due(now) {
        let materials = new_materials(family, vault, now, rng)?;
        let before = family.named().current_material().map(|before| before.id);
        passed.rotated = materials.first().map(|material| (before, material.id));
        passed.synchronized |= family.named().relatives().next().is_some();
        family.rotate_automatically(materials, now);
    }
    Ok(passed)
}

/// One new material for all members of the family. The account's wrapping key is loaded.
///
/// # Errors
/// When none can be made.
pub(crate) fn new_materials(
    family: &Family,
    vault: &Vault,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Vec<KeyMaterial>, OpError> {
    let arns: Vec<KeyArn> = family.members().map(|member| member.arn).collect();
    Ok(vault.new_shared_material(&arns, family.named().spec, now, rng)?)
}

/// Refuses a replica, and a key that is none of several Regions: this is for primaries.
///
/// # Errors
/// `UnsupportedOperationException`.
pub(crate) fn check_primary(key: &KeyRecord) -> Result<(), OpError> {
    match &key.multi_region {
        Some(family) if !family.is_replica() => Ok(()),
        Some(_) | None => Err(OpError::NotPrimary(key.arn)),
    }
}

/// Refuses a replica: what it shares is changed at its primary.
///
/// # Errors
/// `UnsupportedOperationException`.
pub(crate) fn check_no_replica(key: &KeyRecord) -> Result<(), OpError> {
    if key.is_replica() { Err(OpError::NotPrimary(key.arn)) } else { Ok(()) }
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
