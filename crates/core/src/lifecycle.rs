//! What time and imports do to a key, as pure functions of its record (behaviours 8.1 to 8.4).
//!
//! # Invariants
//! - A change tells which materials it took away, so that open copies can be wiped.
//! - [`KeyRecord::next_due`] names a moment whenever time alone will change the key, and none otherwise.
//!
//! # Not here
//! Making, wrapping and wiping of material; the store; who may ask.

use crate::generated::{KeySpec, KeyState, Origin, RotationType};
use crate::ids::KeyMaterialId;
use crate::key::{AutomaticRotation, KeyMaterial, KeyRecord, MultiRegion, Rotation};
use crate::world::Timestamp;

impl AutomaticRotation {
    /// A rotation every `period_days` from `now` on.
    pub fn starting(period_days: u32, now: Timestamp) -> Self {
        Self { period_days, next: now.plus_days(period_days.into()) }
    }

    /// The schedule after the rotation that was due and happened at `now`: the next date of the series, or, when that
    /// has passed too, a period from now.
    fn after(self, now: Timestamp) -> Self {
        let next = self.next.plus_days(self.period_days.into());
        if next > now { Self { next, ..self } } else { Self::starting(self.period_days, now) }
    }
}

impl KeyMaterial {
    /// When it is to be deleted: only while it is there, and only if it expires.
    pub fn expiry(&self) -> Option<Timestamp> {
        self.wrapped.as_ref().and(self.import.as_ref()).and_then(|import| import.valid_to)
    }

    /// Takes the bytes away; what the material is called stays.
    fn empty(&mut self) {
        self.wrapped = None;
        if let Some(import) = &mut self.import {
            import.valid_to = None;
        }
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry <= now)
    }
}

impl KeyRecord {
    /// Whether the key can have several materials over time.
    pub fn rotates(&self) -> bool {
        self.spec == KeySpec::SymmetricDefault && matches!(self.origin, Origin::AwsKms | Origin::External)
    }

    /// Whether a material that its ciphertexts may need is not there. A key without any is not complete either.
    pub fn lacks_material(&self) -> bool {
        self.materials.is_empty() || self.materials.iter().any(|material| material.wrapped.is_none())
    }

    /// The earliest moment at which time changes this key.
    pub fn next_due(&self) -> Option<Timestamp> {
        let rotation = self.rotation.automatic.filter(|_| self.rotates_by_itself()).map(|automatic| automatic.next);
        let expiries = self.materials.iter().chain(&self.pending_material).filter_map(KeyMaterial::expiry);
        let deletion = self.is_pending_deletion().then_some(self.deletion_date).flatten();
        // What settles does so at the next look, whenever that is.
        let settlement = self.is_settling().then_some(Timestamp::default());
        expiries.chain(rotation).chain(deletion).chain(settlement).min()
    }

    /// Whether it is in a state that passes by itself.
    pub fn is_settling(&self) -> bool {
        matches!(self.state, KeyState::Creating | KeyState::Updating)
    }

    /// Ends a state that passes by itself, and says whether it was in one.
    pub fn settle(&mut self) -> bool {
        let is_settling = self.is_settling();
        if is_settling {
            self.state = if self.lacks_material() { KeyState::PendingImport } else { KeyState::Enabled };
        }
        is_settling
    }

    /// A primary rotates, and its replicas with it; its own state alone decides.
    fn rotates_by_itself(&self) -> bool {
        self.state == KeyState::Enabled && !self.is_replica()
    }

    /// Begins the waiting period before the destruction; a primary with replicas waits for them first.
    pub fn begin_deletion(&mut self, window_days: u32, now: Timestamp) {
        match &mut self.multi_region {
            Some(family) if !family.is_replica() && !family.replicas.is_empty() => {
                self.state = KeyState::PendingReplicaDeletion;
                family.deletion_window_days = Some(window_days);
            }
            Some(_) | None => {
                self.state = KeyState::PendingDeletion;
                self.deletion_date = Some(now.plus_days(window_days.into()));
            }
        }
    }

    /// Ends the waiting period: the key is disabled, or waits for imported material that it lacks.
    pub fn cancel_deletion(&mut self) {
        self.state = if self.lacks_material() { KeyState::PendingImport } else { KeyState::Disabled };
        self.deletion_date = None;
        if let Some(family) = &mut self.multi_region {
            family.deletion_window_days = None;
        }
    }

