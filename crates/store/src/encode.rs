//! Stored forms of the domain's records, versioned and apart from the domain types.
//!
//! A stored form is a byte that says its version and then CBOR (RFC 8949) with named fields, so that a field can be added
//! without breaking what is there.
//!
//! # Invariants
//! - Reading never panics and never accepts what it does not understand: a wrong form is [`BadRecord`].
//! - What identifies a record (its key) is not repeated inside; the seal binds the two.

mod grants;
mod identity;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::{KeyId, KeyMaterialId, Region};
use strongroom_core::key::{
    AliasRecord, AutomaticRotation, Import, KeyMaterial, KeyRecord, KeyUsageRecord, MultiRegion, Rotation,
    RotationState, Tag, Wrapped,
};
use strongroom_core::world::Timestamp;

pub use grants::{grant_from_bytes, grant_to_bytes};
pub use identity::{
    access_key_from_bytes, access_key_to_bytes, account_from_bytes, account_to_bytes, group_from_bytes, group_to_bytes,
    inline_policy_from_bytes, inline_policy_to_bytes, managed_policy_from_bytes, managed_policy_to_bytes,
    oidc_provider_from_bytes, oidc_provider_to_bytes, role_from_bytes, role_to_bytes, user_from_bytes, user_to_bytes,
};

