//! `KeyMetadata`: what DescribeKey, CreateKey and ReplicateKey tell about a key (behaviours 4.1).

use strongroom_core::generated::{ExpirationModelType, KeyManager, KeyState, KeyUsage};
use strongroom_core::ids::{KeyId, Region};
use strongroom_core::key::{KeyMaterial, KeyRecord, MultiRegion};
use strongroom_core::spec;
use strongroom_core::world::Timestamp;
use strongroom_wire::kms;

/// The metadata of `key`. Members that do not belong to its usage, origin or state are absent.
pub(crate) fn key_metadata(key: &KeyRecord) -> kms::KeyMetadata {
    let facts = spec::facts(key.spec);
    let of_usage = |usage: KeyUsage| key.usage == usage;
    let list = |usage, algorithms: Vec<_>| of_usage(usage).then_some(algorithms);
    kms::KeyMetadata {
        aws_account_id: Some(key.arn.account.to_string()),
        key_id: key.arn.key.to_string(),
        arn: Some(key.arn.to_string()),
        creation_date: Some(key.creation_date),
        enabled: Some(key.state == KeyState::Enabled),
        description: Some(key.description.clone()),
        key_usage: Some(key.usage),
        key_state: Some(key.state),
        deletion_date: key.deletion_date,
        origin: Some(key.origin),
        key_manager: Some(KeyManager::Customer),
        key_spec: Some(key.spec),
        customer_master_key_spec: facts.customer_master_key_spec,
        encryption_algorithms: list(KeyUsage::EncryptDecrypt, facts.encryption.to_vec()),
        signing_algorithms: of_usage(KeyUsage::SignVerify).then(|| facts.signing.to_vec()),
        mac_algorithms: of_usage(KeyUsage::GenerateVerifyMac).then(|| facts.mac.to_vec()),
        key_agreement_algorithms: of_usage(KeyUsage::KeyAgreement).then(|| facts.agreement.to_vec()),
        encapsulation_algorithms: of_usage(KeyUsage::EncapsulateDecapsulate).then(|| facts.encapsulation.to_vec()),
        multi_region: Some(key.multi_region.is_some()),
        multi_region_configuration: key.multi_region.as_ref().map(|family| multi_region_configuration(key, family)),
        current_key_material_id: key
            .shows_material_ids()
            .then(|| key.current_material())
            .flatten()
            .map(|material| material.id.to_string()),
        valid_to: earliest_expiry(key),
        expiration_model: expiration_model(key),
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        xks_key_configuration: None,
        pending_deletion_window_in_days: key
            .multi_region
            .as_ref()
            .and_then(|family| i32::try_from(family.deletion_window_days?).ok()),
    }
}

/// When the first of the materials that the key needs is deleted.
fn earliest_expiry(key: &KeyRecord) -> Option<Timestamp> {
    key.materials.iter().filter_map(KeyMaterial::expiry).min()
}

/// Nothing is told before an import, nor after all material was deleted.
fn expiration_model(key: &KeyRecord) -> Option<ExpirationModelType> {
    let is_imported = key.materials.iter().any(|material| material.import.is_some() && material.wrapped.is_some());
    is_imported.then(|| model_of(earliest_expiry(key)))
}

/// What the API calls an expiry, and its absence.
pub(crate) const fn model_of(valid_to: Option<Timestamp>) -> ExpirationModelType {
    match valid_to {
        Some(_) => ExpirationModelType::KeyMaterialExpires,
        None => ExpirationModelType::KeyMaterialDoesNotExpire,
    }
}

fn multi_region_configuration(key: &KeyRecord, family: &MultiRegion) -> kms::MultiRegionConfiguration {
    let relative = |region: &Region| kms::MultiRegionKey {
        arn: Some(strongroom_core::arn::KeyArn { region: *region, ..key.arn }.to_string()),
        region: Some(region.to_string()),
    };
    kms::MultiRegionConfiguration {
        multi_region_key_type: Some(family.kind),
        primary_key: Some(relative(&family.primary)),
        replica_keys: Some(family.replicas.iter().map(relative).collect()),
    }
}

/// A fresh key id of the right kind.
pub(crate) fn new_key_id(multi_region: bool, random: [u8; 16]) -> KeyId {
    if multi_region { KeyId::multi_region(random) } else { KeyId::single_region(random) }
}