    /// Whether the waiting period is over.
    pub fn is_to_be_destroyed(&self, now: Timestamp) -> bool {
        self.is_pending_deletion() && self.deletion_date.is_some_and(|date| date <= now)
    }

    /// Whether the automatic rotation is due, and the state lets it happen.
    pub fn is_rotation_due(&self, now: Timestamp) -> bool {
        self.rotates_by_itself() && self.rotation.automatic.is_some_and(|automatic| automatic.next <= now)
    }

    /// Makes `material` the current one, as the automatic rotation of `now`.
    pub fn rotate_automatically(&mut self, material: KeyMaterial, now: Timestamp) {
        self.rotation.automatic = self.rotation.automatic.map(|automatic| automatic.after(now));
        self.make_current(material, RotationType::Automatic, now);
    }

    /// Makes `material` the current one, as a rotation on demand: the automatic schedule stays as it was.
    pub fn rotate_on_demand(&mut self, material: KeyMaterial, now: Timestamp) {
        self.rotation.on_demand_count = self.rotation.on_demand_count.saturating_add(1);
        self.make_current(material, RotationType::OnDemand, now);
    }

    fn make_current(&mut self, material: KeyMaterial, kind: RotationType, now: Timestamp) {
        self.materials.push(KeyMaterial { rotation: Some(Rotation { date: now, kind }), ..material });
    }

    /// The imported materials that have expired.
    pub fn expired_materials(&self, now: Timestamp) -> Vec<KeyMaterialId> {
        let all = self.materials.iter().chain(&self.pending_material);
        all.filter(|material| material.has_expired(now)).map(|material| material.id).collect()
    }

    /// Deletes imported material, and says whether the key has one of this id.
    ///
    /// Pending material is dropped whole. All other leaves its id behind: the key waits for the same bytes again. So does a
    /// replica for what its primary has pending.
    pub fn delete_material(&mut self, id: KeyMaterialId) -> bool {
        if self.pending_material.as_ref().is_some_and(|pending| pending.id == id) {
            match &mut self.pending_material {
                Some(pending) if self.multi_region.as_ref().is_some_and(MultiRegion::is_replica) => pending.empty(),
                pending => *pending = None,
            }
            return true;
        }
        let Some(material) = self.materials.iter_mut().find(|material| material.id == id) else { return false };
        material.empty();
        if matches!(self.state, KeyState::Enabled | KeyState::Disabled) {
            self.state = KeyState::PendingImport;
        }
        true
    }

    /// After an import: a key that waited for material and has it all is enabled.
    pub fn settle_import(&mut self) {
        if self.state == KeyState::PendingImport && !self.lacks_material() {
            self.state = KeyState::Enabled;
        }
    }

