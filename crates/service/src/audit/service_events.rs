//! What the service does to keys without a caller, under the names of AWS's own events (behaviours 13.5).

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::RotationType;
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::Timestamp;

use super::entry::Entry;
use super::event::members;
use crate::keys::Passed;

/// `RotateKey`. `key` is the key after its rotation.
pub(crate) fn rotate_key(
    key: &KeyRecord,
    kind: RotationType,
    previous: Option<KeyMaterialId>,
    current: KeyMaterialId,
    now: Timestamp,
) -> Entry {
    let details = members(|members| {
        members.text("keyId", Some(key.arn.key.as_str()));
        members.text("rotationType", Some(kind.as_str()));
        members.text("keyOrigin", Some(key.origin.as_str()));
        members.text("previousKeyMaterialId", previous.map(|id| id.to_string()).as_deref());
        members.text("currentKeyMaterialId", Some(&current.to_string()));
    });
    Entry::of_service("RotateKey", &key.arn, now, Some(details))
}

/// `DeleteKey`.
pub(crate) fn delete_key(key: &KeyArn, now: Timestamp) -> Entry {
    Entry::of_service("DeleteKey", key, now, None)
}

/// `SynchronizeMultiRegionKey`: a member of a multi-Region key was made, or has what it shares with the others anew. AWS names the
/// primary, and in its Region.
pub(crate) fn synchronize_multi_region_key(key: &KeyRecord, now: Timestamp) -> Entry {
    Entry::of_service("SynchronizeMultiRegionKey", &key.primary_arn(), now, None)
}

/// What time did to `key`, as it is since.
pub(crate) fn of_passed(key: &KeyRecord, passed: &Passed, now: Timestamp) -> Vec<Entry> {
    let expired = passed.expired.iter().map(|id| {
        let details = members(|members| {
            members.text("keyId", Some(key.arn.key.as_str()));
            members.text("keyMaterialId", Some(&id.to_string()));
        });
        Entry::of_service("DeleteExpiredKeyMaterial", &key.arn, now, Some(details))
    });
    let rotated = passed
        .rotated
        .iter()
        .map(|(previous, current)| rotate_key(key, RotationType::Automatic, *previous, *current, now));
    let synchronized = passed.synchronized.then(|| synchronize_multi_region_key(key, now));
    expired.chain(rotated).chain(synchronized).collect()
}
