//! The frame around every operation: decode, run, audit, answer. The only place that uses the codec.
//!
//! # Invariants
//! - What is not on the record is not answered: the record is closed before the reply is built.
//! - A panic inside an operation ends that call alone, as an internal fault.

use std::future::Future;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;
use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::condition::keys::ConditionKey;
use strongroom_authz::decide::{AttachedPolicy, CrossAccount, Policies, Request, keeps_policy_open};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::error::Malformed;
use strongroom_authz::proof::{Authorized, Denied, Protected, WholeAccount, authorize, authorize_retirement};
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::generated::{KeyLastUsageTrackingOperation, KeySpec, KeyUsage, OpName};
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::{AccountId, KeyMaterialId, Region, RequestId};
use strongroom_core::key::{KeyMaterial, KeyRecord, KeyUsageRecord};
use strongroom_core::state::{self, Admission};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_crypto::cost::{self, Work};
use strongroom_vault::{Handle, Opening, Vault};
use strongroom_wire::json::{self, Decode, Encode, Shown};
use strongroom_wire::kms::facts::Resource;
use strongroom_wire::kms::{Fault, facts};
use zeroize::Zeroizing;

use crate::audit::{Called, Entry, KMS, Origin};
use crate::context::{Asked, Circumstances, Subject, Values};
use crate::dev::Met;
use crate::error::OpError;
use crate::explain::{Decisions, Named, Rule};
use crate::identity::Standing;
use crate::keys::{Forms, KeptGrant, KeyEntry, KeyName, Keyring, POLICY_NAME, check_grant_tokens, no_such_key};
use crate::node::Node;
use crate::quotas::RequestQuota;

/// One operation: one file, one shape.
pub(crate) trait Operation {
    /// Its name in the API.
    const NAME: OpName;
    /// What it takes.
    type Input: Decode + Shown;
    /// What it gives.
    type Output: Encode + Shown;

    /// The request quota that a call counts against, where the input has a say in it.
    fn quota(_input: &Self::Input) -> RequestQuota {
        RequestQuota::of(Self::NAME)
    }

    /// Validates, authorizes, executes.
    fn run(cx: &Cx<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, OpError>> + Send;
}

/// What an operation has at hand: the node, the caller, and the request's circumstances.
pub(crate) struct Cx<'a> {
    pub(crate) node: &'a Node,
    pub(crate) op: OpName,
    request_id: RequestId,
    pub(crate) caller: &'a Arc<Caller>,
    /// What decides on the caller's side.
    pub(crate) standing: &'a Arc<Standing>,
    /// The caller's account.
    pub(crate) account: AccountId,
    /// The Region of the request.
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    /// The audit record under way.
    pub(crate) entry: &'a Entry,
    circumstances: Circumstances<'a>,
    /// Whether it is judged in another Region than it came to.
    is_elsewhere: bool,
    /// The keys whose material was opened for this call.
    opened: Mutex<Vec<KeyArn>>,
    /// The fault rules that this call has met; there are some in `dev` alone.
    met_faults: Met,
    /// What was decided for this call.
    decisions: &'a Decisions,
}

/// An authenticated call, not yet decoded.
pub(crate) struct Call<'a> {
    pub(crate) op: OpName,
    pub(crate) request_id: RequestId,
    pub(crate) caller: Arc<Caller>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) circumstances: Circumstances<'a>,
    pub(crate) body: &'a [u8],
}

