//! Keys in memory, within a number of bytes.
//!
//! A key weighs from two kilobytes to tens of megabytes, by its policy and its grants. A cache that many cores share is divided
//! into parts, and takes nothing that is larger than a part. So keys that are large for that are kept apart, in a cache that is
//! not divided.
//!
//! # Invariants
//! - The keys together weigh no more than they may, but for a key that weighs more than all large ones may: it is kept alone
//!   among them, since to read it for every call would cost more than to keep it.
//! - A key that becomes large or small is put into its new place before it leaves the old one: who looks for it finds it.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use strongroom_core::arn::KeyArn;

use super::super::entry::KeyEntry;
use crate::metrics::CacheFigures;

/// Of the memory, the part for large keys.
const PART_FOR_LARGE: u64 = 4;
/// Keys of which a part of the cache has room for fewer than so many are large.
const IN_A_PART: u64 = 2;
/// What a key without much of a policy weighs, about.
const USUAL_WEIGHT: u64 = 4_096;

/// A key weighs what it takes, but never more than fits.
#[derive(Clone)]
struct Weight {
    at_most: u64,
}

impl Weighter<KeyArn, Arc<KeyEntry>> for Weight {
    fn weight(&self, _: &KeyArn, entry: &Arc<KeyEntry>) -> u64 {
        entry.weight().clamp(1, self.at_most)
    }
}

type Kept = Cache<KeyArn, Arc<KeyEntry>, Weight>;

/// The keys that were named of late.
pub(super) struct KeyMemory {
    small: Kept,
    large: Kept,
    /// What a large key weighs at least.
    large_from: u64,
}

impl KeyMemory {
    /// An empty memory of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let for_large = bytes / PART_FOR_LARGE;
        let for_small = bytes - for_large;
        let items = usize::try_from(for_small / USUAL_WEIGHT).unwrap_or(usize::MAX).max(1);
        let small = Cache::with_weighter(items, for_small, Weight { at_most: u64::MAX });
        let undivided = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(usize::try_from(for_large / USUAL_WEIGHT).unwrap_or(usize::MAX).max(1))
            .weight_capacity(for_large)
            .build()
            .expect("both capacities are given");
        // The cache keeps a few percent for what is new.
        let weight = Weight { at_most: (for_large - for_large / 16).max(1) };
        let large = Cache::with_options(undivided, weight, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { large_from: small.shard_capacity() / IN_A_PART, small, large }
    }

    pub(super) fn get(&self, arn: &KeyArn) -> Option<Arc<KeyEntry>> {
        self.small.get(arn).or_else(|| self.large.get(arn))
    }

    pub(super) fn insert(&self, arn: KeyArn, entry: Arc<KeyEntry>) {
        let (to, from) = match entry.weight() >= self.large_from {
            true => (&self.large, &self.small),
            false => (&self.small, &self.large),
        };
        to.insert(arn, entry);
        from.remove(&arn);
    }

    pub(super) fn remove(&self, arn: &KeyArn) {
        self.small.remove(arn);
        self.large.remove(arn);
    }

    pub(super) fn clear(&self) {
        self.small.clear();
        self.large.clear();
    }

    /// The bytes that the keys take, about.
    pub(super) fn weight(&self) -> u64 {
        self.small.weight() + self.large.weight()
    }

    pub(super) fn figures(&self) -> CacheFigures {
        CacheFigures {
            name: "keys",
            hits: self.small.hits() + self.large.hits(),
            // Whoever misses a key looks among the large ones last.
            misses: self.large.misses(),
            entries: self.small.len() + self.large.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::generated::{KeySpec, KeyState, KeyUsage, Origin};
    use strongroom_core::ids::KeyId;
    use strongroom_core::key::{KeyRecord, RotationState};
    use strongroom_core::world::Timestamp;
    use strongroom_store::Version;

    use super::*;
    use crate::keys::grants::KeyGrants;
    use crate::keys::policy::default_policy;

    fn arn(number: u32) -> KeyArn {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let account = "111122223333".parse().expect("twelve digits");
        KeyArn { account, region: "eu-west-1".parse().expect("a Region"), key: KeyId::single_region(id) }
    }

    /// A key whose description makes it as heavy as that.
    fn key(number: u32, description_bytes: usize) -> Arc<KeyEntry> {
        let arn = arn(number);
        let record = KeyRecord {
            arn,
            creation_date: Timestamp::default(),
            description: "d".repeat(description_bytes),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            state: KeyState::Enabled,
            deletion_date: None,
            multi_region: None,
            policy: default_policy(&arn),
            policy_principals: Vec::new(),
            tags: Vec::new(),
            materials: Vec::new(),
            pending_material: None,
            rotation: RotationState::default(),
            scheduled: None,
        };
        let entry = KeyEntry::new(record, Version::FIRST, KeyGrants::default(), Arc::from([]));
        Arc::new(entry.expect("a good policy"))
    }

    #[test]
    fn however_many_keys_come_their_bytes_are_bounded() {
        const BYTES: u64 = 8 << 20;
        let memory = KeyMemory::new(BYTES);
        for number in 0..20_000_u32 {
            let heavy = number.is_multiple_of(100);
            memory.insert(arn(number), key(number, if heavy { 500_000 } else { 100 }));
            assert!(memory.weight() <= BYTES, "after {number}");
        }
        assert!(memory.weight() > BYTES / 2, "and used");
        assert!(memory.get(&arn(19_999)).is_some());
    }

    /// What is larger than all large keys may be is kept, and the others with it while there is room.
    #[test]
    fn the_largest_key_is_kept() {
        let memory = KeyMemory::new(8 << 20);
        memory.insert(arn(1), key(1, 100));
        memory.insert(arn(2), key(2, 30 << 20));
        for _ in 0..3 {
            assert!(memory.get(&arn(1)).is_some());
            assert!(memory.get(&arn(2)).is_some());
        }
        let figures = memory.figures();
        assert_eq!((figures.hits, figures.misses, figures.entries), (6, 0, 2));
        assert!(memory.get(&arn(3)).is_none());
        assert_eq!(memory.figures().misses, 1);
    }

    #[test]
    fn a_key_that_grows_or_shrinks_is_there_once() {
        let memory = KeyMemory::new(8 << 20);
        for description_bytes in [10, 1 << 20, 20, 1 << 20, 30] {
            memory.insert(arn(1), key(1, description_bytes));
            assert_eq!(memory.figures().entries, 1);
            let found = memory.get(&arn(1)).expect("it is there");
            assert_eq!(found.record.description.len(), description_bytes);
        }
        memory.remove(&arn(1));
        assert!(memory.get(&arn(1)).is_none());
        memory.insert(arn(1), key(1, 1 << 20));
        memory.clear();
        assert!(memory.get(&arn(1)).is_none());
        assert_eq!(memory.weight(), 0);
    }
}
