//! The decision: a request against the policies of its resource and its caller, and the grants of its key.
//!
//! Sources: behaviours 7.4; IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic"; KMS
//! Developer Guide, "Determining access".
//!
//! # Invariants
//! - An explicit deny in any policy wins over every allow.
//! - A statement that denies and cannot be evaluated denies; one that allows and cannot be evaluated does not allow.
//! - Within an account the resource's policy must let the caller in, or leave it to the account; then the caller's own
//!   policies decide. From another account both sides must allow.
//! - Boundaries and session policies never allow, they cut.

use std::sync::Arc;

use strongroom_core::ids::{AccountId, GrantId};

use crate::action::Action;
use crate::caller::{Caller, Principal};
use crate::condition::eval::Env;
pub use crate::condition::eval::FaultKind;
use crate::condition::keys::KeyName;
use crate::context::RequestContext;
use crate::glob::Fuel;
use crate::grants::{Grant, GrantAsk, GrantOutcome, GrantSet, ProposedGrant, operation_of};
pub use crate::policy::matcher::Outcome;
use crate::policy::matcher::Target;
use crate::policy::model::Effect;
use crate::policy::{Grade, Policy};
use crate::proof::SystemTask;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// For what.
    pub action: Action,
    /// The values of condition keys.
    pub context: &'a dyn RequestContext,
    /// Whether callers from other accounts can be let in at all.
    pub cross_account: CrossAccount,
    /// The grant to be made, when the operation is CreateGrant.
    pub proposed_grant: Option<&'a ProposedGrant>,
}

/// Whether permission across accounts has an effect (behaviours 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossAccount {
    /// It has.
    Effective,
    /// It has none: strangers are refused whatever the policies say.
    WithoutEffect,
}

/// A policy and what it is called where it is attached: an ARN, the name of an inline policy, `default`.
#[derive(Clone, Debug)]
pub struct AttachedPolicy {
    /// The name for explanations.
    pub name: Arc<str>,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// The policies that a request is judged by.
#[derive(Clone, Copy, Default)]
pub struct Policies<'a> {
    /// What the resource brings; `None` for resources that have no policy, where the caller's own policies decide alone.
    pub resource: Option<ResourcePolicies<'a>>,
    /// Those of the caller's user or role and of its groups.
    pub identity: &'a [AttachedPolicy],
    /// The boundary of the caller's user or role.
    pub boundary: Option<&'a AttachedPolicy>,
    /// Those that were passed when the session was made; together they allow what one of them allows.
    pub session: &'a [AttachedPolicy],
}

/// The policies of a key or a role, and the grants of a key.
#[derive(Clone, Copy)]
pub struct ResourcePolicies<'a> {
    /// The key policy (and the one of shared access), or the trust policy; together they allow what one of them allows.
    pub policies: &'a [AttachedPolicy],
    /// The grants.
    pub grants: Option<&'a GrantSet>,
}

/// The outcome of judging one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller may.
    Allow(Allowed),
    /// The caller may not.
    Deny(Box<Refusal>),
}

impl Decision {
    /// Whether the caller may.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// The grant that let the caller in, for the audit record.
    pub fn grant(&self) -> Option<GrantId> {
        match self {
            Self::Allow(Allowed::Policies { resource: Some(ResourceBasis::Grant(id)), .. }) => Some(*id),
            Self::Allow(Allowed::Policies { .. } | Allowed::OwnAccount | Allowed::System(_)) | Self::Deny(_) => None,
        }
    }
}

/// What an allow rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// The resource belongs to the caller's account.
    OwnAccount,
    /// Nobody asked: it is a task of the service.
    System(SystemTask),
    /// Policies and grants.
    Policies {
        /// On the side of the resource; `None` when it has no policy.
        resource: Option<ResourceBasis>,
        /// On the side of the caller; `None` for the root user, and when the resource's side is enough.
        identity: Option<StatementRef>,
    },
}

/// What lets a caller in on the side of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceBasis {
    /// A statement of its policy.
    Statement(StatementRef),
    /// A grant.
    Grant(GrantId),
}

