//! What the reference says of multi-Region keys (behaviours 4.10, 8.5): relatives are the keys of one id.

use strongroom_core::generated::{KeyState, OpName};

use super::reference::{ALREADY_EXISTS, DAY, Key, Material, NOT_FOUND, Reference, Rule, UNSUPPORTED};

impl Reference {
    /// The members of the key's family that are there, itself among them.
    pub(super) fn family(&self, key: usize) -> Vec<usize> {
        let is_member = |at: &usize| !self.keys[*at].is_gone && self.keys[*at].id == self.keys[key].id;
        (0..self.keys.len()).filter(is_member).collect()
    }

    pub(super) fn member_in(&self, id: &str, region: &str) -> Option<usize> {
        self.keys.iter().position(|key| !key.is_gone && key.id == id && key.region == region)
    }

    /// Does the same to all members.
    pub(super) fn for_family(&mut self, key: usize, mut change: impl FnMut(&mut Key)) {
        for member in self.family(key) {
            change(&mut self.keys[member]);
        }
    }

    pub(super) fn replicate_key(&mut self, key: usize, region: &'static str) -> Rule {
        let primary = &self.keys[key];
        if primary.is_gone {
            return Err(NOT_FOUND);
        }
        if !primary.kind.is_multi_region || primary.is_replica {
            return Err(UNSUPPORTED);
        }
        self.admit(OpName::ReplicateKey, key)?;
        if self.member_in(&primary.id, region).is_some() {
            return Err(ALREADY_EXISTS);
        }
        let copy = |material: &Material| match primary.kind.is_external {
            true => without_bytes(material),
            false => material.clone(),
        };
        let replica = Key {
            arn: primary.arn.replace(primary.region, region),
            region,
            is_replica: true,
            state: KeyState::Creating,
            description: String::new(),
            policy: None,
            tags: std::collections::BTreeMap::new(),
            materials: primary.materials.iter().map(copy).collect(),
            pending: primary.pending.as_ref().map(copy),
            last_use: None,
            ..primary.clone()
        };
        // Where a replica was destroyed there can be another of the same ARN. Nothing of the former is its own.
        match self.keys.iter().position(|key| key.is_gone && key.arn == replica.arn) {
            Some(former) => {
                self.grants.iter_mut().filter(|grant| grant.key == former).for_each(|grant| grant.is_gone = true);
                self.keys[former] = replica;
            }
            None => self.keys.push(replica),
        }
        Ok(())
    }

    pub(super) fn update_primary_region(&mut self, key: usize, region: &'static str) -> Rule {
        let primary = &self.keys[key];
        if primary.is_gone {
            return Err(NOT_FOUND);
        }
        if !primary.kind.is_multi_region || primary.is_replica {
            return Err(UNSUPPORTED);
        }
        self.admit(OpName::UpdatePrimaryRegion, key)?;
        let replica = self.member_in(&primary.id, region).ok_or(NOT_FOUND)?;
        self.admit(OpName::UpdatePrimaryRegion, replica)?;
        for (member, is_replica) in [(key, true), (replica, false)] {
            self.keys[member].is_replica = is_replica;
            self.keys[member].state = KeyState::Updating;
        }
        Ok(())
    }

    /// A primary with replicas waits for their end first.
    pub(super) fn begin_deletion(&mut self, key: usize, days: i64) {
        let waits = !self.keys[key].is_replica && self.family(key).len() > 1;
        let date = self.now + days * DAY;
        let key = &mut self.keys[key];
        key.state = if waits { KeyState::PendingReplicaDeletion } else { KeyState::PendingDeletion };
        key.deletion_window = waits.then_some(days);
        key.deletion_date = (!waits).then_some(date);
    }

    /// The replica is gone: a primary that waited for its last one begins its own time.
    pub(super) fn bury_replica(&mut self, replica: usize) {
        if let [last] = self.family(replica)[..]
            && self.keys[last].state == KeyState::PendingReplicaDeletion
            && let Some(days) = self.keys[last].deletion_window
        {
            self.begin_deletion(last, days);
        }
    }

    /// Whether material waits for a rotation, and every member has it.
    pub(super) fn pending_is_everywhere(&self, key: usize) -> bool {
        let has_it = |member: &usize| self.keys[*member].pending.as_ref().is_some_and(|pending| pending.is_here);
        self.family(key).iter().all(has_it)
    }

    /// Takes pending material away. A replica waits for the same bytes again; of a primary it is gone everywhere.
    pub(super) fn drop_pending(&mut self, key: usize) {
        if self.keys[key].is_replica {
            let pending = self.keys[key].pending.as_ref().map(without_bytes_but_described);
            self.keys[key].pending = pending;
        } else {
            self.keys[key].pending = None;
            self.share_pending(key);
        }
    }

    /// What the primary has pending, its replicas wait for.
    pub(super) fn share_pending(&mut self, primary: usize) {
        if self.keys[primary].is_replica {
            return;
        }
        let pending = self.keys[primary].pending.clone();
        for member in self.family(primary).into_iter().filter(|member| *member != primary) {
            let own = &mut self.keys[member].pending;
            let identity = |material: &Option<Material>| material.as_ref().map(|material| material.identity.clone());
            if identity(own) != identity(&pending) {
                *own = pending.as_ref().map(without_bytes);
            }
        }
    }
}

fn without_bytes(material: &Material) -> Material {
    Material { is_here: false, valid_to: None, description: None, ..material.clone() }
}

fn without_bytes_but_described(material: &Material) -> Material {
    Material { is_here: false, valid_to: None, ..material.clone() }
}
