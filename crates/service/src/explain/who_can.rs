//! Who could do something with a key, by what, and what would still have to hold.
//!
//! Everybody who is known is asked about: the account's root user, users and roles, whoever the key policy names, and grantees.
//! Values that only a request has are left open: a statement that allows under such a condition is told with it, one that
//! denies under it is told as what could still refuse.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_authz::action::Action;
use strongroom_authz::caller::{Caller, Principal};
use strongroom_authz::condition::keys::{CallerFact, ConditionKey, KeyName as ConditionKeyName, Source};
use strongroom_authz::decide::{
    AttachedPolicy, Decision, Layer, Outcome, Policies, Request, ResourcePolicies, StatementTrace, foresee,
};
use strongroom_authz::grants::{Grant, GrantConstraints, GrantOutcome, GrantSet};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::{Effect, PolicyKind, PrincipalKind};
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{GrantOperation, OpName};
use strongroom_core::grant::GrantParty;
use strongroom_core::ids::{AccountId, Partition};
use strongroom_wire::kms::facts;
use strongroom_wire::kms::facts::Resource;

use super::principals::{self, Supposed};
use super::simulate::{ExplainError, Target, asked_of, cross_account, nothing_proposed, operation, supposed_values};
use super::view::{ConditionView, Judged, all_policies, place};
use crate::context::{Asked, Subject, reason_for_absence};
use crate::identity::Standing;
use crate::identity::unique_ids::account_of_id;
use crate::keys::KeyEntry;
use crate::node::Node;

/// How many principals are asked about before others get a turn.
const TURN: usize = 256;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// An operation on keys such as `Decrypt`, or one of its actions such as `kms:ReEncryptFrom`.
    pub operation: String,
    /// A key ARN or alias ARN; a key id or alias name with `account`.
    pub key: String,
    /// The account whose key it is, when `key` does not say.
    #[serde(default)]
    pub account: Option<AccountText>,
    /// The Region, when `key` does not say.
    #[serde(default)]
    pub region: Option<String>,
}

/// Twelve digits.
type AccountText = String;

/// Everybody who could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoCan {
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// The key.
    pub key: String,
    /// How many principals were asked about.
    pub asked: usize,
    /// Those who could.
    pub principals: Vec<Who>,
}

/// Somebody who could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// An ARN, the name of a service, or `*` for everybody.
    pub principal: String,
    /// What lets it: every statement that allows, and every grant.
    pub by: Vec<By>,
    /// What could still refuse: statements that deny under a condition which only a request can meet.
    pub unless: Vec<By>,
    /// What else must be, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A statement or a grant, and what must hold for it to count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Which.
    pub what: String,
    /// Conditions that only a request can meet.
    pub conditions: Vec<ConditionView>,
}