/// Runs one operation: the only place that decodes, audits and answers.
pub(crate) async fn serve<O: Operation>(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, OpError> {
    debug_assert_eq!(O::NAME, call.op, "the registry sends each operation to its own code");
    let entry = Arc::new(call.open_entry(node));
    let decisions = Decisions::default();
    let cx = Cx::new(node, call, &entry, &decisions);
    let work = async {
        if !facts(call.op).read_only {
            node.journal.check_writable()?;
        }
        let input = json::decode::<O::Input>(call.body);
        if let Ok(input) = &input {
            entry.note_request(input);
        }
        cx.count_request(input.as_ref().map_or(RequestQuota::of(O::NAME), O::quota), NonZeroU32::MIN)?;
        O::run(&cx, input.map_err(OpError::Malformed)?).await
    };
    let work = AssertUnwindSafe(work).catch_unwind();
    let outcome = if facts(call.op).read_only { work.await } else { node.journal.carry(&entry, work).await };
    let outcome = outcome.unwrap_or(Err(OpError::Panicked));
    node.kept_decisions.keep(call.request_id, call.op.as_str(), call.now, &decisions);
    if let Ok(output) = &outcome {
        entry.note_reply(output);
    }
    close_entry(node, call, &entry, outcome.as_ref().err()).await?;
    let output = outcome?;
    cx.note_usage(call.request_id);
    Ok(json::encode(&output))
}

/// An operation of the API that this service does not offer: authenticated, decoded, validated, refused.
pub(crate) async fn serve_unsupported<I: Decode + Shown>(
    node: &Node,
    call: &Call<'_>,
) -> Result<Zeroizing<Vec<u8>>, OpError> {
    let entry = call.open_entry(node);
    let input = json::decode::<I>(call.body);
    if let Ok(input) = &input {
        entry.note_request(input);
    }
    let counted = node.count_request(call.op, (call.account, call.region), RequestQuota::of(call.op), NonZeroU32::MIN);
    let refusal = match (counted, input) {
        (Err(over), _) => over,
        (Ok(()), Err(bad)) => OpError::Malformed(bad),
        (Ok(()), Ok(_)) => OpError::Unsupported(Some(format!("{} is not supported by this service.", call.op).into())),
    };
    close_entry(node, call, &entry, Some(&refusal)).await?;
    Err(refusal)
}

async fn close_entry(node: &Node, call: &Call<'_>, entry: &Entry, error: Option<&OpError>) -> Result<(), OpError> {
    if let Some(error) = error.filter(|error| error.is_internal()) {
        let Call { op, request_id, region, .. } = *call;
        tracing::error!(%op, request.id = %request_id, %region, %error, "call failed");
    }
    let fault = error.map(Fault::from);
    Ok(node.journal.close(entry, fault.as_ref().map(Into::into)).await?)
}

impl Call<'_> {
    /// The audit record of this call.
    fn open_entry(&self, node: &Node) -> Entry {
        let facts = facts(self.op);
        let entry = node.journal.open(&Origin {
            called: Called { source: KMS, operation: self.op.as_str().into(), read_only: facts.read_only },
            request_id: self.request_id,
            time: self.now,
            caller: Some(&self.caller),
            region: Some(self.region),
            circumstances: self.circumstances,
        });
        if facts.reply_key_arn {
            entry.tell_key_in_reply();
        }
        entry
    }
}

impl<'a> Cx<'a> {
    fn new(node: &'a Node, call: &'a Call<'_>, entry: &'a Entry, decisions: &'a Decisions) -> Self {
        let Call { op, request_id, ref caller, ref standing, account, region, now, circumstances, .. } = *call;
        Self {
            node,
            op,
            request_id,
            caller,
            standing,
            account,
            region,
            now,
            entry,
            circumstances,
            is_elsewhere: false,
            opened: Mutex::default(),
            met_faults: Met::default(),
            decisions,
        }
    }