/// A stored record is not of a form that this release reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored record does not decode")]
pub struct BadRecord;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredKey {
    created_ms: i64,
    description: String,
    spec: String,
    usage: String,
    origin: String,
    state: String,
    deletion_ms: Option<i64>,
    multi_region: Option<StoredMultiRegion>,
    policy: String,
    #[serde(default)]
    policy_principals: Vec<StoredPrincipal>,
    tags: Vec<(String, String)>,
    materials: Vec<StoredMaterial>,
    #[serde(default)]
    pending_material: Option<StoredMaterial>,
    #[serde(default)]
    automatic_rotation: Option<StoredAutomaticRotation>,
    #[serde(default)]
    on_demand_rotations: u32,
    #[serde(default)]
    scheduled_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredAutomaticRotation {
    period_days: u32,
    next_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredMultiRegion {
    kind: String,
    primary: String,
    replicas: Vec<String>,
    #[serde(default)]
    deletion_window_days: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct StoredMaterial {
    id: [u8; 32],
    created_ms: i64,
    /// Not there once imported material was deleted.
    wrapped: Option<StoredWrapped>,
    #[serde(default)]
    rotation: Option<StoredRotation>,
    #[serde(default)]
    import: Option<StoredImport>,
}

#[derive(Serialize, Deserialize)]
struct StoredRotation {
    date_ms: i64,
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct StoredImport {
    description: Option<String>,
    valid_to_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredLastUsage {
    operation: String,
    at_ms: i64,
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredWrapped {
    version: u32,
    #[serde(with = "bytes")]
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct StoredAlias {
    target: String,
    created_ms: i64,
    updated_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredCount {
    count: i64,
}

/// The stored form of a key.
pub fn key_to_bytes(key: &KeyRecord) -> Vec<u8> {
    to_bytes(&StoredKey {
        created_ms: key.creation_date.as_millis(),
        description: key.description.clone(),
        spec: key.spec.to_string(),
        usage: key.usage.to_string(),
        origin: key.origin.to_string(),
        state: key.state.to_string(),
        deletion_ms: key.deletion_date.map(Timestamp::as_millis),
        multi_region: key.multi_region.as_ref().map(|multi_region| StoredMultiRegion {
            kind: multi_region.kind.to_string(),
            primary: multi_region.primary.to_string(),
            replicas: multi_region.replicas.iter().map(Region::to_string).collect(),
            deletion_window_days: multi_region.deletion_window_days,
        }),
        policy: key.policy.to_string(),
        policy_principals: store_principals(&key.policy_principals),
        tags: key.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        materials: key.materials.iter().map(store_material).collect(),
        pending_material: key.pending_material.as_ref().map(store_material),
        automatic_rotation: key.rotation.automatic.map(|automatic| StoredAutomaticRotation {
            period_days: automatic.period_days,
            next_ms: automatic.next.as_millis(),
        }),
        on_demand_rotations: key.rotation.on_demand_count,
        scheduled_ms: key.scheduled.map(Timestamp::as_millis),
    })
}

/// The key at `arn` from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn key_from_bytes(arn: KeyArn, bytes: &[u8]) -> Result<KeyRecord, BadRecord> {
    let stored: StoredKey = from_bytes(bytes)?;
    Ok(KeyRecord {
        arn,
        creation_date: Timestamp::from_millis(stored.created_ms),
        description: stored.description,
        spec: parse(&stored.spec)?,
        usage: parse(&stored.usage)?,
        origin: parse(&stored.origin)?,
        state: parse(&stored.state)?,
        deletion_date: stored.deletion_ms.map(Timestamp::from_millis),
        multi_region: stored.multi_region.map(load_multi_region).transpose()?,
        policy: stored.policy.into(),
        policy_principals: load_principals(stored.policy_principals),
        tags: stored.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
        materials: stored.materials.into_iter().map(load_material).collect::<Result<_, _>>()?,
        pending_material: stored.pending_material.map(load_material).transpose()?,
        rotation: RotationState {
            automatic: stored.automatic_rotation.map(|automatic| AutomaticRotation {
                period_days: automatic.period_days,
                next: Timestamp::from_millis(automatic.next_ms),
            }),
            on_demand_count: stored.on_demand_rotations,
        },
        scheduled: stored.scheduled_ms.map(Timestamp::from_millis),
    })
}

/// The stored form of an alias.
pub fn alias_to_bytes(alias: &AliasRecord) -> Vec<u8> {
    to_bytes(&StoredAlias {
        target: alias.target.to_string(),
        created_ms: alias.creation_date.as_millis(),
        updated_ms: alias.last_updated_date.as_millis(),
    })
}

/// The alias at `arn` from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn alias_from_bytes(arn: AliasArn, bytes: &[u8]) -> Result<AliasRecord, BadRecord> {
    let stored: StoredAlias = from_bytes(bytes)?;
    Ok(AliasRecord {
        arn,
        target: parse::<KeyId>(&stored.target)?,
        creation_date: Timestamp::from_millis(stored.created_ms),
        last_updated_date: Timestamp::from_millis(stored.updated_ms),
    })
}

/// The stored form of a key's last use.
pub fn last_usage_to_bytes(usage: &KeyUsageRecord) -> Vec<u8> {
    to_bytes(&StoredLastUsage {
        operation: usage.operation.to_string(),
        at_ms: usage.at.as_millis(),
        request_id: usage.request_id.to_string(),
        event_id: usage.event_id.map(|id| id.to_string()),
    })
}

/// A key's last use from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn last_usage_from_bytes(bytes: &[u8]) -> Result<KeyUsageRecord, BadRecord> {
    let stored: StoredLastUsage = from_bytes(bytes)?;
    Ok(KeyUsageRecord {
        operation: parse(&stored.operation)?,
        at: Timestamp::from_millis(stored.at_ms),
        request_id: parse(&stored.request_id)?,
        event_id: stored.event_id.as_deref().map(parse).transpose()?,
    })
}

/// The stored form of a count.
pub fn count_to_bytes(count: i64) -> Vec<u8> {
    to_bytes(&StoredCount { count })
}

/// A count from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn count_from_bytes(bytes: &[u8]) -> Result<i64, BadRecord> {
    from_bytes::<StoredCount>(bytes).map(|stored| stored.count)
}

/// The stored form of a wrapped key.
pub fn wrapped_to_bytes(wrapped: &Wrapped) -> Vec<u8> {
    to_bytes(&store_wrapped(wrapped))
}

/// A wrapped key from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn wrapped_from_bytes(bytes: &[u8]) -> Result<Wrapped, BadRecord> {
    from_bytes(bytes).map(load_wrapped)
}

fn store_wrapped(wrapped: &Wrapped) -> StoredWrapped {
    StoredWrapped { version: wrapped.wrapping_key_version, bytes: wrapped.bytes.clone() }
}

fn load_wrapped(stored: StoredWrapped) -> Wrapped {
    Wrapped { wrapping_key_version: stored.version, bytes: stored.bytes }
}

fn store_material(material: &KeyMaterial) -> StoredMaterial {
    StoredMaterial {
        id: material.id.0,
        created_ms: material.creation_date.as_millis(),
        wrapped: material.wrapped.as_ref().map(store_wrapped),
        rotation: material
            .rotation
            .map(|rotation| StoredRotation { date_ms: rotation.date.as_millis(), kind: rotation.kind.to_string() }),
        import: material.import.as_ref().map(|import| StoredImport {
            description: import.description.clone(),
            valid_to_ms: import.valid_to.map(Timestamp::as_millis),
        }),
    }
}

fn load_material(stored: StoredMaterial) -> Result<KeyMaterial, BadRecord> {
    let rotation = |stored: StoredRotation| {
        Ok(Rotation { date: Timestamp::from_millis(stored.date_ms), kind: parse(&stored.kind)? })
    };
    Ok(KeyMaterial {
        id: KeyMaterialId(stored.id),
        creation_date: Timestamp::from_millis(stored.created_ms),
        wrapped: stored.wrapped.map(load_wrapped),
        rotation: stored.rotation.map(rotation).transpose()?,
        import: stored.import.map(|import| Import {
            description: import.description,
            valid_to: import.valid_to_ms.map(Timestamp::from_millis),
        }),
    })
}

fn load_multi_region(stored: StoredMultiRegion) -> Result<MultiRegion, BadRecord> {
    Ok(MultiRegion {
        kind: parse(&stored.kind)?,
        primary: parse(&stored.primary)?,
        replicas: stored.replicas.iter().map(|region| parse(region)).collect::<Result<_, _>>()?,
        deletion_window_days: stored.deletion_window_days,
    })
}

/// A user or role that a policy or a grant names.
#[derive(Serialize, Deserialize)]
struct StoredPrincipal {
    arn: String,
    id: String,
}

fn store_principals(principals: &[NamedPrincipal]) -> Vec<StoredPrincipal> {
    let store = |named: &NamedPrincipal| StoredPrincipal { arn: named.arn.to_string(), id: named.id.to_string() };
    principals.iter().map(store).collect()
}

fn load_principals(stored: Vec<StoredPrincipal>) -> Vec<NamedPrincipal> {
    let load = |stored: StoredPrincipal| NamedPrincipal { arn: stored.arn.into(), id: stored.id.into() };
    stored.into_iter().map(load).collect()
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, BadRecord> {
    text.parse().map_err(|_| BadRecord)
}

fn to_bytes<T: Serialize>(stored: &T) -> Vec<u8> {
    let mut out = vec![VERSION];
    ciborium::into_writer(stored, &mut out).expect("plain structures always encode, and a Vec takes every byte");
    out
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadRecord> {
    let (version, mut rest) = bytes.split_first().ok_or(BadRecord)?;
    if *version != VERSION {
        return Err(BadRecord);
    }
    let stored = ciborium::from_reader(&mut rest).map_err(|_| BadRecord)?;
    if rest.is_empty() { Ok(stored) } else { Err(BadRecord) }
}

/// Bytes as a CBOR byte string; serde would write a list of numbers.
mod bytes {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a byte string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::generated::{
        KeyLastUsageTrackingOperation, KeySpec, KeyState, KeyUsage, MultiRegionKeyType, Origin, RotationType,
    };
    use strongroom_core::ids::RequestId;

    use super::*;

    fn key() -> KeyRecord {
        let arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        KeyRecord {
            arn: arn.parse().expect("a key ARN"),
            creation_date: Timestamp::from_millis(1_700_000_000_123),
            description: "Überschrift".into(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            state: KeyState::PendingDeletion,
            deletion_date: Some(Timestamp::from_millis(-1)),
            multi_region: Some(MultiRegion {
                kind: MultiRegionKeyType::Primary,
                primary: "us-east-1".parse().expect("a Region"),
                replicas: vec!["eu-west-1".parse().expect("a Region")],
                deletion_window_days: Some(7),
            }),
            policy: "{}".into(),
            policy_principals: vec![NamedPrincipal { arn: "arn".into(), id: "AIDAX".into() }],
            tags: vec![Tag { key: "a".into(), value: String::new() }],
            materials: vec![KeyMaterial {
                id: KeyMaterialId([7; 32]),
                creation_date: Timestamp::from_millis(5),
                wrapped: Some(Wrapped { wrapping_key_version: 3, bytes: vec![0xff; 60] }),
                rotation: Some(Rotation { date: Timestamp::from_millis(6), kind: RotationType::OnDemand }),
                import: Some(Import { description: Some("d".into()), valid_to: Some(Timestamp::from_millis(7)) }),
            }],
            pending_material: Some(KeyMaterial {
                id: KeyMaterialId([8; 32]),
                creation_date: Timestamp::from_millis(5),
                wrapped: None,
                rotation: None,
                import: Some(Import::default()),
            }),
            rotation: RotationState {
                automatic: Some(AutomaticRotation { period_days: 90, next: Timestamp::from_millis(8) }),
                on_demand_count: 24,
            },
            scheduled: Some(Timestamp::from_millis(9)),
        }
    }

    #[test]
    fn records_survive_their_stored_form() {
        let record = key();
        assert_eq!(key_from_bytes(record.arn, &key_to_bytes(&record)), Ok(record));
        let alias = AliasRecord {
            arn: AliasArn {
                account: key().arn.account,
                region: key().arn.region,
                alias: "alias/a".parse().expect("an alias"),
            },
            target: key().arn.key,
            creation_date: Timestamp::from_millis(1),
            last_updated_date: Timestamp::from_millis(2),
        };
        assert_eq!(alias_from_bytes(alias.arn.clone(), &alias_to_bytes(&alias)), Ok(alias));
        let wrapped = key().materials[0].wrapped.clone().expect("wrapped material");
        assert_eq!(wrapped_from_bytes(&wrapped_to_bytes(&wrapped)), Ok(wrapped));
        let usage = KeyUsageRecord {
            operation: KeyLastUsageTrackingOperation::ReEncrypt,
            at: Timestamp::from_millis(3),
            request_id: RequestId::from_random([4; 16]),
            event_id: None,
        };
        for event_id in [None, Some(RequestId::from_random([5; 16]))] {
            let usage = KeyUsageRecord { event_id, ..usage };
            assert_eq!(last_usage_from_bytes(&last_usage_to_bytes(&usage)), Ok(usage));
        }
    }

    /// A key as the first release stored it: without what came later, it reads as a key that never rotates.
    #[test]
    fn keys_of_the_first_release_are_read() {
        #[derive(Serialize)]
        struct FirstMaterial {
            id: [u8; 32],
            created_ms: i64,
            wrapped: StoredWrapped,
        }
        #[derive(Serialize)]
        struct FirstKey {
            created_ms: i64,
            description: &'static str,
            spec: &'static str,
            usage: &'static str,
            origin: &'static str,
            state: &'static str,
            deletion_ms: Option<i64>,
            multi_region: Option<StoredMultiRegion>,
            policy: &'static str,
            tags: Vec<(String, String)>,
            materials: Vec<FirstMaterial>,
        }
        let bytes = to_bytes(&FirstKey {
            created_ms: 1,
            description: "",
            spec: "SYMMETRIC_DEFAULT",
            usage: "ENCRYPT_DECRYPT",
            origin: "AWS_KMS",
            state: "Enabled",
            deletion_ms: None,
            multi_region: None,
            policy: "{}",
            tags: Vec::new(),
            materials: vec![FirstMaterial {
                id: [1; 32],
                created_ms: 1,
                wrapped: StoredWrapped { version: 1, bytes: vec![2; 60] },
            }],
        });
        let read = key_from_bytes(key().arn, &bytes).expect("the first form");
        assert_eq!(read.rotation, RotationState::default());
        assert_eq!((read.pending_material, read.scheduled), (None, None));
        let material = &read.materials[0];
        assert_eq!((material.rotation, &material.import), (None, &None));
        assert_eq!(material.wrapped, Some(Wrapped { wrapping_key_version: 1, bytes: vec![2; 60] }));
    }

    #[test]
    fn other_bytes_are_refused_and_never_panic() {
        let good = key_to_bytes(&key());
        for len in 0..good.len() {
            assert_eq!(key_from_bytes(key().arn, &good[..len]), Err(BadRecord), "{len} bytes");
        }
        assert_eq!(key_from_bytes(key().arn, &[good.clone(), vec![0]].concat()), Err(BadRecord));
        let mut newer = good.clone();
        newer[0] = 2;
        assert_eq!(key_from_bytes(key().arn, &newer), Err(BadRecord));
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 0x55;
            let _ = key_from_bytes(key().arn, &changed);
        }
    }
}