/// What a policy is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The policy of the resource.
    Resource,
    /// A policy of the caller's identity.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// A policy of the caller's session.
    Session,
}

impl Layer {
    /// As AWS's messages call such policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource-based policy",
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }

    const fn article(self) -> &'static str {
        match self {
            Self::Identity => "an",
            Self::Resource | Self::Boundary | Self::Session => "a",
        }
    }
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRef {
    /// What the policy is to the request.
    pub layer: Layer,
    /// What the policy is called.
    pub policy: Arc<str>,
    /// Which statement of it, from zero.
    pub statement: usize,
    /// What its author called it.
    pub sid: Option<Box<str>>,
}

/// What a deny rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What decided.
    pub cause: Cause,
    /// Whether the caller belongs to another account than the resource, and so may learn less.
    pub is_foreign: bool,
    /// Statements that could not be evaluated.
    pub faults: Vec<Fault>,
    /// How each statement and grant met the request.
    pub trace: Trace,
}

/// What decided against a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The caller's account is not the owner's, and nothing of the owner's lets it in.
    Stranger,
    /// A statement denies.
    ExplicitDeny(StatementRef),
    /// No policy of this kind allows.
    NoAllow(Layer),
}

impl Refusal {
    pub(crate) fn stranger() -> Self {
        Self { cause: Cause::Stranger, is_foreign: true, faults: Vec::new(), trace: Trace::default() }
    }

    /// The last part of AWS's message, after the resource.
    pub(crate) fn reason(&self, action: Action) -> String {
        match &self.cause {
            Cause::ExplicitDeny(at) if !(self.is_foreign && at.layer == Layer::Resource) => {
                format!("with an explicit deny in {} {}", at.layer.article(), at.layer.name())
            }
            Cause::NoAllow(layer) => format!("because no {} allows the {action} action", layer.name()),
            Cause::Stranger | Cause::ExplicitDeny(_) => "because the resource does not exist in this Region, no \
                                                         resource-based policies allow access, or a resource-based policy \
                                                         explicitly denies access"
                .to_owned(),
        }
    }
}

/// A statement that could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The statement.
    pub at: StatementRef,
    /// Why.
    pub kind: FaultKind,
}

/// How statements and grants met a request, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Every statement of every policy, in order.
    pub statements: Vec<StatementTrace>,
    /// The grants whose grantee the caller is, at most [`Trace::MAX_GRANTS`].
    pub grants: Vec<(GrantId, GrantOutcome)>,
}

impl Trace {
    /// A key may have tens of thousands of grants for one grantee; nobody reads so many.
    pub const MAX_GRANTS: usize = 100;
}

/// How one statement met a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementTrace {
    /// The statement.
    pub at: StatementRef,
    /// What it does when it applies.
    pub effect: Effect,
    /// Whether it applied, and if not, why.
    pub outcome: Outcome,
}

/// Judges a request for the resource called `resource_arn`, which `owner` owns.
pub fn decide(request: &Request<'_>, policies: &Policies<'_>, owner: AccountId, resource_arn: &str) -> Decision {
    judge(request, policies, owner, resource_arn, Question::Use, None)
}

/// Judges a request and tells how each statement and grant met it.
pub fn explain(
    request: &Request<'_>,
    policies: &Policies<'_>,
    owner: AccountId,
    resource_arn: &str,
) -> (Decision, Trace) {
    let mut trace = Trace::default();
    let decision = judge(request, policies, owner, resource_arn, Question::Use, Some(&mut trace));
    (decision, trace)
}

/// Judges what could become of a request whose values for the keys of `is_open` are not known yet: conditions that look at
/// one hold where they allow, and do not hold where they deny. Whoever is refused here is refused whatever the values are.
pub fn foresee(
    request: &Request<'_>,
    policies: &Policies<'_>,
    owner: AccountId,
    resource_arn: &str,
    is_open: &dyn Fn(&KeyName) -> bool,
) -> (Decision, Trace) {
    let mut trace = Trace::default();
    let fuel = Fuel::new();
    let mut judge = Judge::new(request, policies, resource_arn, &fuel, Some(&mut trace));
    judge.env.open = Some(is_open);
    let decision = judge.decide(request, owner, Question::Use);
    (decision, trace)
}

