//! A key as the memory holds it: the record, and everything that a decision about it needs.
//!
//! # Invariant
//! The policy is the record's, prepared once when the record was loaded or changed; no request prepares it again. Users and
//! roles stand in it by the unique ids that they had when it was put.

use std::sync::Arc;

use strongroom_authz::decide::{AttachedPolicy, ResourcePolicies};
use strongroom_authz::policy::Policy;
use strongroom_core::ids::AliasName;
use strongroom_core::key::KeyRecord;
use strongroom_store::Version;

use super::grants::KeyGrants;
use super::policy::{POLICY_NAME, read_policy};
use crate::error::OpError;
use crate::identity::principals::resolved;

/// A key, its policy, its grants and its aliases.
#[derive(Clone, Debug)]
pub(crate) struct KeyEntry {
    pub(crate) record: Arc<KeyRecord>,
    /// Of the record in the store.
    pub(crate) version: Version,
    policy: Arc<[AttachedPolicy; 1]>,
    pub(crate) grants: Arc<KeyGrants>,
    /// The names that point to it.
    pub(crate) aliases: Arc<[AliasName]>,
}

impl KeyEntry {
    /// Prepares a stored key.
    ///
    /// # Errors
    /// [`OpError::BadRecord`] when its policy is none; such a policy is never stored.
    pub(crate) fn new(
        record: KeyRecord,
        version: Version,
        grants: KeyGrants,
        aliases: Arc<[AliasName]>,
    ) -> Result<Self, OpError> {
        let policy = attach(&record)?;
        Ok(Self { record: Arc::new(record), version, policy, grants: Arc::new(grants), aliases })
    }

    /// The same key after a change of its record.
    ///
    /// # Errors
    /// As [`KeyEntry::new`].
    pub(crate) fn with_record(&self, record: KeyRecord, version: Version) -> Result<Self, OpError> {
        let is_same = record.policy == self.record.policy && record.policy_principals == self.record.policy_principals;
        let policy = if is_same { Arc::clone(&self.policy) } else { attach(&record)? };
        Ok(Self { record: Arc::new(record), version, policy, ..self.clone() })
    }

    /// The same key with other grants.
    pub(crate) fn with_grants(&self, grants: KeyGrants) -> Self {
        Self { grants: Arc::new(grants), ..self.clone() }
    }

    /// The same key with other aliases.
    pub(crate) fn with_aliases(&self, aliases: Arc<[AliasName]>) -> Self {
        Self { aliases, ..self.clone() }
    }

    /// The bytes that it takes in memory, about. Measured: a prepared policy takes some ten times its text, which is there too.
    pub(crate) fn weight(&self) -> u64 {
        const KEY: usize = 2_500;
        const POLICY_TIMES: usize = 11;
        const MATERIAL: usize = 300;
        const NAME: usize = 64;
        let record = &self.record;
        let materials = record
            .materials
            .iter()
            .chain(&record.pending_material)
            .map(|material| MATERIAL + material.wrapped.as_ref().map_or(0, |wrapped| wrapped.bytes.len()));
        let tags = record.tags.iter().map(|tag| NAME + tag.key.len() + tag.value.len());
        let principals = record.policy_principals.iter().map(|named| NAME + named.arn.len() + named.id.len());
        let aliases = self.aliases.iter().map(|alias| NAME + alias.as_str().len());
        let lists: usize = materials.chain(tags).chain(principals).chain(aliases).sum();
        let bytes = KEY + record.description.len() + POLICY_TIMES * record.policy.len() + lists;
        bytes as u64 + self.grants.weight()
    }

    /// What decides about requests for this key.
    pub(crate) fn policies(&self) -> ResourcePolicies<'_> {
        ResourcePolicies { policies: &*self.policy, grants: Some(self.grants.set()) }
    }

    /// The key policy, to be kept with a decision.
    pub(crate) fn kept_policies(&self) -> Arc<[AttachedPolicy]> {
        Arc::<[AttachedPolicy; 1]>::clone(&self.policy)
    }

    /// The policy, with users and roles by their unique ids.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy[0].policy
    }
}

fn attach(record: &KeyRecord) -> Result<Arc<[AttachedPolicy; 1]>, OpError> {
    let policy = read_policy(&record.policy).map_err(|_| OpError::BadRecord)?;
    let policy = resolved(policy, &record.policy_principals).map_err(|_| OpError::BadRecord)?;
    Ok(Arc::new([AttachedPolicy { name: POLICY_NAME.into(), policy: Arc::new(policy) }]))
}
