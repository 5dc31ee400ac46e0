//! Grants: what one allows, and finding those that matter among many.
//!
//! # Invariants
//! - A grant allows and never denies. Its grantee is let in as a principal of a key policy would be.
//! - Encryption contexts compare exactly, keys and values (behaviours 6.3: the safer reading).
//! - A grant made by means of a grant allows nothing that its parent does not.
//!
//! # Not here
//! Grant tokens: a grant works as soon as it is in the set. Limits and names: CreateGrant knows them.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use strongroom_core::generated::GrantOperation;
use strongroom_core::ids::{AccountId, GrantId, Partition};

use crate::action::Action;
use crate::caller::{Caller, Principal};
use crate::condition::keys::ConditionKey;
use crate::context::{Pairs, RequestContext, Value};
use crate::policy::Grade;
use crate::policy::principal::PrincipalPattern;

/// A set of grant operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GrantOperations(u32);

impl GrantOperations {
    const fn bit(operation: GrantOperation) -> u32 {
        1 << operation as u32
    }

    /// Whether `operation` is among them.
    pub const fn contains(self, operation: GrantOperation) -> bool {
        self.0 & Self::bit(operation) != 0
    }

    /// Whether every one of `other` is among them.
    pub const fn contains_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl FromIterator<GrantOperation> for GrantOperations {
    fn from_iter<I: IntoIterator<Item = GrantOperation>>(operations: I) -> Self {
        Self(operations.into_iter().fold(0, |bits, operation| bits | Self::bit(operation)))
    }
}

/// Whoever a grant names: as grantee, or as the one who may retire it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrantPrincipal(PrincipalPattern);

impl GrantPrincipal {
    /// The principal that an ARN or a unique id names: an account's root, a user, a role, a session. `None` when it names nobody.
    pub fn parse_arn(text: &str) -> Option<Self> {
        match PrincipalPattern::parse_aws(text)? {
            PrincipalPattern::Everyone
            | PrincipalPattern::Nobody
            | PrincipalPattern::Provider(_)
            | PrincipalPattern::Account { partition: None, .. } => None,
            named @ (PrincipalPattern::Account { .. }
            | PrincipalPattern::User { .. }
            | PrincipalPattern::Role { .. }
            | PrincipalPattern::RoleSession { .. }
            | PrincipalPattern::FederatedUser { .. }
            | PrincipalPattern::UserId(_)
            | PrincipalPattern::RoleId(_)
            | PrincipalPattern::Service(_)) => Some(Self(named)),
        }
    }

    /// The service principal called `text`. `None` when no service can be called so.
    pub fn parse_service(text: &str) -> Option<Self> {
        PrincipalPattern::parse_service(text).map(Self)
    }

    /// The root of an account: whoever its identity policies let.
    pub fn account(partition: Partition, account: AccountId) -> Self {
        Self(PrincipalPattern::Account { partition: Some(partition), account })
    }

    /// How directly it names `caller`.
    pub fn grade(&self, caller: &Caller) -> Option<Grade> {
        self.0.grade(caller)
    }

    /// What the set of grants finds it by.
    fn index_key(&self) -> &str {
        match &self.0 {
            PrincipalPattern::Everyone | PrincipalPattern::Nobody => "",
            PrincipalPattern::Account { account, .. } => account.as_str(),
            PrincipalPattern::User { arn }
            | PrincipalPattern::Role { arn }
            | PrincipalPattern::RoleSession { arn }
            | PrincipalPattern::FederatedUser { arn } => arn,
            PrincipalPattern::UserId(name)
            | PrincipalPattern::RoleId(name)
            | PrincipalPattern::Service(name)
            | PrincipalPattern::Provider(name) => name,
        }
    }
}

/// When a grant allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantConstraints {
    /// The request's encryption context must be exactly this.
    pub encryption_context_equals: Option<Vec<(String, String)>>,
    /// The request's encryption context must have these pairs.
    pub encryption_context_subset: Option<Vec<(String, String)>>,
    /// The request must come on behalf of this resource.
    pub source_arn: Option<String>,
}

