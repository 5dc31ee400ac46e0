//! What would be decided about a request that nobody has sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_authz::action::Action;
use strongroom_authz::caller::{Caller, Session};
use strongroom_authz::condition::keys::{CallerFact, ConditionKey, KeyName as ConditionKeyName, Source};
use strongroom_authz::context::{BadValue, FixedContext, Pairs, RequestContext, Value};
use strongroom_authz::decide::{CrossAccount, Policies, Request, explain};
use strongroom_authz::grants::{GrantConstraints, GrantOperations, ProposedGrant};
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, OpName};
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::world::Timestamp;
use strongroom_wire::kms::facts;
use strongroom_wire::kms::facts::Resource;

use super::principals::{self, Supposed};
use super::view::{DecisionView, Explanation, Judged};
use crate::context::{Asked, Circumstances, Subject, Values};
use crate::error::OpError;
use crate::identity::Standing;
use crate::keys::{Forms, KeyEntry, KeyName};
use crate::node::Node;

/// A request that nobody has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supposition {
    /// An ARN, twelve digits for an account's root user, the name of a service, or `anonymous`.
    pub principal: String,
    /// An operation such as `Encrypt`, or one of its actions such as `kms:ReEncryptFrom`.
    pub operation: String,
    /// A key id, key ARN, alias name or alias ARN; needed by operations on keys.
    #[serde(default)]
    pub key: Option<String>,
    /// The Region of the request; that of `key` when it is an ARN.
    #[serde(default)]
    pub region: Option<String>,
    /// Condition keys and their values.
    #[serde(default)]
    pub context: Vec<(String, String)>,
    /// The encryption context.
    #[serde(default)]
    pub encryption_context: Option<BTreeMap<String, String>>,
    /// The address that the request comes from.
    #[serde(default)]
    pub source_ip: Option<IpAddr>,
    /// Tags in the request.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Tags of the caller's session, over those of its user or role.
    #[serde(default)]
    pub principal_tags: Vec<(String, String)>,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The node no longer knows, or never did.
    #[error("no decision of request {0} is kept here: it is too old, was never decided, or came to another node")]
    NotKept(String),
    /// There is no such operation.
    #[error("{0} is not an operation of KMS, and none of its actions is called so")]
    NoSuchOperation(String),
    /// There is nobody of this name.
    #[error(
        "there is no principal {0}: give the ARN of a user, role, role session or root user, twelve digits, a service, or anonymous"
    )]
    NoSuchPrincipal(String),
    /// The operation is about a key, and none is named.
    #[error("{0} is about a key: name one")]
    NoKey(OpName),
    /// There is no such key.
    #[error("there is no key {0}")]
    NoSuchKey(String),
    /// Not a Region.
    #[error("{0} is not a Region")]
    BadRegion(String),
    /// A key id without an account that it could belong to.
    #[error("whose key {0} is cannot be told: give its ARN")]
    WhoseKey(String),
    /// A condition value that there cannot be.
    #[error(transparent)]
    BadValue(#[from] BadValue),
    /// A condition key that is a fact of the caller.
    #[error("{0} follows from the principal and cannot be set by itself")]
    OfCaller(String),
    /// The service failed.
    #[error("{0}")]
    Failed(String),
}