/// The values of a condition key as a policy of this layer sees them, as text.
pub fn values_seen(request: &Request<'_>, layer: Layer, name: &KeyName) -> Vec<String> {
    let fuel = Fuel::new();
    let env = Env::new(request, &fuel);
    env.is_identity_policy.set(layer != Layer::Resource);
    let mut values = Vec::new();
    env.each_value(name, &mut |value| {
        values.push(value.text().map_or_else(|| "(bytes)".to_owned(), |text| text.into_owned()));
    });
    values
}

/// What is judged.
#[derive(Clone, Copy)]
pub(crate) enum Question<'a> {
    /// Whether the caller may do something with the resource.
    Use,
    /// Whether the caller may retire a grant: the grant says who may, policies only delegate or deny (behaviours 6.6).
    Retire(&'a Grant),
}

pub(crate) fn judge(
    request: &Request<'_>,
    policies: &Policies<'_>,
    owner: AccountId,
    resource_arn: &str,
    question: Question<'_>,
    trace: Option<&mut Trace>,
) -> Decision {
    let fuel = Fuel::new();
    Judge::new(request, policies, resource_arn, &fuel, trace).decide(request, owner, question)
}

/// Whether `policy`, as the key policy, would let the caller change it later: the lockout safety check (behaviours 7.3).
///
/// The request is the PutKeyPolicy that the caller would send. That the account is let in is enough: whether an identity
/// policy of the caller allows it can change without the key.
pub fn keeps_policy_open(request: &Request<'_>, policy: &AttachedPolicy, resource_arn: &str) -> bool {
    let only = std::slice::from_ref(policy);
    let policies =
        Policies { resource: Some(ResourcePolicies { policies: only, grants: None }), ..Policies::default() };
    let fuel = Fuel::new();
    let mut judge = Judge::new(request, &policies, resource_arn, &fuel, None);
    let allow = judge.survey(Layer::Resource, only);
    allow.is_some() && judge.findings.deny.is_none()
}

/// A statement by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    layer: Layer,
    policy: usize,
    statement: usize,
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    deny: Option<Place>,
    faults: Vec<(Place, FaultKind)>,
}

/// What lets the caller in on the side of the resource.
#[derive(Clone, Copy)]
enum Entry {
    Statement(Place),
    Grant(GrantId),
}

struct Judge<'a, 't> {
    policies: &'a Policies<'a>,
    target: Target<'a>,
    env: Env<'a>,
    findings: Findings,
    trace: Option<&'t mut Trace>,
}

impl<'a, 't> Judge<'a, 't> {
    fn new(
        request: &Request<'a>,
        policies: &'a Policies<'a>,
        resource_arn: &'a str,
        fuel: &'a Fuel,
        trace: Option<&'t mut Trace>,
    ) -> Self {
        let has_boundary = policies.boundary.is_some();
        Self {
            policies,
            target: Target { caller: request.caller, action: request.action, resource_arn, has_boundary },
            env: Env::new(request, fuel),
            findings: Findings::default(),
            trace,
        }
    }

