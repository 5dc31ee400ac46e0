//! Multi-Region keys: a key and its relatives in other Regions, and what they share (behaviours 8.5).
//!
//! Each relative is a record of its own, with its own copy of everything that is shared: material, rotation, and which of them
//! is the primary. Changes of what is shared go through a [`Family`], which changes all copies alike.
//!
//! # Invariants
//! - All members have one key id, and name the same primary and the same replicas.
//! - All members have the same materials in the same order. Those that were made here are there in every copy; imported ones are
//!   brought to every Region by their owner.
//!
//! # Not here
//! Policy, grants, tags, aliases, description, state, deletion, expiry, last use: each member has its own.

use crate::generated::{KeyState, MultiRegionKeyType};
use crate::ids::{KeyMaterialId, Region};
use crate::key::{AutomaticRotation, Import, KeyMaterial, KeyRecord, MultiRegion};
use crate::world::Timestamp;

/// The key that is changed, and its relatives. A single-Region key has none.
#[derive(Clone, Debug)]
pub struct Family {
    named: KeyRecord,
    relatives: Vec<KeyRecord>,
}

impl Family {
    /// The key that a request or a task names, and its relatives as [`KeyRecord::relatives`] gives them.
    pub fn new(named: KeyRecord, relatives: Vec<KeyRecord>) -> Self {
        Self { named, relatives }
    }

    /// The key that is changed.
    pub fn named(&self) -> &KeyRecord {
        &self.named
    }

    /// The same, for changes of what it has for itself.
    pub fn named_mut(&mut self) -> &mut KeyRecord {
        &mut self.named
    }

    /// The member in `region`.
    pub fn member(&self, region: Region) -> Option<&KeyRecord> {
        self.members().find(|member| member.arn.region == region)
    }

    /// All members, the named one first.
    pub fn members(&self) -> impl Iterator<Item = &KeyRecord> {
        std::iter::once(&self.named).chain(&self.relatives)
    }

    /// The members, in the same order.
    pub fn into_members(self) -> impl Iterator<Item = KeyRecord> {
        std::iter::once(self.named).chain(self.relatives)
    }

    fn members_mut(&mut self) -> impl Iterator<Item = &mut KeyRecord> {
        std::iter::once(&mut self.named).chain(&mut self.relatives)
    }

    fn designations_mut(&mut self) -> impl Iterator<Item = &mut MultiRegion> {
        self.members_mut().filter_map(|member| member.multi_region.as_mut())
    }

    /// Adds a replica of the named key, which is the primary.
    pub fn add_replica(&mut self, mut replica: KeyRecord) {
        let region = replica.arn.region;
        replica.multi_region = self.named.multi_region.as_ref().map(|family| MultiRegion {
            kind: MultiRegionKeyType::Replica,
            deletion_window_days: None,
            ..family.clone()
        });
        self.relatives.push(replica);
        self.designations_mut().for_each(|family| family.replicas.push(region));
    }

    /// Takes the named replica out: it is destroyed. A primary that waited for its last replica begins its own waiting period.
    pub fn without_named(self, now: Timestamp) -> Vec<KeyRecord> {
        let region = self.named.arn.region;
        let mut left = self.relatives;
        for member in &mut left {
            let Some(family) = &mut member.multi_region else { continue };
            family.replicas.retain(|replica| *replica != region);
            if member.state == KeyState::PendingReplicaDeletion && family.replicas.is_empty() {
                member.state = KeyState::PendingDeletion;
                member.deletion_date = family.deletion_window_days.take().map(|days| now.plus_days(days.into()));
            }
        }
        left
    }

    /// Makes the replica in `region` the primary, and the named key, which was it, a replica. Both are `Updating` then.
    pub fn change_primary(&mut self, region: Region) {
        let former = self.named.arn.region;
        for member in self.members_mut() {
            let own_region = member.arn.region;
            let Some(family) = &mut member.multi_region else { continue };
            family.primary = region;
            family.replicas.iter_mut().filter(|replica| **replica == region).for_each(|replica| *replica = former);
            family.kind = if own_region == region { MultiRegionKeyType::Primary } else { MultiRegionKeyType::Replica };
            if own_region == region || own_region == former {
                member.state = KeyState::Updating;
            }
        }
    }

    /// Sets when all members rotate, or that none does.
    pub fn set_automatic_rotation(&mut self, automatic: Option<AutomaticRotation>) {
        self.members_mut().for_each(|member| member.rotation.automatic = automatic);
    }

    /// Rotates all members at `now`, as their schedule says. `materials` are one material, wrapped for each of the members.
    pub fn rotate_automatically(&mut self, materials: Vec<KeyMaterial>, now: Timestamp) {
        for (member, material) in self.members_mut().zip(materials) {
            member.rotate_automatically(material, now);
        }
    }

