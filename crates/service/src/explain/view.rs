//! Decisions as an operator reads them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::condition::keys::KeyName;
use strongroom_authz::decide::{
    Allowed, AttachedPolicy, Cause, Decision, FaultKind, Layer, Outcome, Policies, Request, ResourceBasis,
    StatementRef, StatementTrace, Trace, values_seen,
};
use strongroom_authz::grants::GrantOutcome;
use strongroom_authz::policy::Grade;
use strongroom_authz::policy::model::{ConditionText, Effect, Statement};
use strongroom_core::ids::GrantId;

/// How a request was decided, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The request; absent when it is a supposed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The operation.
    pub operation: String,
    /// When it came, in milliseconds since 1970; absent when it is a supposed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// Whether all of it is allowed.
    pub allowed: bool,
    /// What was asked, one after the other. The first refusal ends a request.
    pub decisions: Vec<DecisionView>,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// Who: an ARN, or the name of a service.
    pub principal: String,
    /// What, such as `kms:Decrypt`.
    pub action: String,
    /// On what: an ARN, or `*`.
    pub resource: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// What the decision rests on, in one sentence.
    pub reason: String,
    /// Every statement of every policy, in order.
    pub statements: Vec<StatementView>,
    /// The grants of the caller, one hundred at most; of an allowed request the one that allowed it.
    pub grants: Vec<GrantView>,
    /// Every condition key that the policies ask for, and its values in the request.
    pub values: Vec<ValueView>,
}

/// How a statement met the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementView {
    /// As AWS calls the kind: `identity-based policy` and so on.
    pub policy_type: String,
    /// The name of the policy.
    pub policy: String,
    /// Which statement, from zero.
    pub statement: usize,
    /// What its author called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Whether it applies.
    pub matched: bool,
    /// Why, in a few words.
    pub outcome: String,
    /// The condition that does not hold, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_condition: Option<ConditionView>,
}

/// A condition, and what it met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionView {
    /// The operator as written.
    pub operator: String,
    /// The key as written.
    pub key: String,
    /// What the policy wants.
    pub wanted: Vec<String>,
    /// What the request has; nothing when it has no value.
    pub actual: Vec<String>,
}

/// How a grant met the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// Which.
    pub grant_id: String,
    /// Whether it allows.
    pub matched: bool,
    /// Why, in a few words.
    pub outcome: String,
}

/// A condition key and its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueView {
    /// The key.
    pub key: String,
    /// Its values; nothing when it has none.
    pub values: Vec<String>,
}

/// A request and all that it was judged by.
pub(super) struct Judged<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) policies: &'a Policies<'a>,
    pub(super) resource: &'a str,
}

