//! The grants of one key in memory: by id, and as the policy engine asks for them.
//!
//! # Invariant
//! Both views hold the same grants. A set is never changed in place while somebody judges by it: it is replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_authz::grants::{Grant, GrantConstraints, GrantPrincipal, GrantSet, ProposedGrant};
use strongroom_core::grant::{self, GrantParty, GrantRecord, GrantTerms};
use strongroom_core::ids::GrantId;
use strongroom_store::Version;

use crate::error::OpError;

/// A grant, as kept and as judged by.
#[derive(Debug)]
pub(crate) struct KeptGrant {
    pub(crate) record: GrantRecord,
    pub(crate) version: Version,
    pub(crate) compiled: Arc<Grant>,
}

impl KeptGrant {
    /// Prepares a stored grant.
    ///
    /// # Errors
    /// [`OpError::BadRecord`] when it names nobody; such a grant is never stored.
    pub(crate) fn new(record: GrantRecord, version: Version) -> Result<Self, OpError> {
        let terms = &record.terms;
        // Judged by whom the ARN meant when the grant was made.
        let principal = |party: &GrantParty| match record.principals.iter().find(|named| *named.arn == *party.as_str())
        {
            Some(named) => GrantPrincipal::parse_arn(&named.id),
            None => principal(party),
        };
        let compiled = Grant {
            id: record.id,
            grantee: principal(&terms.grantee).ok_or(OpError::BadRecord)?,
            retiring: match &terms.retiring {
                Some(party) => Some(principal(party).ok_or(OpError::BadRecord)?),
                None => None,
            },
            issuing_account: GrantPrincipal::account(record.key.region.partition(), record.issuing_account),
            operations: terms.operations.iter().copied().collect(),
            constraints: compile(&terms.constraints),
        };
        Ok(Self { compiled: Arc::new(compiled), record, version })
    }

    /// The bytes that it takes in memory, about. Measured: names stand in the record, in what is judged by, and in the index.
    fn weight(&self) -> u64 {
        const GRANT: usize = 2_700;
        const TIMES: usize = 3;
        const PAIR: usize = 128;
        let terms = &self.record.terms;
        let parties = terms.grantee.as_str().len() + terms.retiring.as_ref().map_or(0, |party| party.as_str().len());
        let constraints = &terms.constraints;
        let contexts = [&constraints.encryption_context_equals, &constraints.encryption_context_subset];
        let pairs = contexts.into_iter().flatten().flatten().map(|(name, value)| PAIR + 2 * (name.len() + value.len()));
        let principals = self.record.principals.iter().map(|named| PAIR + named.arn.len() + named.id.len());
        let source = constraints.source_arn.as_ref().map_or(0, |arn| 2 * arn.len());
        let name = terms.name.as_ref().map_or(0, String::len);
        (GRANT + TIMES * parties + name + source + pairs.chain(principals).sum::<usize>()) as u64
    }
}

/// Whom a grant names, for the policy engine. `None` when it is nobody that a grant can name.
pub(crate) fn principal(party: &GrantParty) -> Option<GrantPrincipal> {
    match party {
        // A unique id names a principal too, but requests name it by its ARN.
        GrantParty::Principal(arn) if !arn.starts_with("arn:") => None,
        GrantParty::Principal(arn) => GrantPrincipal::parse_arn(arn),
        GrantParty::Service(name) => GrantPrincipal::parse_service(name),
    }
}

/// A grant to be made, for the policy engine.
pub(crate) fn proposed(terms: &GrantTerms) -> ProposedGrant {
    ProposedGrant { operations: terms.operations.iter().copied().collect(), constraints: compile(&terms.constraints) }
}

fn compile(constraints: &grant::GrantConstraints) -> GrantConstraints {
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    GrantConstraints {
        encryption_context_equals: constraints.encryption_context_equals.as_ref().map(pairs),
        encryption_context_subset: constraints.encryption_context_subset.as_ref().map(pairs),
        source_arn: constraints.source_arn.clone(),
    }
}

/// All grants of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyGrants {
    /// By the first bits of their ids, so in the order of ids; none while there are no grants. A changed set shares all
    /// shards but one with what it was made from.
    shards: Vec<Arc<Shard>>,
    weight: u64,
    set: GrantSet,
}

type Shard = BTreeMap<GrantId, Arc<KeptGrant>>;

const SHARDS: usize = 64;

/// Ids are random: their first bits spread them evenly.
fn shard_of(id: GrantId) -> usize {
    usize::from(id.0[0]) * SHARDS / 256
}

impl KeyGrants {
    /// The bytes that the grants take in memory, about.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    pub(crate) fn get(&self, id: GrantId) -> Option<&Arc<KeptGrant>> {
        self.shards.get(shard_of(id))?.get(&id)
    }

    /// As the policy engine asks for them.
    pub(crate) fn set(&self) -> &GrantSet {
        &self.set
    }

    /// The grants after `after`, by id.
    pub(crate) fn iter_after(&self, after: Option<GrantId>) -> impl Iterator<Item = &Arc<KeptGrant>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let bounds = (after.map_or(Unbounded, Excluded), Unbounded);
        let shards = self.shards.iter().skip(after.map_or(0, shard_of));
        shards.flat_map(move |shard| shard.range(bounds)).map(|(_, grant)| grant)
    }

    /// The grant that the same account made with the same name and the same terms.
    pub(crate) fn twin_of(&self, record: &GrantRecord) -> Option<GrantId> {
        record.terms.name.as_ref()?;
        let same = |own: &GrantRecord| {
            own.issuing_account == record.issuing_account
                && own.terms == record.terms
                && own.principals == record.principals
        };
        self.iter_after(None).find(|own| same(&own.record)).map(|own| own.record.id)
    }

    pub(crate) fn insert(&mut self, grant: KeptGrant) {
        self.set.insert(Arc::clone(&grant.compiled));
        if self.shards.is_empty() {
            self.shards = vec![Arc::default(); SHARDS];
        }
        let id = grant.record.id;
        self.weight += grant.weight();
        let before = Arc::make_mut(&mut self.shards[shard_of(id)]).insert(id, Arc::new(grant));
        self.weight -= before.map_or(0, |before| before.weight());
    }

    pub(crate) fn remove(&mut self, id: GrantId) {
        if self.get(id).is_none() {
            return;
        }
        if let Some(grant) = Arc::make_mut(&mut self.shards[shard_of(id)]).remove(&id) {
            self.weight -= grant.weight();
            self.set.remove(&grant.compiled);
        }
    }
}