impl GrantConstraints {
    fn admit_context(&self, context: &dyn Pairs) -> bool {
        let has_all = |pairs: &[(String, String)]| pairs.iter().all(|(k, v)| context.value_of(k) == Some(v.as_str()));
        let equals = self.encryption_context_equals.as_deref();
        let subset = self.encryption_context_subset.as_deref();
        equals.is_none_or(|pairs| pairs.len() == context.count() && has_all(pairs)) && subset.is_none_or(has_all)
    }

    fn has_context(&self) -> bool {
        self.encryption_context_equals.is_some() || self.encryption_context_subset.is_some()
    }

    fn admit_source(&self, context: &dyn RequestContext) -> bool {
        let Some(source_arn) = &self.source_arn else { return true };
        let mut is_admitted = false;
        context.values(ConditionKey::AwsSourceArn, "", &mut |value| is_admitted |= value == Value::Text(source_arn));
        is_admitted
    }

    /// Whether whatever meets these meets `parent` too.
    fn are_as_strict_as(&self, parent: &Self) -> bool {
        let equals = self.encryption_context_equals.as_deref();
        let subset = self.encryption_context_subset.as_deref();
        let keeps_equals = parent
            .encryption_context_equals
            .as_deref()
            .is_none_or(|wanted| equals.is_some_and(|own| own.len() == wanted.len() && has_pairs(own, wanted)));
        let keeps_subset = parent
            .encryption_context_subset
            .as_deref()
            .is_none_or(|wanted| [equals, subset].into_iter().flatten().any(|own| has_pairs(own, wanted)));
        let keeps_source = parent.source_arn.is_none() || parent.source_arn == self.source_arn;
        keeps_equals && keeps_subset && keeps_source
    }

    /// A pair that every admitted context has, to find the grant by.
    fn discriminator(&self) -> Option<&(String, String)> {
        let equals = self.encryption_context_equals.as_deref().unwrap_or_default();
        let subset = self.encryption_context_subset.as_deref().unwrap_or_default();
        equals.first().or(subset.first())
    }
}

fn has_pairs(own: &[(String, String)], wanted: &[(String, String)]) -> bool {
    wanted.iter().all(|pair| own.contains(pair))
}

/// What authorization needs to know of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who may use it.
    pub grantee: GrantPrincipal,
    /// Who may retire it.
    pub retiring: Option<GrantPrincipal>,
    /// The account whose principal made it, which may retire it.
    pub issuing_account: GrantPrincipal,
    /// What it allows.
    pub operations: GrantOperations,
    /// When.
    pub constraints: GrantConstraints,
}

/// A grant that a caller wants to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedGrant {
    /// What it would allow.
    pub operations: GrantOperations,
    /// When.
    pub constraints: GrantConstraints,
}

/// How a grant met a request of its grantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantOutcome {
    /// It allows.
    Allows(Grade),
    /// It is about other operations.
    OtherOperation,
    /// The encryption context is another.
    OtherContext,
    /// The request does not come on behalf of the right resource.
    OtherSource,
    /// The grant to be made would allow more than this one.
    WouldWiden,
}

impl Grant {
    /// How this grant meets a request whose caller its grantee means.
    pub(crate) fn outcome(&self, ask: &GrantAsk<'_>, grade: Grade) -> GrantOutcome {
        if !self.operations.contains(ask.operation) {
            return GrantOutcome::OtherOperation;
        }
        if !self.constraints.admit_source(ask.context) {
            return GrantOutcome::OtherSource;
        }
        if ask.operation == GrantOperation::CreateGrant {
            let narrows = ask.proposed.is_some_and(|child| self.admits_child(child));
            return if narrows { GrantOutcome::Allows(grade) } else { GrantOutcome::WouldWiden };
        }
        let admits = match context_use(ask.operation) {
            ContextUse::Ignored => true,
            ContextUse::None => !self.constraints.has_context(),
            ContextUse::Compared => match ask.context.encryption_context() {
                Some(context) => self.constraints.admit_context(context),
                None => !self.constraints.has_context(),
            },
        };
        if admits { GrantOutcome::Allows(grade) } else { GrantOutcome::OtherContext }
    }