impl Judged<'_> {
    pub(super) fn view(&self, decision: &Decision, trace: &Trace) -> DecisionView {
        match decision {
            Decision::Allow(allowed) => self.allowed(allowed, trace),
            Decision::Deny(refusal) => self.refused(&refusal.cause, trace),
        }
    }

    pub(super) fn allowed(&self, allowed: &Allowed, trace: &Trace) -> DecisionView {
        let mut view = self.decided(true, reason_to_allow(allowed), trace);
        if let Allowed::Policies { resource: Some(ResourceBasis::Grant(id)), .. } = allowed
            && view.grants.is_empty()
        {
            view.grants.push(GrantView { grant_id: id.to_string(), matched: true, outcome: "allows".to_owned() });
        }
        view
    }

    pub(super) fn refused(&self, cause: &Cause, trace: &Trace) -> DecisionView {
        self.decided(false, self.reason_to_refuse(cause), trace)
    }

    fn decided(&self, allowed: bool, reason: String, trace: &Trace) -> DecisionView {
        let documents = all_statements(self.policies);
        DecisionView {
            principal: self.request.caller.arn().to_owned(),
            action: self.request.action.to_string(),
            resource: self.resource.to_owned(),
            allowed,
            reason,
            statements: trace.statements.iter().zip(documents).map(|(met, own)| self.statement(met, own)).collect(),
            grants: trace.grants.iter().map(grant).collect(),
            values: self.values(),
        }
    }

    fn statement(&self, met: &StatementTrace, document: &Statement) -> StatementView {
        let failed = match met.outcome {
            Outcome::ConditionFails(at) => document.conditions.get(at),
            Outcome::Applies(_)
            | Outcome::OtherAction
            | Outcome::OtherPrincipal
            | Outcome::OtherResource
            | Outcome::Fault(_) => None,
        };
        StatementView {
            policy_type: met.at.layer.name().to_owned(),
            policy: met.at.policy.to_string(),
            statement: met.at.statement,
            sid: met.at.sid.as_deref().map(str::to_owned),
            effect: format!("{:?}", met.effect),
            matched: matches!(met.outcome, Outcome::Applies(_)),
            outcome: outcome(met).to_owned(),
            failed_condition: failed.map(|condition| self.condition(condition, met.at.layer)),
        }
    }

    pub(super) fn condition(&self, condition: &ConditionText, layer: Layer) -> ConditionView {
        let name = KeyName::parse(&condition.key);
        ConditionView {
            operator: condition.operator_name.to_string(),
            key: condition.key.to_string(),
            wanted: condition.values.iter().map(ToString::to_string).collect(),
            actual: name.map_or_else(Vec::new, |name| values_seen(self.request, layer, &name)),
        }
    }

    /// A condition whose key has no value before there is a request.
    pub(super) fn condition_left_open(&self, condition: &ConditionText) -> ConditionView {
        ConditionView { actual: Vec::new(), ..self.condition(condition, Layer::Resource) }
    }

    fn values(&self) -> Vec<ValueView> {
        let mut seen = BTreeSet::new();
        let mut values = Vec::new();
        for (layer, attached) in all_policies(self.policies) {
            for name in attached.policy.condition_keys() {
                let key = name.to_string();
                if seen.insert(key.to_ascii_lowercase()) {
                    values.push(ValueView { key, values: values_seen(self.request, layer, name) });
                }
            }
        }
        values
    }

    fn reason_to_refuse(&self, cause: &Cause) -> String {
        match cause {
            Cause::ExplicitDeny(at) => format!("{} denies it", place(at)),
            Cause::NoAllow(layer) => format!("no {} allows {}", layer.name(), self.request.action),
            Cause::Stranger => {
                "the caller belongs to another account, and nothing of the owner's lets it in".to_owned()
            }
        }
    }
}

impl DecisionView {
    /// The refusal of somebody who named what is not there.
    pub(super) fn ruled(caller: &Caller, action: Action, arn: &str, rule: Rule) -> Self {
        Self {
            principal: caller.arn().to_owned(),
            action: action.to_string(),
            resource: arn.to_owned(),
            allowed: false,
            reason: rule.reason().to_owned(),
            statements: Vec::new(),
            grants: Vec::new(),
            values: Vec::new(),
        }
    }
}

/// Why something is refused whatever policies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// There is no such key, alias or role, which its would-be user must not learn.
    Absent,
    /// The key has no such grant, which a stranger must not learn.
    NoSuchGrant,
    /// Lists of an account are its own.
    OtherAccount,
    /// Policies that come with the service are nobody's to change.
    ManagedByAws,
    /// Roles are not for the root user.
    RootAssumes,
    /// Temporary credentials make no others of their kind.
    SessionAsksForToken,
    /// There are no second factors.
    NoSecondFactor,
}

impl Rule {
    const fn reason(self) -> &'static str {
        match self {
            Self::Absent => "the resource does not exist; the caller was not told so",
            Self::NoSuchGrant => "the key has no such grant; the caller was not told so",
            Self::OtherAccount => "it belongs to another account, and no policy can change that",
            Self::ManagedByAws => "policies of AWS cannot be changed",
            Self::RootAssumes => "no root user can assume a role",
            Self::SessionAsksForToken => "temporary credentials cannot get others by GetSessionToken",
            Self::NoSecondFactor => "this service knows no second factors",
        }
    }
}