    fn is_pending_deletion(&self) -> bool {
        matches!(self.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::KeyUsage;
    use crate::key::{Import, RotationState, Wrapped};

    const fn at(days: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_days(days)
    }

    fn material(id: u8, valid_to: Option<Timestamp>) -> KeyMaterial {
        KeyMaterial {
            id: KeyMaterialId([id; 32]),
            creation_date: at(0),
            wrapped: Some(Wrapped { wrapping_key_version: 1, bytes: vec![id] }),
            rotation: None,
            import: Some(Import { description: None, valid_to }),
        }
    }

    fn key(state: KeyState) -> KeyRecord {
        KeyRecord {
            arn: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().expect("an ARN"),
            creation_date: at(0),
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::External,
            state,
            deletion_date: (state == KeyState::PendingDeletion).then_some(at(30)),
            multi_region: None,
            policy: "{}".into(),
            policy_principals: Vec::new(),
            tags: Vec::new(),
            materials: vec![material(1, None)],
            pending_material: None,
            rotation: RotationState { automatic: Some(AutomaticRotation::starting(90, at(0))), on_demand_count: 0 },
            scheduled: None,
        }
    }

    #[test]
    fn the_schedule_knows_what_comes_first() {
        check(KeyState::Enabled, &[], None, Some(90));
        check(KeyState::Disabled, &[], None, None);
        check(KeyState::PendingImport, &[], None, None);
        check(KeyState::PendingDeletion, &[], None, Some(30));
        check(KeyState::Enabled, &[50], None, Some(50));
        check(KeyState::Enabled, &[120, 100], None, Some(90));
        check(KeyState::Disabled, &[120, 100], None, Some(100));
        check(KeyState::Disabled, &[120], Some(7), Some(7));
        check(KeyState::PendingDeletion, &[5], None, Some(5));
        check(KeyState::PendingDeletion, &[50], None, Some(30));

        #[track_caller]
        fn check(state: KeyState, expiries: &[i64], pending: Option<i64>, due: Option<i64>) {
            let mut key = key(state);
            key.materials.extend(expiries.iter().map(|days| material(2, Some(at(*days)))));
            key.pending_material = pending.map(|days| material(3, Some(at(days))));
            assert_eq!(key.next_due(), due.map(at));
        }
    }

    #[test]
    fn rotation_keeps_its_dates_unless_it_missed_one() {
        check(90, 180);
        check(91, 180);
        check(179, 180);
        check(180, 270);
        check(400, 490);

        #[track_caller]
        fn check(happens: i64, next: i64) {
            let mut key = key(KeyState::Enabled);
            assert!(!key.is_rotation_due(at(89)));
            assert!(key.is_rotation_due(at(happens)));
            key.rotate_automatically(material(2, None), at(happens));
            assert_eq!(key.rotation.automatic.map(|automatic| automatic.next), Some(at(next)));
            assert!(!key.is_rotation_due(at(happens)));
            assert_eq!(key.rotation.on_demand_count, 0);
        }
    }

    #[test]
    fn only_enabled_keys_rotate_by_themselves() {
        for state in KeyState::ALL {
            assert_eq!(key(*state).is_rotation_due(at(1000)), *state == KeyState::Enabled, "{state}");
        }
    }

    #[test]
    fn a_rotation_on_demand_leaves_the_schedule() {
        let mut key = key(KeyState::Enabled);
        key.rotate_on_demand(material(2, None), at(10));
        assert_eq!(key.rotation.automatic, Some(AutomaticRotation::starting(90, at(0))));
        assert_eq!(key.rotation.on_demand_count, 1);
        let current = key.current_material().expect("it was rotated");
        assert_eq!(current.id, KeyMaterialId([2; 32]));
        assert_eq!(current.rotation, Some(Rotation { date: at(10), kind: RotationType::OnDemand }));
    }

    #[test]
    fn expired_material_goes_and_leaves_its_id() {
        let mut key = key(KeyState::Enabled);
        key.materials.push(material(2, Some(at(5))));
        key.pending_material = Some(material(3, Some(at(6))));
        assert!(key.expired_materials(at(4)).is_empty());
        assert_eq!(key.expired_materials(at(5)), [KeyMaterialId([2; 32])]);
        assert!(key.delete_material(KeyMaterialId([2; 32])));
        assert_eq!(key.state, KeyState::PendingImport);
        assert!(key.lacks_material());
        assert_eq!(key.materials[1].wrapped, None);
        assert_eq!(key.next_due(), Some(at(6)));
        assert_eq!(key.expired_materials(at(6)), [KeyMaterialId([3; 32])]);
        assert!(key.delete_material(KeyMaterialId([3; 32])));
        assert_eq!((key.pending_material.as_ref(), key.next_due()), (None, None));
        assert!(!key.delete_material(KeyMaterialId([9; 32])));
    }

    #[test]
    fn deleting_material_moves_the_states_that_need_it() {
        check(KeyState::Enabled, KeyState::PendingImport, KeyState::Enabled);
        check(KeyState::Disabled, KeyState::PendingImport, KeyState::Enabled);
        check(KeyState::PendingDeletion, KeyState::PendingDeletion, KeyState::PendingDeletion);

        #[track_caller]
        fn check(state: KeyState, without: KeyState, again: KeyState) {
            let mut key = key(state);
            assert!(key.delete_material(KeyMaterialId([1; 32])));
            assert_eq!(key.state, without);
            key.settle_import();
            assert_eq!(key.state, without, "nothing was imported");
            key.materials[0] = material(1, None);
            key.settle_import();
            assert_eq!(key.state, again);
        }
    }

    #[test]
    fn destruction_waits_for_its_date() {
        assert!(!key(KeyState::PendingDeletion).is_to_be_destroyed(at(29)));
        assert!(key(KeyState::PendingDeletion).is_to_be_destroyed(at(30)));
        assert!(!key(KeyState::Enabled).is_to_be_destroyed(at(30)));
    }
}