    /// Whether a grantee may make `child` by means of this grant (behaviours 6.3 and 6.4).
    pub fn admits_child(&self, child: &ProposedGrant) -> bool {
        self.operations.contains_all(child.operations) && child.constraints.are_as_strict_as(&self.constraints)
    }
}

/// What becomes of constraints on the encryption context.
enum ContextUse {
    /// They are compared with the request's context.
    Compared,
    /// They do not apply.
    Ignored,
    /// The operation has no context: a grant with such constraints allows nothing.
    None,
}

fn context_use(operation: GrantOperation) -> ContextUse {
    match operation {
        GrantOperation::Decrypt
        | GrantOperation::Encrypt
        | GrantOperation::GenerateDataKey
        | GrantOperation::GenerateDataKeyWithoutPlaintext
        | GrantOperation::GenerateDataKeyPair
        | GrantOperation::GenerateDataKeyPairWithoutPlaintext
        | GrantOperation::ReEncryptFrom
        | GrantOperation::ReEncryptTo => ContextUse::Compared,
        GrantOperation::DescribeKey | GrantOperation::RetireGrant | GrantOperation::CreateGrant => ContextUse::Ignored,
        GrantOperation::Sign
        | GrantOperation::Verify
        | GrantOperation::GetPublicKey
        | GrantOperation::GenerateMac
        | GrantOperation::VerifyMac
        | GrantOperation::DeriveSharedSecret
        | GrantOperation::Encapsulate
        | GrantOperation::Decapsulate => ContextUse::None,
    }
}

/// What grants are asked.
pub(crate) struct GrantAsk<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) operation: GrantOperation,
    pub(crate) context: &'a dyn RequestContext,
    pub(crate) proposed: Option<&'a ProposedGrant>,
}

/// The grant operation that an action is; `None` for actions that no grant allows.
pub(crate) fn operation_of(action: Action) -> Option<GrantOperation> {
    if action.service() == "kms" { action.name().parse().ok() } else { None }
}

/// The grants of a key, found by their grantees and by a pair of their constraints.
#[derive(Clone, Debug, Default)]
pub struct GrantSet {
    /// By the hash of the grantee's name; none while there are no grants. Sets share their shards: a change copies one of
    /// them, so that it costs little even among fifty thousand grants.
    shards: Vec<Arc<Shard>>,
    hasher: RandomState,
    len: usize,
}

/// Grants by their grantee's name.
type Shard = HashMap<Box<str>, Arc<GranteeGrants>>;

const SHARDS: usize = 64;

/// Grants that need a certain key in the context, by its value.
type GrantsByValue = BTreeMap<Box<str>, Vec<Arc<Grant>>>;

/// The grants of one grantee, ordered by their ids, so that every node names the same one when several allow.
#[derive(Clone, Debug, Default)]
struct GranteeGrants {
    /// Those that any context may meet.
    free: Vec<Arc<Grant>>,
    /// Those that need a certain pair in the context, by its key and value.
    by_pair: BTreeMap<Box<str>, GrantsByValue>,
}

impl GrantSet {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a grant, or replaces the one with its id, grantee and constraints. Sets that share their parts with this one
    /// keep what they had.
    pub fn insert(&mut self, grant: Arc<Grant>) {
        if self.shards.is_empty() {
            self.shards = vec![Arc::default(); SHARDS];
        }
        let name = grant.grantee.index_key();
        let at = self.shard_of(name);
        let grants = Arc::make_mut(Arc::make_mut(&mut self.shards[at]).entry(name.into()).or_default());
        let slot = grants.slot(&grant);
        match slot.binary_search_by_key(&grant.id, |own| own.id) {
            Ok(at) => slot[at] = grant,
            Err(at) => {
                slot.insert(at, grant);
                self.len += 1;
            }
        }
    }