impl Node {
    /// Everybody who could.
    ///
    /// # Errors
    /// [`ExplainError`] when the question makes no sense.
    pub async fn who_can(&self, question: &Question) -> Result<WhoCan, ExplainError> {
        let (op, actions) = operation(&question.operation)?;
        let action = actions.first().copied().filter(|_| facts(op).resource != Resource::Any);
        let action = action.ok_or_else(|| ExplainError::NoSuchOperation(question.operation.clone()))?;
        let account = question.account.as_deref().map(str::parse).transpose();
        let account = account.map_err(|_| ExplainError::WhoseKey(question.key.clone()))?;
        let Target { entry, .. } = self.target(&question.key, account, question.region.as_deref()).await?;
        let candidates = self.candidates(&entry).await?;
        let days = self.days_asked(op, &entry).await?;
        let inquiry = Inquiry::new(self, op, action, (&entry, days));
        let mut principals = Vec::new();
        for (at, candidate) in candidates.iter().enumerate() {
            principals.extend(inquiry.ask(candidate));
            if at % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        let key = entry.record.arn.to_string();
        Ok(WhoCan { action: action.to_string(), key, asked: candidates.len(), principals })
    }

    /// Everybody who is worth asking about, each once.
    async fn candidates(&self, entry: &KeyEntry) -> Result<Vec<Candidate>, ExplainError> {
        let KeyArn { account, region, .. } = entry.record.arn;
        let partition = region.partition();
        let mut all = Candidates::default();
        match self.directory.account(account).await? {
            Some(account) => {
                for known in principals::of_account(&self.directory, &account, partition)? {
                    all.add(Candidate::from(known));
                }
            }
            None => all.add(Candidate::from(principals::find(&self.directory, account.as_str()).await?)),
        }
        for attached in entry.policies().policies {
            for principal in attached.policy.principals() {
                if principal.kind != PrincipalKind::CanonicalUser {
                    self.add_named(&mut all, &principal.name, account, partition).await?;
                }
            }
        }
        for grant in entry.grants.iter_after(None) {
            let (GrantParty::Principal(name) | GrantParty::Service(name)) = &grant.record.terms.grantee;
            self.add_named(&mut all, name, account, partition).await?;
        }
        Ok(all.list)
    }

    async fn add_named(
        &self,
        all: &mut Candidates,
        name: &str,
        owner: AccountId,
        partition: Partition,
    ) -> Result<(), ExplainError> {
        if !all.is_new(name) {
            return Ok(());
        }
        if name == "*" {
            all.add(Candidate::everybody(partition));
        } else if name.starts_with("AIDA") || name.starts_with("AROA") {
            // Policies are kept with the ids of those whom they named, which tell their account.
            let home = account_of_id(name).unwrap_or(owner);
            let Some(account) = self.directory.account(home).await? else { return Ok(()) };
            if let Some(known) = principals::by_id(&self.directory, &account, partition, name)? {
                all.add(Candidate::from(known));
            }
        } else {
            match principals::find(&self.directory, name).await {
                Ok(known) => all.add(Candidate::from(known)),
                // Whoever is named and not there can do nothing.
                Err(ExplainError::NoSuchPrincipal(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }
}

/// Somebody to ask about.
struct Candidate {
    name: String,
    caller: Caller,
    standing: Option<std::sync::Arc<Standing>>,
    /// It stands for everybody, so nothing is known of it.
    is_everybody: bool,
}

impl From<Supposed> for Candidate {
    fn from(Supposed { caller, standing }: Supposed) -> Self {
        // The role is what policies and people name, not a session that is not there.
        let name = if caller.arn().ends_with("/any") { caller.principal_arn() } else { caller.arn() };
        Self { name: name.to_owned(), caller, standing, is_everybody: false }
    }
}

impl Candidate {
    fn everybody(partition: Partition) -> Self {
        let nobody_in_particular = "000000000000".parse().expect("twelve digits");
        let caller = Caller::root(partition, nobody_in_particular);
        Self { name: "*".to_owned(), caller, standing: None, is_everybody: true }
    }
}

#[derive(Default)]
struct Candidates {
    names: BTreeSet<String>,
    list: Vec<Candidate>,
}

impl Candidates {
    fn is_new(&self, name: &str) -> bool {
        !self.names.contains(name)
    }

    fn add(&mut self, candidate: Candidate) {
        if self.names.insert(candidate.name.clone()) {
            self.list.push(candidate);
        }
    }
}

/// What is asked about everybody alike.
struct Inquiry<'a> {
    node: &'a Node,
    op: OpName,
    action: Action,
    entry: &'a KeyEntry,
    /// Since it was last used.
    days: Option<i64>,
    /// The grants without their constraints, which a request can meet.
    grants: GrantSet,
    /// What an account that is elsewhere may let its principals do.
    unknown: [AttachedPolicy; 1],
}

impl<'a> Inquiry<'a> {
    fn new(node: &'a Node, op: OpName, action: Action, (entry, days): (&'a KeyEntry, Option<i64>)) -> Self {
        let mut grants = GrantSet::default();
        if let Ok(operation) = action.name().parse::<GrantOperation>() {
            for grant in entry.grants.iter_after(None).filter(|grant| grant.compiled.operations.contains(operation)) {
                let constraints = GrantConstraints::default();
                grants.insert(Grant { constraints, ..(*grant.compiled).clone() }.into());
            }
        }
        let anything = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let policy = Policy::parse(PolicyKind::Identity, anything).expect("the document above is an identity policy");
        let unknown = [AttachedPolicy { name: "of another account".into(), policy: policy.into() }];
        Self { node, op, action, entry, days, grants, unknown }
    }

    fn ask(&self, candidate: &Candidate) -> Option<Who> {
        let (record, aliases) = (&self.entry.record, &self.entry.aliases);
        let asked = Asked { days_without_key_usage: self.days, ..asked_of(self.op, self.entry) };
        let now = self.node.clock.now();
        let values = supposed_values(self.op, record.arn.region, now, &asked, Subject::Key(record, aliases));
        let proposed = nothing_proposed();
        let request = Request {
            caller: &candidate.caller,
            action: self.action,
            context: &values,
            cross_account: cross_account(self.op),
            proposed_grant: (self.op == OpName::CreateGrant).then_some(&proposed),
        };
        let resource = Some(ResourcePolicies { grants: Some(&self.grants), ..self.entry.policies() });
        let policies = match &candidate.standing {
            Some(standing) => standing.policies(resource),
            None => Policies { resource, identity: &self.unknown, ..Policies::default() },
        };
        let is_open = |key: &ConditionKeyName| is_open(key, candidate);
        let arn = record.arn.to_string();
        let (decision, trace) = foresee(&request, &policies, record.arn.account, &arn, &is_open);
        if let Decision::Deny(_) = decision {
            return None;
        }
        let judged = Judged { request: &request, policies: &policies, resource: &arn };
        let statements: Vec<_> = trace.statements.iter().zip(places(&policies)).collect();
        let lets = statements.iter().filter(|(met, _)| is_letting(met, candidate));
        let mut lets: Vec<_> = lets.map(|(met, at)| by(&judged, met, *at, &is_open)).collect();
        let refusing = statements.iter().filter(|(met, at)| is_refusing(met, *at, &is_open));
        let unless = refusing.map(|(met, at)| by(&judged, met, *at, &is_open)).collect();
        let allowing = trace.grants.iter().filter(|(_, outcome)| matches!(outcome, GrantOutcome::Allows(_)));
        lets.extend(allowing.filter_map(|(id, _)| {
            let grant = self.entry.grants.get(*id)?;
            Some(By { what: format!("grant {id}"), conditions: constraints(&grant.compiled.constraints) })
        }));
        if lets.is_empty() {
            lets.push(By { what: "being the root user of the account".to_owned(), conditions: Vec::new() });
        }
        let note = candidate.standing.is_none().then(|| match candidate.is_everybody {
            true => "everybody of every account; across accounts the caller's own account must allow it too".to_owned(),
            false => "its own account must allow it too".to_owned(),
        });
        Some(Who { principal: candidate.name.clone(), by: lets, unless, note })
    }
}

/// Whether a statement is part of what lets somebody.
fn is_letting(met: &StatementTrace, candidate: &Candidate) -> bool {
    let is_made_up = met.at.layer == Layer::Identity && candidate.standing.is_none();
    met.effect == Effect::Allow && matches!(met.outcome, Outcome::Applies(_)) && !is_made_up
}

/// Whether a statement would refuse if the request were so.
fn is_refusing(
    met: &StatementTrace,
    (policy, at): (&Policy, usize),
    is_open: &dyn Fn(&ConditionKeyName) -> bool,
) -> bool {
    match met.outcome {
        Outcome::ConditionFails(condition) => {
            met.effect == Effect::Deny && policy.keys_of_condition(at, condition).any(is_open)
        }
        Outcome::Applies(_)
        | Outcome::OtherAction
        | Outcome::OtherPrincipal
        | Outcome::OtherResource
        | Outcome::Fault(_) => false,
    }
}

/// Every statement's policy and its place in it, in the order in which they are judged.
fn places<'a>(policies: &Policies<'a>) -> impl Iterator<Item = (&'a Policy, usize)> {
    all_policies(policies).flat_map(|(_, attached)| {
        let policy: &Policy = &attached.policy;
        (0..policy.document().statements.len()).map(move |at| (policy, at))
    })
}

fn by(
    judged: &Judged<'_>,
    met: &StatementTrace,
    (policy, at): (&Policy, usize),
    is_open: &dyn Fn(&ConditionKeyName) -> bool,
) -> By {
    let conditions = policy.document().statements[at].conditions.iter().enumerate();
    let open = conditions.filter(|(condition, _)| policy.keys_of_condition(at, *condition).any(is_open));
    By { what: place(&met.at), conditions: open.map(|(_, condition)| judged.condition_left_open(condition)).collect() }
}

/// What a grant's constraints want of a request.
fn constraints(constraints: &GrantConstraints) -> Vec<ConditionView> {
    let pairs = |operator: &str, pairs: &Option<Vec<(String, String)>>| {
        pairs.as_ref().map(|pairs| ConditionView {
            operator: operator.to_owned(),
            key: "encryption context".to_owned(),
            wanted: pairs.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            actual: Vec::new(),
        })
    };
    let source = constraints.source_arn.as_ref().map(|arn| ConditionView {
        operator: "SourceArn".to_owned(),
        key: "aws:SourceArn".to_owned(),
        wanted: vec![arn.clone()],
        actual: Vec::new(),
    });
    let equals = pairs("EncryptionContextEquals", &constraints.encryption_context_equals);
    let subset = pairs("EncryptionContextSubset", &constraints.encryption_context_subset);
    [equals, subset, source].into_iter().flatten().collect()
}

/// Whether a key's values are known only when there is a request.
fn is_open(name: &ConditionKeyName, candidate: &Candidate) -> bool {
    match name.key().facts().source {
        Source::Resource => false,
        Source::Caller(fact) => candidate.is_everybody || is_fact_open(fact, candidate.caller.principal()),
        Source::Request | Source::Operation => {
            let is_fixed = matches!(
                name.key(),
                ConditionKey::AwsRequestedRegion | ConditionKey::AwsViaAwsService | ConditionKey::Unlisted
            );
            !is_fixed && reason_for_absence(name.key()).is_none()
        }
    }
}

/// Sessions bring facts of their own: those of roles, and those that a user has of GetSessionToken.
fn is_fact_open(fact: CallerFact, principal: &Principal) -> bool {
    let has_sessions = matches!(
        principal,
        Principal::Root | Principal::User { .. } | Principal::AssumedRole { .. } | Principal::FederatedUser { .. }
    );
    match fact {
        CallerFact::Account
        | CallerFact::Arn
        | CallerFact::IsService
        | CallerFact::ServiceName
        | CallerFact::Type
        | CallerFact::Username => false,
        CallerFact::UserId | CallerFact::Tag => matches!(principal, Principal::AssumedRole { .. }),
        CallerFact::FederatedProvider
        | CallerFact::MfaAge
        | CallerFact::MfaPresent
        | CallerFact::SourceIdentity
        | CallerFact::TokenIssueTime => has_sessions,
    }
}
