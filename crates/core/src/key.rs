//! What the service keeps about keys and aliases. Domain types: how they are stored is `store::encode`'s business.

use std::sync::Arc;

use crate::arn::{AliasArn, KeyArn};
use crate::generated::{
    KeyLastUsageTrackingOperation, KeySpec, KeyState, KeyUsage, MultiRegionKeyType, Origin, RotationType,
};
use crate::identity::NamedPrincipal;
use crate::ids::{KeyId, KeyMaterialId, Region, RequestId};
use crate::world::Timestamp;

/// A KMS key: its metadata and its wrapped material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Where it lives. Never changes.
    pub arn: KeyArn,
    /// When it was made.
    pub creation_date: Timestamp,
    /// Free text of at most 8,192 characters.
    pub description: String,
    /// Never changes.
    pub spec: KeySpec,
    /// Never changes.
    pub usage: KeyUsage,
    /// Never changes.
    pub origin: Origin,
    /// Where it stands in the state machine.
    pub state: KeyState,
    /// When it will be destroyed; only while `PendingDeletion`.
    pub deletion_date: Option<Timestamp>,
    /// For keys whose id begins with `mrk-`.
    pub multi_region: Option<MultiRegion>,
    /// The key policy's text.
    pub policy: Arc<str>,
    /// Users and roles that the policy names, as they were when it was put.
    pub policy_principals: Vec<NamedPrincipal>,
    /// In the order in which they were set.
    pub tags: Vec<Tag>,
    /// Oldest first. The last one encrypts; all decrypt. Only symmetric encryption keys ever have more than one.
    pub materials: Vec<KeyMaterial>,
    /// Imported material that the next rotation on demand makes current. It is not one of `materials` yet.
    pub pending_material: Option<KeyMaterial>,
    /// How and how often the material changes.
    pub rotation: RotationState,
    /// Under which moment the key stands in the schedule, if it does: what [`KeyRecord::next_due`] said when it was stored.
    pub scheduled: Option<Timestamp>,
}

impl KeyRecord {
    /// The material that encrypts.
    pub fn current_material(&self) -> Option<&KeyMaterial> {
        self.materials.last()
    }

    /// The material with this id.
    pub fn material(&self, id: KeyMaterialId) -> Option<&KeyMaterial> {
        self.materials.iter().rev().find(|material| material.id == id)
    }

    /// Whether it is a replica of a key in another Region.
    pub fn is_replica(&self) -> bool {
        self.multi_region.as_ref().is_some_and(MultiRegion::is_replica)
    }

    /// The ARNs of its relatives in other Regions, the primary's first.
    pub fn relatives(&self) -> impl Iterator<Item = KeyArn> + '_ {
        let regions =
            self.multi_region.iter().flat_map(|family| std::iter::once(&family.primary).chain(&family.replicas));
        regions.filter(|region| **region != self.arn.region).map(|region| KeyArn { region: *region, ..self.arn })
    }

    /// The primary of its relatives; itself where it is in one Region alone.
    pub fn primary_arn(&self) -> KeyArn {
        let region = self.multi_region.as_ref().map_or(self.arn.region, |family| family.primary);
        KeyArn { region, ..self.arn }
    }

    /// Whether the API shows material ids for this key (behaviours 4.1, `CurrentKeyMaterialId`).
    pub fn shows_material_ids(&self) -> bool {
        matches!(self.spec, KeySpec::SymmetricDefault) && matches!(self.origin, Origin::AwsKms | Origin::External)
    }
}

/// How a multi-Region key relates to its relatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiRegion {
    /// Primary or replica.
    pub kind: MultiRegionKeyType,
    /// The Region of the primary.
    pub primary: Region,
    /// The Regions of all replicas.
    pub replicas: Vec<Region>,
    /// How long this key will wait for its destruction once its last replica is gone; only while `PendingReplicaDeletion`.
    pub deletion_window_days: Option<u32>,
}

impl MultiRegion {
    /// Whether the key that has this is a replica.
    pub fn is_replica(&self) -> bool {
        self.kind == MultiRegionKeyType::Replica
    }
}

/// One version of a key's material, wrapped under the account's wrapping key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMaterial {
    /// Derived from the key id and the material.
    pub id: KeyMaterialId,
    /// When it was made.
    pub creation_date: Timestamp,
    /// What only the vault opens. None for imported material that was deleted or has expired.
    pub wrapped: Option<Wrapped>,
    /// The rotation that made it current; none for a key's first material.
    pub rotation: Option<Rotation>,
    /// What its owner said when importing it. Only for keys of origin `EXTERNAL`.
    pub import: Option<Import>,
}

/// A rotation that was completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When.
    pub date: Timestamp,
    /// Who asked for it.
    pub kind: RotationType,
}

/// What is known of imported material beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Free text of at most 256 characters.
    pub description: Option<String>,
    /// When it is deleted; none when it does not expire.
    pub valid_to: Option<Timestamp>,
}

/// How a key's material changes over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RotationState {
    /// The automatic rotation, while it is enabled.
    pub automatic: Option<AutomaticRotation>,
    /// How many rotations on demand the key had in its life.
    pub on_demand_count: u32,
}

/// A rotation that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutomaticRotation {
    /// 90 to 2560.
    pub period_days: u32,
    /// When it is due.
    pub next: Timestamp,
}

/// Bytes under a wrapping key.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Which version of the wrapping key.
    pub wrapping_key_version: u32,
    /// Nonces, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wrapped(v{}, {} bytes)", self.wrapping_key_version, self.bytes.len())
    }
}

/// The last successful cryptographic operation of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsageRecord {
    /// What was done.
    pub operation: KeyLastUsageTrackingOperation,
    /// When.
    pub at: Timestamp,
    /// In which request.
    pub request_id: RequestId,
    /// The event on the audit record of the key's account; none where there is no record.
    pub event_id: Option<RequestId>,
}

/// A tag of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasRecord {
    /// Where it lives.
    pub arn: AliasArn,
    /// The key of the same account and Region that it points to.
    pub target: KeyId,
    /// When it was made.
    pub creation_date: Timestamp,
    /// When it was last pointed elsewhere.
    pub last_updated_date: Timestamp,
}