    /// Removes a grant; gives back whether it was there.
    pub fn remove(&mut self, grant: &Grant) -> bool {
        let name = grant.grantee.index_key();
        if self.of_grantee(name).is_none() {
            return false;
        }
        let at = self.shard_of(name);
        let Some(grants) = Arc::make_mut(&mut self.shards[at]).get_mut(name) else { return false };
        let slot = Arc::make_mut(grants).slot(grant);
        let Ok(at) = slot.binary_search_by_key(&grant.id, |own| own.id) else { return false };
        slot.remove(at);
        self.len -= 1;
        true
    }

    /// The most direct grant that allows what is asked.
    pub(crate) fn find(&self, ask: &GrantAsk<'_>) -> Option<(Grade, GrantId)> {
        self.of_caller(ask.caller).filter_map(|grants| grants.find(ask)).max_by_key(|(grade, _)| *grade)
    }

    /// How each grant of the caller meets what is asked, for explanations.
    pub(crate) fn outcomes<'a>(&'a self, ask: &'a GrantAsk<'a>) -> impl Iterator<Item = (GrantId, GrantOutcome)> + 'a {
        let all = self.of_caller(ask.caller).flat_map(|grants| grants.free.iter().chain(grants.constrained()));
        all.filter_map(|grant| Some((grant.id, grant.outcome(ask, grant.grantee.grade(ask.caller)?))))
    }

    fn of_caller<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a GranteeGrants> {
        let names = if self.is_empty() { [None; 4] } else { caller_names(caller) };
        names.into_iter().flatten().filter_map(|name| self.of_grantee(name))
    }

    fn of_grantee(&self, name: &str) -> Option<&GranteeGrants> {
        self.shards.get(self.shard_of(name))?.get(name).map(Arc::as_ref)
    }

    fn shard_of(&self, name: &str) -> usize {
        usize::try_from(self.hasher.hash_one(name) % SHARDS as u64).expect("below 64")
    }
}

impl GranteeGrants {
    /// A grant that allows what is asked. They all have one grantee, so one is as direct as another.
    fn find(&self, ask: &GrantAsk<'_>) -> Option<(Grade, GrantId)> {
        let allows = |grant: &Arc<Grant>| {
            // The operation is the cheapest to ask, and turns most away.
            let grade =
                if grant.operations.contains(ask.operation) { grant.grantee.grade(ask.caller)? } else { return None };
            matches!(grant.outcome(ask, grade), GrantOutcome::Allows(_)).then_some((grade, grant.id))
        };
        let mut found = self.free.iter().find_map(allows);
        match (context_use(ask.operation), ask.context.encryption_context()) {
            (ContextUse::Compared, Some(context)) if found.is_none() && !self.by_pair.is_empty() => {
                context.for_each(&mut |key, value| {
                    let slot = self.by_pair.get(key).and_then(|values| values.get(value));
                    found = found.or_else(|| slot?.iter().find_map(allows));
                });
            }
            (ContextUse::Ignored, _) => found = found.or_else(|| self.constrained().find_map(allows)),
            // Without a context that has its pair, a grant that needs one cannot allow.
            (ContextUse::Compared | ContextUse::None, _) => {}
        }
        found
    }

    fn slot(&mut self, grant: &Grant) -> &mut Vec<Arc<Grant>> {
        match grant.constraints.discriminator() {
            None => &mut self.free,
            Some((key, value)) => {
                self.by_pair.entry(key.as_str().into()).or_default().entry(value.as_str().into()).or_default()
            }
        }
    }

