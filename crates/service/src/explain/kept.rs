//! The latest decisions, by the request that they belong to.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::condition::keys::Source;
use strongroom_authz::context::FixedContext;
use strongroom_authz::decide::{
    Allowed, AttachedPolicy, Cause, CrossAccount, Decision, Request, ResourcePolicies, explain,
};
use strongroom_authz::grants::GrantOutcome;
use strongroom_authz::proof::{Authorized, Denied, Protected};
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::{AccountId, GrantId, RequestId};
use strongroom_core::world::Timestamp;

use super::view::{DecisionView, Explanation, Judged, Rule};
use crate::identity::Standing;

/// Parts of the memory, so that calls at one moment seldom meet.
const SHARDS: usize = 8;

/// What a part may hold: of refused requests, and as much again of allowed ones. Together 32 MiB and 32,768 requests.
const SHARD_BYTES: usize = 2 << 20;
const SHARD_REQUESTS: usize = 2_048;

/// Decisions that one request keeps. An operation makes one, two or three.
const DECISIONS_MAX: usize = 16;

/// What a decision is about, by name.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// A key.
    Key(KeyArn),
    /// An alias.
    Alias(AliasArn),
    /// The account as a whole, `*`.
    Account(AccountId),
    /// Something else with an ARN: a user, a role, a policy.
    Other(AccountId, Box<str>),
}

impl Named {
    /// The name of anything that policies can name.
    pub(crate) fn of(resource: &impl Protected) -> Self {
        let mut arn = String::new();
        // Writing to a `String` cannot fail, so a resource without a name could not tell it.
        let _ = resource.write_arn(&mut arn);
        Self::Other(resource.owner(), arn.into())
    }

    fn owner(&self) -> AccountId {
        match self {
            Self::Key(arn) => arn.account,
            Self::Alias(arn) => arn.account,
            Self::Account(account) | Self::Other(account, _) => *account,
        }
    }

    fn arn(&self) -> String {
        match self {
            Self::Key(arn) => arn.to_string(),
            Self::Alias(arn) => arn.to_string(),
            Self::Account(_) => "*".to_owned(),
            Self::Other(_, arn) => arn.to_string(),
        }
    }
}

/// What was decided; of a refusal what cannot be worked out again.
#[derive(Clone, Debug)]
enum Outcome {
    Allowed(Allowed),
    Refused {
        cause: Cause,
        grants: Vec<(GrantId, GrantOutcome)>,
    },
    /// Refused by a rule that no policy can change; the name that was asked for.
    Ruled(Rule, Box<str>),
}

/// One decision, with all that it takes to explain it later.
#[derive(Clone, Debug)]
struct Kept {
    caller: Arc<Caller>,
    standing: Arc<Standing>,
    action: Action,
    resource: Named,
    policies: Option<Arc<[AttachedPolicy]>>,
    values: FixedContext,
    outcome: Outcome,
}

impl Kept {
    /// What it takes of the memory. Policies are shared with others and counted in full all the same, since it may be the last
    /// to hold them.
    fn weight_bytes(&self) -> usize {
        const OF_A_CALLER: usize = 512;
        const OF_A_GRANT: usize = 48;
        let standing = &*self.standing;
        let of_caller = standing.identity.iter().chain(&standing.boundary).chain(standing.session.iter());
        let policies = of_caller.chain(self.policies.iter().flat_map(|policies| policies.iter()));
        let grants = match &self.outcome {
            Outcome::Refused { grants, .. } => grants.len(),
            Outcome::Allowed(_) | Outcome::Ruled(..) => 0,
        };
        size_of::<Self>()
            + OF_A_CALLER
            + self.values.weight_bytes()
            + grants * OF_A_GRANT
            + policies.map(|attached| attached.policy.weight_bytes()).sum::<usize>()
    }

    fn view(&self) -> DecisionView {
        let request = Request {
            caller: &self.caller,
            action: self.action,
            context: &self.values,
            cross_account: CrossAccount::Effective,
            proposed_grant: None,
        };
        let resource = self.policies.as_deref().map(|policies| ResourcePolicies { policies, grants: None });
        let policies = self.standing.policies(resource);
        let arn = self.resource.arn();
        let (_, mut trace) = explain(&request, &policies, self.resource.owner(), &arn);
        let judged = Judged { request: &request, policies: &policies, resource: &arn };
        match &self.outcome {
            Outcome::Allowed(allowed) => judged.allowed(allowed, &trace),
            Outcome::Refused { cause, grants } => {
                trace.grants.clone_from(grants);
                judged.refused(cause, &trace)
            }
            Outcome::Ruled(rule, arn) => DecisionView::ruled(&self.caller, self.action, arn, *rule),
        }
    }
}

/// The decisions of one request under way.
#[derive(Debug, Default)]
pub(crate) struct Decisions(Mutex<Vec<Kept>>);