    fn decide(mut self, request: &Request<'_>, owner: AccountId, question: Question<'_>) -> Decision {
        let entry = match question {
            Question::Use => self.find_entry(request),
            Question::Retire(grant) => {
                // Statements of the key policy do not allow here, but they deny.
                self.survey_resource();
                retirement_entry(grant, request.caller)
            }
        };
        let identity = self.survey(Layer::Identity, self.policies.identity).map(|(_, place)| place);
        let boundary = self.policies.boundary.map(std::slice::from_ref);
        let is_within_boundary = boundary.is_none_or(|boundary| self.survey(Layer::Boundary, boundary).is_some());
        let session = self.survey(Layer::Session, self.policies.session);
        let is_within_session = match request.caller.principal() {
            // Who gets a federated session without a policy gets nothing from the user behind it.
            Principal::FederatedUser { .. } => session.is_some(),
            Principal::Root
            | Principal::User { .. }
            | Principal::AssumedRole { .. }
            | Principal::Service
            | Principal::WebIdentity
            | Principal::Anonymous => session.is_some() || self.policies.session.is_empty(),
        };
        let sides = Sides {
            entry,
            // For retiring, the grant is what must let the caller in, whatever else there is.
            needs_entry: self.policies.resource.is_some() || matches!(question, Question::Retire(_)),
            is_identity_allowed: identity.is_some() || *request.caller.principal() == Principal::Root,
            is_within_boundary,
            is_within_session,
        };
        let is_foreign = request.caller.account() != Some(owner);
        let cause = match (self.findings.deny, question) {
            (Some(deny), _) => Some(Cause::ExplicitDeny(self.name(deny))),
            (None, Question::Use) if is_foreign => sides.judge_across_accounts(request),
            (None, Question::Use | Question::Retire(_)) => sides.judge_within_account(is_foreign),
        };
        match cause {
            None => Decision::Allow(self.allowed(entry, identity)),
            Some(cause) => Decision::Deny(Box::new(self.refusal(cause, is_foreign))),
        }
    }

    /// What lets the caller in on the side of the resource, the most direct first.
    fn find_entry(&mut self, request: &Request<'_>) -> Option<(Grade, Entry)> {
        let by_policy = self.survey_resource().map(|(grade, place)| (grade, Entry::Statement(place)));
        let grants = self.policies.resource?.grants;
        let (Some(grants), Some(operation)) = (grants, operation_of(request.action)) else { return by_policy };
        let ask =
            GrantAsk { caller: request.caller, operation, context: request.context, proposed: request.proposed_grant };
        if let Some(trace) = &mut self.trace {
            trace.grants.extend(grants.outcomes(&ask).take(Trace::MAX_GRANTS));
        }
        if by_policy.is_some_and(|(grade, _)| grade == Grade::Direct) {
            return by_policy;
        }
        let by_grant = grants.find(&ask).map(|(grade, id)| (grade, Entry::Grant(id)));
        // With the same grade the policy is named: it stays when grants go.
        match (by_policy, by_grant) {
            (Some(policy), Some(grant)) if grant.0 <= policy.0 => Some(policy),
            (_, Some(grant)) => Some(grant),
            (policy, None) => policy,
        }
    }

    fn survey_resource(&mut self) -> Option<(Grade, Place)> {
        let resource = self.policies.resource?;
        self.survey(Layer::Resource, resource.policies)
    }

    /// Goes through the policies of one layer: notes the first deny and every fault, gives the most direct allow.
    fn survey(&mut self, layer: Layer, policies: &[AttachedPolicy]) -> Option<(Grade, Place)> {
        self.env.is_identity_policy.set(layer != Layer::Resource);
        let mut best: Option<(Grade, Place)> = None;
        for (policy, attached) in policies.iter().enumerate() {
            for (statement, matcher) in attached.policy.statements().iter().enumerate() {
                let effect = matcher.effect();
                let is_settled = match effect {
                    Effect::Allow => best.is_some_and(|(grade, _)| grade == Grade::Direct),
                    Effect::Deny => self.findings.deny.is_some(),
                };
                if is_settled && self.trace.is_none() {
                    continue;
                }
                let place = Place { layer, policy, statement };
                let outcome = matcher.outcome(&self.target, &self.env);
                self.note(place, effect, outcome);
                if let (Effect::Allow, Outcome::Applies(grade)) = (effect, outcome)
                    && best.is_none_or(|(found, _)| found < grade)
                {
                    best = Some((grade, place));
                }
            }
        }
        best
    }

    fn note(&mut self, place: Place, effect: Effect, outcome: Outcome) {
        // What denies and cannot be evaluated denies.
        let is_met = matches!(outcome, Outcome::Applies(_) | Outcome::Fault(_));
        if effect == Effect::Deny && is_met && self.findings.deny.is_none() {
            self.findings.deny = Some(place);
        }
        if let Outcome::Fault(kind) = outcome {
            self.findings.faults.push((place, kind));
        }
        if self.trace.is_some() {
            let at = self.name(place);
            if let Some(trace) = &mut self.trace {
                trace.statements.push(StatementTrace { at, effect, outcome });
            }
        }
    }