    /// The same call, judged as if it had come in `region`.
    pub(crate) fn in_region(&self, region: Region) -> Cx<'_> {
        let Self { node, op, request_id, caller, standing, account, now, entry, circumstances, decisions, .. } = *self;
        Cx {
            node,
            op,
            request_id,
            caller,
            standing,
            account,
            region,
            now,
            entry,
            circumstances,
            is_elsewhere: true,
            opened: Mutex::default(),
            met_faults: Met::default(),
            decisions,
        }
    }

    /// The record of what the call does to a key in another Region: there it is `op`, with this input.
    pub(crate) fn entry_elsewhere<T: Shown>(&self, op: OpName, key: &KeyArn, input: &T) -> Entry {
        let origin = Origin {
            called: Called { source: KMS, operation: op.as_str().into(), read_only: facts(op).read_only },
            request_id: self.request_id,
            time: self.now,
            caller: Some(self.caller),
            region: Some(key.region),
            circumstances: self.circumstances,
        };
        let entry = Entry::elsewhere(origin, key);
        entry.note_request(input);
        if facts(op).reply_key_arn {
            entry.tell_key_in_reply();
        }
        entry
    }

    /// Counts so many requests of the caller's account in this call's Region.
    ///
    /// # Errors
    /// [`OpError::OverRequestQuota`]; nothing was counted.
    pub(crate) fn count_request(&self, quota: RequestQuota, requests: NonZeroU32) -> Result<(), OpError> {
        self.node.count_request(self.op, (self.account, self.region), quota, requests)
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.node.keyring
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.node.vault
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.node.rng
    }

    /// Whether the caller may do something that concerns no single resource.
    pub(crate) async fn authorize_account(&self) -> Result<Authorized<WholeAccount>, OpError> {
        self.authorize_account_for(self.action(), &Asked::default(), Subject::Other(self.account)).await
    }

    /// The same for an action that is not called like the operation, or that policies can ask about.
    pub(crate) async fn authorize_account_for(
        &self,
        action: Action,
        asked: &Asked<'_>,
        subject: Subject<'_>,
    ) -> Result<Authorized<WholeAccount>, OpError> {
        let resource = (Named::Account(self.account), WholeAccount(self.account));
        let proof = self.authorize_by_identity(action, asked, subject, resource)?;
        self.meet_faults(None).await?;
        Ok(proof)
    }

    /// Finds the key that the caller named and asks whether the caller may use it for this operation.
    ///
    /// # Errors
    /// The answers of behaviours 2.3, and [`Denied`] in one text for a stranger whether the key exists or not.
    pub(crate) async fn authorize_key(
        &self,
        text: &str,
        forms: Forms,
        grant_tokens: Option<&[String]>,
    ) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        self.authorize_key_for(self.action(), text, forms, grant_tokens, &Asked::default()).await
    }

    /// The same for an operation of which policies can ask more than its name.
    pub(crate) async fn authorize_key_asking(
        &self,
        text: &str,
        forms: Forms,
        grant_tokens: Option<&[String]>,
        asked: &Asked<'_>,
    ) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        self.authorize_key_for(self.action(), text, forms, grant_tokens, asked).await
    }

    /// The same for an action that is not called like the operation.
    pub(crate) async fn authorize_key_for(
        &self,
        action: Action,
        text: &str,
        forms: Forms,
        grant_tokens: Option<&[String]>,
        asked: &Asked<'_>,
    ) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        let name = KeyName::read(text, forms, self.account, self.region)?;
        check_grant_tokens(self.vault(), grant_tokens)?;
        let entry = self.find_key(action, &name).await?;
        let days_without_key_usage = match self.asks_for_last_use(&entry) {
            true => self.node.days_without_key_usage(&entry.record.arn, self.now).await?,
            false => None,
        };
        let asked = Asked { request_alias: name.alias(), days_without_key_usage, ..*asked };
        let key = self.authorize_entry(action, &entry, &asked).map_err(|denied| self.hide(denied, action, &name))?;
        self.meet_faults(Some(&entry)).await?;
        Ok(key)
    }

    /// Whether a policy asks when the key was last used. It is looked up before anything is judged, and only then.
    fn asks_for_last_use(&self, entry: &KeyEntry) -> bool {
        let asks = |attached: &AttachedPolicy| {
            let mut keys = attached.policy.condition_keys().iter();
            keys.any(|key| key.key() == ConditionKey::KmsTrailingDaysWithoutKeyUsage)
        };
        let standing = self.standing;
        let of_caller = standing.identity.iter().chain(&standing.boundary).chain(standing.session.iter());
        facts(self.op).condition_keys.contains(&"kms:TrailingDaysWithoutKeyUsage")
            && entry.policies().policies.iter().chain(of_caller).any(asks)
    }

    /// The key of this name, before anything is asked about it.
    ///
    /// # Errors
    /// That there is none, in the words for the caller: a stranger is refused as if it were there.
    pub(crate) async fn find_key(&self, action: Action, name: &KeyName) -> Result<Arc<KeyEntry>, OpError> {
        match name.find(self.keyring()).await? {
            Some(entry) => Ok(entry),
            None if name.owner() == self.account => Err(name.not_found()),
            None => {
                self.decisions.note_rule((self.caller, action), name.owner(), &name.arn(), Rule::Absent);
                Err(Denied::absent(self.caller, action, &name.arn()).into())
            }
        }
    }

    /// Refuses a stranger whatever policies say, in the one text that strangers read.
    pub(crate) fn refuse(&self, owner: AccountId, arn: &str, rule: Rule) -> Denied {
        self.decisions.note_rule((self.caller, self.action()), owner, arn, rule);
        Denied::absent(self.caller, self.action(), arn)
    }

    /// A stranger reads back its own words, never the key behind an alias.
    pub(crate) fn hide(&self, denied: Denied, action: Action, name: &KeyName) -> Denied {
        let is_stranger = name.owner() != self.account;
        if is_stranger { Denied::absent(self.caller, action, &name.arn()) } else { denied }
    }

    /// The same for a key of the caller's own account that the service itself named, behind an alias.
    pub(crate) async fn authorize_own_key(&self, arn: &KeyArn) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        let entry = self.keyring().entry(arn).await?.ok_or_else(|| no_such_key(arn))?;
        let key = self.authorize_entry(self.action(), &entry, &Asked::default())?;
        self.meet_faults(Some(&entry)).await?;
        Ok(key)
    }

    /// Whether the caller may make, move or delete this alias.
    pub(crate) async fn authorize_alias(&self, arn: AliasArn) -> Result<Authorized<AliasArn>, OpError> {
        self.entry.note_alias(&arn);
        let subject = Subject::Other(arn.account);
        let resource = (Named::Alias(arn.clone()), arn);
        let proof = self.authorize_by_identity(self.action(), &Asked::default(), subject, resource)?;
        self.meet_faults(None).await?;
        Ok(proof)
    }

    /// Lets the fault rules of `dev` have their way with a call that its caller may make, on this key where it is about one.
    ///
    /// # Errors
    /// What a rule says; in `serve` there is none.
    pub(crate) async fn meet_faults(&self, entry: Option<&KeyEntry>) -> Result<(), OpError> {
        match &self.node.dev {
            Some(dev) => dev.faults.disturb(self.op, entry, &self.met_faults).await,
            None => Ok(()),
        }
    }

    /// Whether the caller may use this key, by its policy, its grants and the caller's own policies.
    pub(crate) fn authorize_entry(
        &self,
        action: Action,
        entry: &KeyEntry,
        asked: &Asked<'_>,
    ) -> Result<Authorized<Arc<KeyRecord>>, Denied> {
        let values = self.values(asked, Subject::Key(&entry.record, &entry.aliases));
        let policies = self.policies_with(entry);
        let request = self.request(action, &values);
        let outcome = authorize(&request, &policies, Arc::clone(&entry.record));
        self.note(&request, Some(entry.kept_policies()), Named::Key(entry.record.arn), &outcome);
        self.note_key(&entry.record, outcome.is_ok());
        outcome
    }

    /// Whether the caller may retire this grant of this key.
    pub(crate) fn authorize_retirement(
        &self,
        entry: &KeyEntry,
        grant: &KeptGrant,
        asked: &Asked<'_>,
    ) -> Result<Authorized<Arc<KeyRecord>>, Denied> {
        let values = self.values(asked, Subject::Key(&entry.record, &entry.aliases));
        let policies = self.policies_with(entry);
        let request = self.request(self.action(), &values);
        let outcome = authorize_retirement(&request, &policies, &grant.compiled, Arc::clone(&entry.record));
        self.note(&request, Some(entry.kept_policies()), Named::Key(entry.record.arn), &outcome);
        self.note_key(&entry.record, outcome.is_ok());
        outcome
    }

    /// Puts the key on the record. A stranger who was refused has named nothing: its record must not tell more than its reply. What
    /// is done in another Region stands there.
    fn note_key(&self, record: &KeyRecord, is_allowed: bool) {
        let is_about_keys = facts(self.op).resource != Resource::Any;
        if is_about_keys && !self.is_elsewhere && (is_allowed || record.arn.account == self.account) {
            self.entry.note_key(&record.arn);
        }
    }

    /// The users and roles that a new key policy names, by whom they are now.
    ///
    /// # Errors
    /// [`OpError::MalformedPolicy`] when a known account has nobody of a name.
    pub(crate) async fn policy_principals(&self, policy: &Policy) -> Result<Vec<NamedPrincipal>, OpError> {
        let named = self.node.directory.identify_principals(policy, self.region.partition()).await?;
        named.map_err(|_| OpError::MalformedPolicy(Malformed::KeyPrincipal.to_string().into()))
    }

    /// Refuses a key policy by which the caller could not change it again, unless the caller insists (behaviours 7.3).
    ///
    /// # Errors
    /// [`OpError::MalformedPolicy`].
    pub(crate) fn check_lockout(
        &self,
        policy: Policy,
        arn: &KeyArn,
        subject: Subject<'_>,
        insists: Option<bool>,
    ) -> Result<(), OpError> {
        if insists == Some(true) {
            return Ok(());
        }
        let later = Asked {
            policy_name: Some(POLICY_NAME),
            bypass_policy_lockout_safety_check: Some(false),
            ..Asked::default()
        };
        let values = Values { op: OpName::PutKeyPolicy, ..self.values(&later, subject) };
        let request = self.request(Action::kms(OpName::PutKeyPolicy.as_str()), &values);
        let policy = AttachedPolicy { name: POLICY_NAME.into(), policy: policy.into() };
        if keeps_policy_open(&request, &policy, &arn.to_string()) {
            return Ok(());
        }
        Err(OpError::MalformedPolicy(
            "The new key policy will not allow you to update the key policy in the future.".into(),
        ))
    }

    fn authorize_by_identity<R: Protected>(
        &self,
        action: Action,
        asked: &Asked<'_>,
        subject: Subject<'_>,
        (named, resource): (Named, R),
    ) -> Result<Authorized<R>, OpError> {
        let values = self.values(asked, subject);
        let request = self.request(action, &values);
        let outcome = authorize(&request, &self.standing.policies(None), resource);
        self.note(&request, None, named, &outcome);
        Ok(outcome?)
    }

    /// Keeps what was decided, so that an operator can ask why.
    fn note<R>(
        &self,
        request: &Request<'_>,
        policies: Option<Arc<[AttachedPolicy]>>,
        resource: Named,
        outcome: &Result<Authorized<R>, Denied>,
    ) {
        self.decisions.note(request, (self.caller, self.standing), policies, resource, outcome);
    }

    fn policies_with<'e>(&'e self, entry: &'e KeyEntry) -> Policies<'e> {
        self.standing.policies(Some(entry.policies()))
    }

    fn values<'v>(&'v self, asked: &'v Asked<'v>, subject: Subject<'v>) -> Values<'v> {
        let Self { op, region, now, circumstances, .. } = *self;
        Values { op, region, now, circumstances, asked, subject }
    }

    fn request<'v>(&'v self, action: Action, values: &'v Values<'v>) -> Request<'v> {
        let cross_account =
            if facts(self.op).cross_account { CrossAccount::Effective } else { CrossAccount::WithoutEffect };
        let proposed_grant = values.asked.proposed_grant();
        Request { caller: self.caller, action, context: values, cross_account, proposed_grant }
    }

    /// The action that is called like the operation.
    pub(crate) fn action(&self) -> Action {
        Action::kms(self.op.as_str())
    }

    /// Refuses a key whose usage is another.
    pub(crate) fn check_usage(&self, key: &KeyRecord, usage: KeyUsage) -> Result<(), OpError> {
        if key.usage == usage {
            Ok(())
        } else {
            Err(OpError::WrongUsage { arn: key.arn, usage: key.usage, op: self.op })
        }
    }

    /// Refuses a key whose state forbids this operation.
    pub(crate) fn check_state(&self, key: &KeyRecord) -> Result<(), OpError> {
        match state::admit(self.op, key.state) {
            Admission::Admit => Ok(()),
            Admission::Disabled | Admission::InvalidState => {
                Err(OpError::WrongState { arn: key.arn, state: key.state })
            }
        }
    }

    /// Opens one material of the key.
    pub(crate) async fn open(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        id: KeyMaterialId,
    ) -> Result<Arc<Handle>, OpError> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(key.resource().arn);
        if key.resource().shows_material_ids() {
            self.entry.note_material(id);
        }
        let opening = match self.vault().begin_open(key, id) {
            Err(strongroom_vault::Error::AccountKeyNotLoaded) => {
                self.keyring().ensure_account_key(key.resource().arn.account).await?;
                self.vault().begin_open(key, id)?
            }
            outcome => outcome?,
        };
        match opening {
            Opening::Open(handle) => Ok(handle),
            Opening::Cold(cold) => {
                let vault = Arc::clone(&self.node.vault);
                Ok(self.compute(cold.spec(), Work::Open, move || cold.open(&vault)).await??)
            }
        }
    }

    /// Notes the use of every key that a successful cryptographic operation opened.
    fn note_usage(&self, request_id: RequestId) {
        // The operations whose use is tracked are called alike in both enums; all others have no name there.
        let Ok(operation) = self.op.as_str().parse::<KeyLastUsageTrackingOperation>() else { return };
        for arn in self.opened.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let event_id = self.entry.event_id(arn.account);
            self.node.last_usage.note(arn, KeyUsageRecord { operation, at: self.now, request_id, event_id });
        }
    }

    /// Makes material for a new key.
    pub(crate) async fn new_material(&self, arn: &KeyArn, spec: KeySpec) -> Result<KeyMaterial, OpError> {
        self.keyring().ensure_account_key(arn.account).await?;
        let (vault, rng, arn, now) = (Arc::clone(&self.node.vault), Arc::clone(&self.node.rng), *arn, self.now);
        Ok(self.compute(spec, Work::Generate, move || vault.new_material(&arn, spec, now, &*rng)).await??)
    }

    /// Computes on the connection's own task, or on the pool when that would delay others.
    ///
    /// # Errors
    /// [`OpError::Throttled`] when the pool is full.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        spec: KeySpec,
        work: Work,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OpError> {
        if !cost::is_slow(spec, work) {
            return Ok(self.timed(job));
        }
        let (metrics, op) = (Arc::clone(&self.node.metrics), self.op);
        let timed = move || {
            let begun = Instant::now();
            let done = job();
            metrics.note_crypto(op, begun.elapsed());
            done
        };
        Ok(self.node.slow.run(spec, work, timed).await?)
    }

    /// Does cryptography at once, and notes how long it took.
    pub(crate) fn timed<T>(&self, job: impl FnOnce() -> T) -> T {
        let _span = tracing::debug_span!(target: "strongroom::call", "crypto").entered();
        let begun = Instant::now();
        let done = job();
        self.node.metrics.note_crypto(self.op, begun.elapsed());
        done
    }

    /// Opens the material that encrypts.
    pub(crate) async fn open_current(&self, key: &Authorized<Arc<KeyRecord>>) -> Result<Arc<Handle>, OpError> {
        let material = key.resource().current_material().ok_or(OpError::BadRecord)?.id;
        self.open(key, material).await
    }
}