    /// Rotates all members at `now`, as somebody asked. `materials` are one material, wrapped for each of the members.
    pub fn rotate_on_demand(&mut self, materials: Vec<KeyMaterial>, now: Timestamp) {
        for (member, material) in self.members_mut().zip(materials) {
            member.rotate_on_demand(material, now);
        }
    }

    /// Whether imported material waits for a rotation, and every member has it.
    pub fn has_pending_material(&self) -> bool {
        self.members().all(|member| member.pending_material.as_ref().is_some_and(|pending| pending.wrapped.is_some()))
    }

    /// Rotates all members to the imported material that waits, and says whether every member had it.
    pub fn rotate_to_pending(&mut self, now: Timestamp) -> bool {
        let is_ready = self.has_pending_material();
        if is_ready {
            for member in self.members_mut() {
                if let Some(material) = member.pending_material.take() {
                    member.rotate_on_demand(material, now);
                }
            }
        }
        is_ready
    }

    /// Sets the imported material that the next rotation makes current. Replicas wait for the same bytes.
    pub fn set_pending_material(&mut self, material: KeyMaterial) {
        self.named.pending_material = Some(material);
        self.share_pending();
    }

    /// Deletes imported material of the named key, and says whether it has one of this id. What a primary has pending and drops,
    /// its replicas drop too.
    pub fn delete_material(&mut self, id: KeyMaterialId) -> bool {
        let is_there = self.named.delete_material(id);
        if !self.named.is_replica() {
            self.share_pending();
        }
        is_there
    }

    /// Deletes imported material of the named key that has expired, and says which.
    pub fn expire_materials(&mut self, now: Timestamp) -> Vec<KeyMaterialId> {
        let expired = self.named.expired_materials(now);
        for id in &expired {
            self.delete_material(*id);
        }
        expired
    }

    /// The replicas' pending material is the primary's; a replica that has the bytes already keeps them.
    fn share_pending(&mut self) {
        let pending = &self.named.pending_material;
        for relative in &mut self.relatives {
            let is_same = |own: &KeyMaterial| pending.as_ref().is_some_and(|pending| pending.id == own.id);
            if !relative.pending_material.as_ref().is_some_and(is_same) {
                relative.pending_material = pending.as_ref().map(KeyMaterial::without_bytes);
            }
        }
    }
}