    fn constrained(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.by_pair.values().flat_map(BTreeMap::values).flatten()
    }
}

/// The names by which a grant may mean a caller.
fn caller_names(caller: &Caller) -> [Option<&str>; 4] {
    let account = caller.account_text();
    let own = Some(caller.arn());
    match caller.principal() {
        Principal::Root => [account, None, None, None],
        Principal::User { id, .. } => [own, Some(id), account, None],
        Principal::AssumedRole { role_arn, role_id, .. } => [own, Some(role_arn), Some(role_id), account],
        Principal::FederatedUser { issuer_arn, issuer_id, .. } => [own, Some(issuer_arn), Some(issuer_id), account],
        Principal::Service => [own, None, None, None],
        Principal::WebIdentity | Principal::Anonymous => [None; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(number: u8, grantee: &str, subset: Option<&str>) -> Arc<Grant> {
        let pairs = subset.map(|value| vec![("volume".to_owned(), value.to_owned())]);
        let principal = |arn: &str| GrantPrincipal::parse_arn(arn).expect("a principal");
        Arc::new(Grant {
            id: GrantId([number; 32]),
            grantee: principal(grantee),
            retiring: None,
            issuing_account: principal("arn:aws:iam::111122223333:root"),
            operations: [GrantOperation::Decrypt].into_iter().collect(),
            constraints: GrantConstraints { encryption_context_subset: pairs, ..GrantConstraints::default() },
        })
    }

    fn find(set: &GrantSet, context: &[(String, String)]) -> Option<u8> {
        struct Context<'a>(&'a [(String, String)]);
        impl RequestContext for Context<'_> {
            fn values(&self, _: ConditionKey, _: &str, _: &mut dyn FnMut(Value<'_>)) {}

            fn encryption_context(&self) -> Option<&dyn Pairs> {
                Some(&self.0)
            }
        }
        let account = "111122223333".parse().expect("twelve digits");
        let caller = Caller::user(Partition::Aws, account, "/", "ann", "AIDAANNANNANNANNANNA");
        let context = Context(context);
        let ask = GrantAsk { caller: &caller, operation: GrantOperation::Decrypt, context: &context, proposed: None };
        set.find(&ask).map(|(_, id)| id.0[0])
    }

    const ANN: &str = "arn:aws:iam::111122223333:user/ann";

    #[test]
    fn grants_come_and_go() {
        let volume = |value: &str| vec![("volume".to_owned(), value.to_owned())];
        let mut set = GrantSet::default();
        let (first, second) = (grant(1, ANN, Some("a")), grant(2, ANN, Some("b")));
        set.insert(first.clone());
        set.insert(second.clone());
        set.insert(second.clone());
        let snapshot = set.clone();
        assert_eq!((set.len(), find(&set, &volume("a")), find(&set, &volume("b"))), (2, Some(1), Some(2)));
        assert!(set.remove(&first) && !set.remove(&first));
        assert_eq!((set.len(), find(&set, &volume("a")), find(&set, &volume("b"))), (1, None, Some(2)));
        assert_eq!((snapshot.len(), find(&snapshot, &volume("a"))), (2, Some(1)));
        assert!(set.remove(&second) && set.is_empty());
    }

    #[test]
    fn the_same_grant_is_named_whatever_the_order() {
        let all = [grant(3, ANN, None), grant(1, ANN, None), grant(2, "arn:aws:iam::111122223333:root", None)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut set = GrantSet::default();
            order.iter().for_each(|at| set.insert(all[*at].clone()));
            assert_eq!(find(&set, &[]), Some(1), "{order:?}");
        }
    }

    #[test]
    fn names_that_no_grant_can_have() {
        for name in
            ["*", "111122223333", "arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:group/x", "ann", ""]
        {
            assert_eq!(GrantPrincipal::parse_arn(name), None, "{name}");
        }
        assert_eq!(GrantPrincipal::parse_service("*"), None);
    }
}