impl ExplainError {
    /// Whether the question was well-formed and the service could not answer it.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl From<OpError> for ExplainError {
    fn from(error: OpError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Node {
    /// How a request was decided.
    ///
    /// # Errors
    /// [`ExplainError::NotKept`].
    pub fn explain(&self, request_id: &str) -> Result<Explanation, ExplainError> {
        let not_kept = || ExplainError::NotKept(request_id.to_owned());
        let id = request_id.parse().map_err(|_| not_kept())?;
        self.kept_decisions.explain(&id).ok_or_else(not_kept)
    }

    /// What would be decided.
    ///
    /// # Errors
    /// [`ExplainError`] when the supposition makes no sense.
    pub async fn simulate(&self, supposition: &Supposition) -> Result<Explanation, ExplainError> {
        let (op, actions) = operation(&supposition.operation)?;
        let now = self.clock.now();
        let Supposed { caller, standing } = principals::find(&self.directory, &supposition.principal).await?;
        // Nothing is known of the policies of an account that is elsewhere; this judges the key's side.
        let caller = with_facts(caller, supposition, now)?;
        let given = given(supposition)?;
        let scene = Scene { op, now, caller, standing: standing.unwrap_or_default(), given };
        let (account, region) = (scene.caller.account(), supposition.region.as_deref());
        let decisions = match (&supposition.key, facts(op).resource) {
            (Some(key), Resource::Key | Resource::AliasAndKey) => {
                let Target { name, entry } = self.target(key, account, region).await?;
                let days = self.days_asked(op, &entry).await?;
                scene.on_key(&actions, &name, &entry, days)
            }
            (None, Resource::Key | Resource::AliasAndKey) => return Err(ExplainError::NoKey(op)),
            (_, Resource::Any) => {
                let account = account.ok_or_else(|| ExplainError::NoSuchPrincipal(supposition.principal.clone()))?;
                scene.on_account(&actions, account, read_region(region)?)
            }
        };
        Ok(Explanation {
            request_id: None,
            operation: op.to_string(),
            time_ms: None,
            allowed: decisions.iter().all(|decision| decision.allowed),
            decisions,
        })
    }

    /// Days since the last use, for operations of which policies can ask it.
    pub(super) async fn days_asked(&self, op: OpName, entry: &KeyEntry) -> Result<Option<i64>, ExplainError> {
        if !facts(op).condition_keys.contains(&"kms:TrailingDaysWithoutKeyUsage") {
            return Ok(None);
        }
        Ok(self.days_without_key_usage(&entry.record.arn, self.clock.now()).await?)
    }

    /// The key of this name.
    pub(super) async fn target(
        &self,
        key: &str,
        account: Option<AccountId>,
        region: Option<&str>,
    ) -> Result<Target, ExplainError> {
        let (of_arn, region_of_arn) = match key.strip_prefix("arn:").map(|rest| rest.split(':').collect::<Vec<_>>()) {
            Some(parts) => (parts.get(3).and_then(|part| part.parse().ok()), parts.get(2).copied()),
            None => (None, None),
        };
        let account = of_arn.or(account).ok_or_else(|| ExplainError::WhoseKey(key.to_owned()))?;
        let region = read_region(region_of_arn.or(region))?;
        let no_such_key = |_| ExplainError::NoSuchKey(key.to_owned());
        let name = KeyName::read(key, Forms::All, account, region).map_err(no_such_key)?;
        let entry = name.find(&self.keyring).await?.ok_or_else(|| ExplainError::NoSuchKey(key.to_owned()))?;
        Ok(Target { name, entry })
    }
}

/// A key by its name.
pub(super) struct Target {
    pub(super) name: KeyName,
    pub(super) entry: Arc<KeyEntry>,
}

const DEFAULT_REGION: &str = "us-east-1";

fn read_region(region: Option<&str>) -> Result<Region, ExplainError> {
    let region = region.unwrap_or(DEFAULT_REGION);
    region.parse().map_err(|_| ExplainError::BadRegion(region.to_owned()))
}

/// The operation, and those of its actions that are asked about.
pub(super) fn operation(name: &str) -> Result<(OpName, Vec<Action>), ExplainError> {
    let own = name.strip_prefix("kms:").unwrap_or(name);
    for op in OpName::ALL {
        let actions = facts(*op).actions.iter().filter_map(|action| action.strip_prefix("kms:"));
        if op.as_str() == own {
            return Ok((*op, actions.map(Action::kms).collect()));
        }
        if let Some(action) = actions.clone().find(|action| *action == own) {
            return Ok((*op, vec![Action::kms(action)]));
        }
    }
    Err(ExplainError::NoSuchOperation(name.to_owned()))
}

/// The caller, with what the supposition says of its session.
fn with_facts(caller: Caller, supposition: &Supposition, now: Timestamp) -> Result<Caller, ExplainError> {
    let mut session = caller.session().cloned();
    for (key, value) in &supposition.context {
        let Some(name) = ConditionKeyName::parse(key) else { continue };
        let Source::Caller(fact) = name.key().facts().source else { continue };
        let session = session.get_or_insert_with(|| Session { issued_at: now, ..Session::default() });
        match fact {
            CallerFact::MfaPresent => session.mfa_at = value.eq_ignore_ascii_case("true").then_some(now),
            CallerFact::FederatedProvider => session.federated_provider = Some(value.as_str().into()),
            CallerFact::SourceIdentity => session.source_identity = Some(value.as_str().into()),
            CallerFact::Account
            | CallerFact::Arn
            | CallerFact::IsService
            | CallerFact::MfaAge
            | CallerFact::ServiceName
            | CallerFact::Tag
            | CallerFact::TokenIssueTime
            | CallerFact::Type
            | CallerFact::UserId
            | CallerFact::Username => return Err(ExplainError::OfCaller(key.clone())),
        }
    }
    let own = caller
        .tags()
        .iter()
        .filter(|(key, _)| !supposition.principal_tags.iter().any(|(given, _)| given.eq_ignore_ascii_case(key)));
    let given = supposition.principal_tags.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
    let tags: Vec<(Box<str>, Box<str>)> = own.cloned().chain(given).collect();
    let caller = match session {
        Some(session) => caller.with_session(session),
        None => caller,
    };
    Ok(caller.with_tags(tags))
}

/// The condition values that the supposition gives.
fn given(supposition: &Supposition) -> Result<FixedContext, ExplainError> {
    let mut given = FixedContext::new();
    for (key, value) in &supposition.context {
        let is_of_caller =
            ConditionKeyName::parse(key).is_some_and(|name| matches!(name.key().facts().source, Source::Caller(_)));
        if !is_of_caller {
            given.add_text(key, value)?;
        }
    }
    for (key, value) in &supposition.tags {
        given.add_text(&format!("aws:RequestTag/{key}"), value)?;
        given.add_text("aws:TagKeys", key)?;
    }
    if let Some(ip) = supposition.source_ip {
        given.add_text("aws:SourceIp", &ip.to_string())?;
    }
    if let Some(pairs) = &supposition.encryption_context {
        given.set_encryption_context(pairs.clone());
    }
    Ok(given)
}

/// Somebody who would ask for something.
struct Scene {
    op: OpName,
    now: Timestamp,
    caller: Caller,
    standing: Arc<Standing>,
    given: FixedContext,
}

impl Scene {
    /// The key's side, and that of the alias by which it is named where the operation is about both.
    fn on_key(
        &self,
        actions: &[Action],
        name: &KeyName,
        entry: &KeyEntry,
        days_without_key_usage: Option<i64>,
    ) -> Vec<DecisionView> {
        let arn = entry.record.arn;
        let asked = Asked { request_alias: name.alias(), days_without_key_usage, ..asked_of(self.op, entry) };
        let key = Subject::Key(&entry.record, &entry.aliases);
        let mut decisions = Vec::new();
        for action in actions {
            if facts(self.op).resource == Resource::AliasAndKey && name.alias().is_some() {
                let values = self.values(arn.region, &asked, Subject::Other(arn.account));
                decisions.push(self.decide(*action, &values, &self.standing.policies(None), arn.account, &name.arn()));
            }
            let values = self.values(arn.region, &asked, key);
            let policies = self.standing.policies(Some(entry.policies()));
            decisions.push(self.decide(*action, &values, &policies, arn.account, &arn.to_string()));
        }
        decisions
    }

    fn on_account(&self, actions: &[Action], account: AccountId, region: Region) -> Vec<DecisionView> {
        let asked = Asked::default();
        let values = self.values(region, &asked, Subject::Other(account));
        let policies = self.standing.policies(None);
        actions.iter().map(|action| self.decide(*action, &values, &policies, account, "*")).collect()
    }

    fn values<'a>(&self, region: Region, asked: &'a Asked<'a>, subject: Subject<'a>) -> Values<'a> {
        supposed_values(self.op, region, self.now, asked, subject)
    }