impl KeyMaterial {
    /// The same imported material as another Region knows it before it is brought there.
    pub fn without_bytes(&self) -> Self {
        Self { wrapped: None, import: Some(Import::default()), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{KeySpec, KeyUsage, Origin};
    use crate::key::{RotationState, Wrapped};

    const fn at(days: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_days(days)
    }

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    fn material(id: u8, bytes: Option<&str>) -> KeyMaterial {
        KeyMaterial {
            id: KeyMaterialId([id; 32]),
            creation_date: at(0),
            wrapped: bytes.map(|bytes| Wrapped { wrapping_key_version: 1, bytes: bytes.into() }),
            rotation: None,
            import: Some(Import::default()),
        }
    }

    fn key(name: &str, kind: MultiRegionKeyType) -> KeyRecord {
        KeyRecord {
            arn: format!("arn:aws:kms:{name}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab")
                .parse()
                .expect("an ARN"),
            creation_date: at(0),
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::External,
            state: KeyState::Enabled,
            deletion_date: None,
            multi_region: Some(MultiRegion {
                kind,
                primary: region("us-east-1"),
                replicas: Vec::new(),
                deletion_window_days: None,
            }),
            policy: "{}".into(),
            policy_principals: Vec::new(),
            tags: Vec::new(),
            materials: vec![material(1, Some(name))],
            pending_material: None,
            rotation: RotationState::default(),
            scheduled: None,
        }
    }

    /// A primary in us-east-1 with replicas in eu-west-1 and ap-south-1.
    fn family() -> Family {
        let mut family = Family::new(key("us-east-1", MultiRegionKeyType::Primary), Vec::new());
        family.add_replica(key("eu-west-1", MultiRegionKeyType::Primary));
        family.add_replica(key("ap-south-1", MultiRegionKeyType::Primary));
        family
    }

    /// The same family, as a request in `name` sees it.
    fn seen_from(name: &str, family: Family) -> Family {
        let (named, relatives): (Vec<_>, Vec<_>) =
            family.into_members().partition(|member| member.arn.region == region(name));
        Family::new(named.into_iter().next().expect("it is there"), relatives)
    }

    fn replicas(member: &KeyRecord) -> Vec<&str> {
        member.multi_region.iter().flat_map(|family| &family.replicas).map(Region::as_str).collect()
    }

    #[test]
    fn all_members_name_the_same_primary_and_replicas() {
        let mut family = family();
        for member in family.members() {
            assert_eq!(member.is_replica(), member.arn.region != region("us-east-1"));
            assert_eq!(replicas(member), ["eu-west-1", "ap-south-1"]);
            assert_eq!(member.relatives().count(), 2);
            assert!(member.relatives().all(|arn| arn != member.arn));
        }
        family.change_primary(region("ap-south-1"));
        for member in family.members() {
            assert_eq!(member.is_replica(), member.arn.region != region("ap-south-1"));
            assert_eq!(replicas(member), ["eu-west-1", "us-east-1"]);
            let is_updating = member.arn.region != region("eu-west-1");
            assert_eq!(member.state == KeyState::Updating, is_updating);
            assert_eq!(member.next_due(), is_updating.then_some(Timestamp::default()));
        }
        assert!(family.named_mut().settle());
        assert_eq!(family.named().state, KeyState::Enabled);
        assert!(!family.named_mut().settle());
    }

    #[test]
    fn a_primary_waits_for_its_last_replica_and_then_for_its_own_date() {
        let mut family = family();
        family.named_mut().state = KeyState::PendingReplicaDeletion;
        if let Some(own) = &mut family.named_mut().multi_region {
            own.deletion_window_days = Some(7);
        }
        let mut left = seen_from("eu-west-1", family).without_named(at(10));
        assert_eq!((left[0].state, left[0].deletion_date), (KeyState::PendingReplicaDeletion, None));
        assert_eq!(replicas(&left[1]), ["ap-south-1"]);
        let last = left.pop().expect("the replica in ap-south-1");
        let left = Family::new(last, left).without_named(at(20));
        assert_eq!((left[0].state, left[0].deletion_date), (KeyState::PendingDeletion, Some(at(27))));
        assert!(replicas(&left[0]).is_empty());
        assert_eq!(left[0].next_due(), Some(at(27)));
    }

    #[test]
    fn all_members_rotate_and_the_primary_says_when() {
        let mut family = family();
        family.set_automatic_rotation(Some(AutomaticRotation::starting(90, at(0))));
        for member in family.members() {
            assert_eq!(member.is_rotation_due(at(90)), !member.is_replica());
            assert_eq!(member.next_due(), (!member.is_replica()).then(|| at(90)));
        }
        family.rotate_automatically(["a", "b", "c"].map(|bytes| material(2, Some(bytes))).into(), at(90));
        family.rotate_on_demand(["a", "b", "c"].map(|bytes| material(3, Some(bytes))).into(), at(91));
        for (member, bytes) in family.members().zip(["a", "b", "c"]) {
            assert_eq!(member.materials.len(), 3);
            assert_eq!(member.rotation.on_demand_count, 1);
            assert_eq!(member.rotation.automatic.map(|automatic| automatic.next), Some(at(180)));
            let current = member.current_material().and_then(|current| current.wrapped.as_ref());
            assert_eq!(current.map(|wrapped| wrapped.bytes.as_slice()), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn pending_material_waits_until_every_region_has_it() {
        let mut family = family();
        family.set_pending_material(material(2, Some("us-east-1")));
        for name in ["eu-west-1", "ap-south-1"] {
            assert!(!family.has_pending_material());
            assert!(!family.rotate_to_pending(at(1)));
            family = seen_from(name, family);
            family.named_mut().pending_material = Some(material(2, Some(name)));
        }
        assert!(family.has_pending_material());

        // A replica that deletes it waits for it again; nobody else does.
        assert!(family.delete_material(KeyMaterialId([2; 32])));
        assert!(!family.has_pending_material());
        assert!(family.members().all(|member| member.pending_material.is_some()));
        family.named_mut().pending_material = Some(material(2, Some("again")));

        // Setting the same once more takes nothing from the others.
        family = seen_from("us-east-1", family);
        family.set_pending_material(material(2, Some("us-east-1")));
        assert!(family.clone().rotate_to_pending(at(1)));

        assert!(family.delete_material(KeyMaterialId([2; 32])));
        assert!(family.members().all(|member| member.pending_material.is_none()));
    }

    #[test]
    fn imported_material_expires_where_it_expires() {
        let mut family = family();
        let expiring = |id| {
            let import = Some(Import { description: None, valid_to: Some(at(5)) });
            KeyMaterial { import, ..material(id, Some("x")) }
        };
        family.named_mut().materials = vec![expiring(1)];
        family.set_pending_material(expiring(2));
        assert!(family.expire_materials(at(4)).is_empty());
        assert_eq!(family.expire_materials(at(5)), [KeyMaterialId([1; 32]), KeyMaterialId([2; 32])]);
        for member in family.members() {
            assert_eq!(member.state == KeyState::PendingImport, !member.is_replica());
            assert_eq!(member.pending_material, None);
        }
    }
}