    fn allowed(&self, entry: Option<(Grade, Entry)>, identity: Option<Place>) -> Allowed {
        let resource = entry.map(|(_, entry)| match entry {
            Entry::Statement(place) => ResourceBasis::Statement(self.name(place)),
            Entry::Grant(id) => ResourceBasis::Grant(id),
        });
        Allowed::Policies { resource, identity: identity.map(|place| self.name(place)) }
    }

    fn refusal(self, cause: Cause, is_foreign: bool) -> Refusal {
        let faults = self.findings.faults.iter().map(|(place, kind)| Fault { at: self.name(*place), kind: *kind });
        Refusal { cause, is_foreign, faults: faults.collect(), trace: Trace::default() }
    }

    fn name(&self, place: Place) -> StatementRef {
        let policies = match place.layer {
            Layer::Resource => self.policies.resource.map_or(&[][..], |resource| resource.policies),
            Layer::Identity => self.policies.identity,
            Layer::Boundary => self.policies.boundary.map_or(&[][..], std::slice::from_ref),
            Layer::Session => self.policies.session,
        };
        let attached = &policies[place.policy];
        let sid = attached.policy.document().statements[place.statement].sid.clone();
        StatementRef { layer: place.layer, policy: attached.name.clone(), statement: place.statement, sid }
    }
}

/// Who may retire a grant: its retiring principal, its grantee when it says so, and the account that made it.
fn retirement_entry(grant: &Grant, caller: &Caller) -> Option<(Grade, Entry)> {
    use strongroom_core::generated::GrantOperation;

    let grantee = grant.operations.contains(GrantOperation::RetireGrant).then_some(&grant.grantee);
    let named = [grant.retiring.as_ref(), grantee, Some(&grant.issuing_account)];
    let grade = named.into_iter().flatten().filter_map(|principal| principal.grade(caller)).max()?;
    Some((grade, Entry::Grant(grant.id)))
}

/// What each side says, explicit denies apart.
#[derive(Clone, Copy)]
struct Sides {
    entry: Option<(Grade, Entry)>,
    /// Whether something on the side of the resource must let the caller in.
    needs_entry: bool,
    is_identity_allowed: bool,
    is_within_boundary: bool,
    is_within_session: bool,
}

impl Sides {
    /// Why a caller of the owner's account may not; `None` when it may.
    fn judge_within_account(&self, is_foreign: bool) -> Option<Cause> {
        match self.entry {
            None if self.needs_entry && is_foreign => Some(Cause::Stranger),
            None if self.needs_entry => Some(Cause::NoAllow(Layer::Resource)),
            Some((Grade::Direct, _)) => None,
            Some((Grade::Limited, _)) => self.judge_limits(),
            Some((Grade::Delegated, _)) | None => self.judge_identity(),
        }
    }

    /// Why a caller of another account, or of none, may not; `None` when it may.
    fn judge_across_accounts(&self, request: &Request<'_>) -> Option<Cause> {
        if self.entry.is_none() {
            return Some(Cause::Stranger);
        }
        match (request.caller.account(), request.cross_account) {
            // Services and users of identity providers have no policies of their own: being named is all.
            (None, _) => None,
            (Some(_), CrossAccount::WithoutEffect) => Some(Cause::Stranger),
            (Some(_), CrossAccount::Effective) => self.judge_identity(),
        }
    }

    fn judge_identity(&self) -> Option<Cause> {
        if self.is_identity_allowed { self.judge_limits() } else { Some(Cause::NoAllow(Layer::Identity)) }
    }

    fn judge_limits(&self) -> Option<Cause> {
        if !self.is_within_boundary {
            return Some(Cause::NoAllow(Layer::Boundary));
        }
        (!self.is_within_session).then_some(Cause::NoAllow(Layer::Session))
    }
}