    fn decide(
        &self,
        action: Action,
        values: &Values<'_>,
        policies: &Policies<'_>,
        owner: AccountId,
        arn: &str,
    ) -> DecisionView {
        let context = Overlaid { given: &self.given, values };
        // A grant that nobody described asks for nothing, so that the grants which allow CreateGrant do.
        let proposed = nothing_proposed();
        let request = Request {
            caller: &self.caller,
            action,
            context: &context,
            cross_account: cross_account(self.op),
            proposed_grant: (self.op == OpName::CreateGrant).then_some(&proposed),
        };
        let (decision, trace) = explain(&request, policies, owner, arn);
        Judged { request: &request, policies, resource: arn }.view(&decision, &trace)
    }
}

pub(super) fn nothing_proposed() -> ProposedGrant {
    ProposedGrant { operations: GrantOperations::default(), constraints: GrantConstraints::default() }
}

pub(super) fn cross_account(op: OpName) -> CrossAccount {
    if facts(op).cross_account { CrossAccount::Effective } else { CrossAccount::WithoutEffect }
}

/// What the operation is asked when nobody says more.
pub(super) fn asked_of(op: OpName, entry: &KeyEntry) -> Asked<'static> {
    let has_context = facts(op).condition_keys.iter().any(|key| key.starts_with("kms:EncryptionContext"));
    if has_context && op != OpName::CreateGrant && entry.record.spec == KeySpec::SymmetricDefault {
        Asked::encryption(EncryptionAlgorithmSpec::SymmetricDefault, None)
    } else {
        Asked::default()
    }
}

/// The values that a request has by itself; its address is the caller's to say.
pub(super) fn supposed_values<'a>(
    op: OpName,
    region: Region,
    now: Timestamp,
    asked: &'a Asked<'a>,
    subject: Subject<'a>,
) -> Values<'a> {
    let circumstances = Circumstances {
        peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        is_secure: true,
        user_agent: None,
        referer: None,
        tls: None,
        host: None,
        access_key_id: None,
    };
    Values { op, region, now, circumstances, asked, subject }
}

/// Values that were given, over those that a request has by itself.
struct Overlaid<'a> {
    given: &'a FixedContext,
    values: &'a Values<'a>,
}

impl RequestContext for Overlaid<'_> {
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        if self.given.has(key, rest) {
            self.given.values(key, rest, each);
        } else if key != ConditionKey::AwsSourceIp {
            self.values.values(key, rest, each);
        }
    }

    fn encryption_context(&self) -> Option<&dyn Pairs> {
        self.given.encryption_context().or_else(|| self.values.encryption_context())
    }
}