/// The policies in the order in which they are judged.
pub(super) fn all_policies<'a>(policies: &Policies<'a>) -> impl Iterator<Item = (Layer, &'a AttachedPolicy)> {
    let resource = policies.resource.map_or(&[][..], |resource| resource.policies);
    let of = |layer| move |policy| (layer, policy);
    let identity = policies.identity.iter().map(of(Layer::Identity));
    let boundary = policies.boundary.into_iter().map(of(Layer::Boundary));
    let session = policies.session.iter().map(of(Layer::Session));
    resource.iter().map(of(Layer::Resource)).chain(identity).chain(boundary).chain(session)
}

/// Their statements, in the same order.
pub(super) fn all_statements<'a>(policies: &Policies<'a>) -> impl Iterator<Item = &'a Statement> {
    all_policies(policies).flat_map(|(_, attached)| &attached.policy.document().statements)
}

/// A statement by its place, counted from one as people count.
pub(super) fn place(at: &StatementRef) -> String {
    let sid = at.sid.as_deref().map_or_else(String::new, |sid| format!(" ({sid})"));
    format!("statement {}{sid} of the {} {}", at.statement + 1, at.layer.name(), at.policy)
}

fn reason_to_allow(allowed: &Allowed) -> String {
    match allowed {
        Allowed::OwnAccount => "the resource belongs to the caller's account".to_owned(),
        Allowed::System(_) => "a task of the service itself".to_owned(),
        Allowed::Policies { resource, identity } => {
            let resource = resource.as_ref().map(|basis| match basis {
                ResourceBasis::Statement(at) => place(at),
                ResourceBasis::Grant(id) => format!("grant {id}"),
            });
            let all: Vec<String> = resource.into_iter().chain(identity.as_ref().map(place)).collect();
            match all.as_slice() {
                [] => "the caller is the root user of the account".to_owned(),
                [one] => format!("{one} allows it"),
                several => format!("{} allow it", several.join(" and ")),
            }
        }
    }
}

fn outcome(met: &StatementTrace) -> &'static str {
    match met.outcome {
        Outcome::Applies(Grade::Direct) => "applies",
        Outcome::Applies(Grade::Limited) => "applies to the role or user behind the session",
        Outcome::Applies(Grade::Delegated) if met.effect == Effect::Allow => {
            "applies: leaves it to the caller's own policies"
        }
        Outcome::Applies(Grade::Delegated) => "applies",
        Outcome::OtherAction => "is about other actions",
        Outcome::OtherPrincipal => "is about other principals",
        Outcome::OtherResource => "is about other resources",
        Outcome::ConditionFails(_) => "a condition does not hold",
        Outcome::Fault(FaultKind::WrongType) => "cannot be evaluated: a value is not of the operator's type",
        Outcome::Fault(FaultKind::SeveralValues) => "cannot be evaluated: several values where the operator takes one",
        Outcome::Fault(FaultKind::TooCostly) => "cannot be evaluated: it would cost too much",
    }
}

fn grant((id, outcome): &(GrantId, GrantOutcome)) -> GrantView {
    GrantView {
        grant_id: id.to_string(),
        matched: matches!(outcome, GrantOutcome::Allows(_)),
        outcome: match outcome {
            GrantOutcome::Allows(_) => "allows",
            GrantOutcome::OtherOperation => "is about other operations",
            GrantOutcome::OtherContext => "constrains the encryption context to another one",
            GrantOutcome::OtherSource => "constrains the source to another one",
            GrantOutcome::WouldWiden => "the grant to be made would allow more than this one",
        }
        .to_owned(),
    }
}