impl Decisions {
    /// Notes how a request for a resource with these policies was decided.
    pub(crate) fn note<R>(
        &self,
        request: &Request<'_>,
        (caller, standing): (&Arc<Caller>, &Arc<Standing>),
        policies: Option<Arc<[AttachedPolicy]>>,
        resource: Named,
        outcome: &Result<Authorized<R>, Denied>,
    ) {
        let outcome = match outcome.as_ref().map(Authorized::decision) {
            Ok(Decision::Allow(allowed)) => Outcome::Allowed(allowed.clone()),
            // No proof holds a refusal.
            Ok(Decision::Deny(refusal)) => Outcome::Refused { cause: refusal.cause.clone(), grants: Vec::new() },
            Err(denied) => {
                let refusal = denied.refusal();
                Outcome::Refused { cause: refusal.cause.clone(), grants: refusal.trace.grants.clone() }
            }
        };
        let of_caller = standing.identity.iter().chain(&standing.boundary).chain(standing.session.iter());
        let all = of_caller.chain(policies.iter().flat_map(|policies| policies.iter()));
        let mut values = FixedContext::new();
        for key in all.flat_map(|attached| attached.policy.condition_keys()) {
            // What is the caller's is read from the caller again.
            if !matches!(key.key().facts().source, Source::Caller(_)) {
                values.capture(key, request.context);
            }
        }
        let (caller, standing) = (Arc::clone(caller), Arc::clone(standing));
        self.push(Kept { caller, standing, action: request.action, resource, policies, values, outcome });
    }

    /// Notes that something was refused whatever policies say.
    pub(crate) fn note_rule(&self, (caller, action): (&Arc<Caller>, Action), owner: AccountId, arn: &str, rule: Rule) {
        self.push(Kept {
            caller: Arc::clone(caller),
            standing: Arc::default(),
            action,
            resource: Named::Account(owner),
            policies: None,
            values: FixedContext::new(),
            outcome: Outcome::Ruled(rule, arn.into()),
        });
    }

    fn push(&self, kept: Kept) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < DECISIONS_MAX {
            all.push(kept);
        }
    }

    fn take(&self) -> Vec<Kept> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that was decided.
#[derive(Debug)]
struct KeptRequest {
    id: RequestId,
    operation: &'static str,
    at: Timestamp,
    weight_bytes: usize,
    decisions: Vec<Kept>,
}

impl KeptRequest {
    fn is_allowed(&self) -> bool {
        self.decisions.iter().all(|kept| matches!(kept.outcome, Outcome::Allowed(_)))
    }
}

/// Requests in the order in which they came, the oldest of which makes room.
#[derive(Debug, Default)]
struct Room {
    requests: VecDeque<KeptRequest>,
    weight_bytes: usize,
}

impl Room {
    fn push(&mut self, request: KeptRequest) {
        self.weight_bytes += request.weight_bytes;
        self.requests.push_back(request);
        // The newest stays, whatever it weighs.
        while self.requests.len() > 1 && (self.weight_bytes > SHARD_BYTES || self.requests.len() > SHARD_REQUESTS) {
            self.weight_bytes -= self.requests.pop_front().map_or(0, |oldest| oldest.weight_bytes);
        }
    }
}

#[derive(Debug, Default)]
struct Shard {
    allowed: Room,
    refused: Room,
}

/// The latest decisions of this node.
#[derive(Debug)]
pub(crate) struct KeptDecisions {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

impl Default for KeptDecisions {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl KeptDecisions {
    /// Keeps what a request came to.
    pub(crate) fn keep(&self, id: RequestId, operation: &'static str, at: Timestamp, decisions: &Decisions) {
        let decisions = decisions.take();
        if decisions.is_empty() {
            return;
        }
        let weight_bytes = size_of::<KeptRequest>() + decisions.iter().map(Kept::weight_bytes).sum::<usize>();
        let request = KeptRequest { id, operation, at, weight_bytes, decisions };
        let mut shard = self.shard(&id);
        if request.is_allowed() { shard.allowed.push(request) } else { shard.refused.push(request) }
    }

    /// How a request was decided, when it is still known.
    pub(crate) fn explain(&self, id: &RequestId) -> Option<Explanation> {
        let shard = self.shard(id);
        let mut requests = shard.refused.requests.iter().chain(&shard.allowed.requests);
        let request = requests.find(|request| request.id == *id)?;
        let (operation, at) = (request.operation.to_owned(), request.at);
        let decisions = request.decisions.clone();
        drop(shard);
        Some(Explanation {
            request_id: Some(id.to_string()),
            operation,
            time_ms: Some(at.as_millis()),
            allowed: decisions.iter().all(|kept| matches!(kept.outcome, Outcome::Allowed(_))),
            decisions: decisions.iter().map(Kept::view).collect(),
        })
    }

    fn shard(&self, id: &RequestId) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).expect("below 8");
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u32, weight_bytes: usize) -> KeptRequest {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&number.to_be_bytes());
        let id = RequestId::from_random(random);
        KeptRequest { id, operation: "Encrypt", at: Timestamp::default(), weight_bytes, decisions: Vec::new() }
    }

    #[test]
    fn the_oldest_makes_room() {
        check(SHARD_REQUESTS + 7, 1, SHARD_REQUESTS);
        check(50, SHARD_BYTES / 10, 10);
        check(3, SHARD_BYTES + 1, 1);

        #[track_caller]
        fn check(count: usize, weight_bytes: usize, stay: usize) {
            let mut room = Room::default();
            (0..count).for_each(|number| room.push(request(u32::try_from(number).expect("small"), weight_bytes)));
            assert_eq!((room.requests.len(), room.weight_bytes), (stay, stay * weight_bytes));
            let newest = request(u32::try_from(count - 1).expect("small"), 0).id;
            assert_eq!(room.requests.back().map(|request| request.id), Some(newest));
        }
    }
}
