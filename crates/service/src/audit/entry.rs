//! One call, as the audit record will tell it: opened before the operation runs, filled in while it runs, closed into events.
//!
//! # Invariants
//! - What stands here was parsed, authenticated or made by this service; nothing of a body but the members that
//!   `model/overlay.toml` shows.
//! - The ids of the events are fixed once given: an event that is written a second time is recognised by them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_authz::caller::Caller;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::{AccountId, GrantId, KeyMaterialId, Region, RequestId};
use strongroom_core::world::{NoEntropy, Rng, Timestamp};
use strongroom_wire::json::{self, Shown};
use strongroom_wire::kms::Fault;
use strongroom_wire::query;

use super::event::{self, Event};
use super::principal;
use crate::context::Circumstances;

/// Which operation of which API was called.
#[derive(Clone, Debug)]
pub(crate) struct Called<'a> {
    /// `kms.amazonaws.com`.
    pub(crate) source: &'static str,
    /// `Encrypt`; of a call that names no operation, what it names instead.
    pub(crate) operation: Cow<'a, str>,
    pub(crate) read_only: bool,
}

/// The event source of the KMS API.
pub(crate) const KMS: &str = "kms.amazonaws.com";

/// Everything that is known of a call before its body is read.
#[derive(Clone, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) called: Called<'a>,
    pub(crate) request_id: RequestId,
    pub(crate) time: Timestamp,
    /// None where authentication failed.
    pub(crate) caller: Option<&'a Arc<Caller>>,
    /// None where authentication failed before the credential scope was read.
    pub(crate) region: Option<Region>,
    pub(crate) circumstances: Circumstances<'a>,
}

/// Which of an entry's ids is whose: the caller's event, the id that all share, those of other accounts.
const OWN: usize = 0;
const SHARED: usize = 1;
const OTHERS: usize = 2;

/// A call under way.
pub(crate) struct Entry {
    pub(super) request_id: Option<RequestId>,
    /// The events' members that are the same whatever becomes of the call.
    pub(super) head: Vec<u8>,
    pub(super) identity: Vec<u8>,
    pub(super) tls: Option<Vec<u8>>,
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) read_only: bool,
    /// Whether the service itself acted, without a call.
    pub(super) service_event: bool,
    /// Whether there is no event but those of what the service did besides.
    is_carrier: bool,
    /// Where the record waits in the store, once it was committed there with a change.
    outbox: Mutex<Option<RequestId>>,
    ids: Mutex<Vec<RequestId>>,
    noted: Mutex<Noted>,
}

/// What comes to be known while the operation runs.
#[derive(Default)]
pub(super) struct Noted {
    /// Members of `requestParameters`, without braces; none where the body was not understood.
    pub(super) parameters: Option<Vec<u8>>,
    /// The member that shows the key's ARN, and what the caller wrote there.
    pub(super) resolved: Option<(&'static str, Option<String>)>,
    /// Members of `responseElements`, without braces.
    pub(super) response: Vec<u8>,
    pub(super) response_tells_key: bool,
    pub(super) resources: Vec<Resource>,
    pub(super) materials: Vec<KeyMaterialId>,
    pub(super) grant: Option<GrantId>,
    /// Of service events.
    pub(super) details: Option<Vec<u8>>,
    /// What the service did besides.
    pub(super) besides: Vec<Arc<Entry>>,
    /// Who called, where no signature but the body proves it: the identity, and in whose trail the call stands.
    pub(super) proven: Option<(Vec<u8>, AccountId)>,
}

/// What a call was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Key(KeyArn),
    Alias(AliasArn),
}

impl Resource {
    pub(super) fn account(&self) -> AccountId {
        match self {
            Self::Key(arn) => arn.account,
            Self::Alias(arn) => arn.account,
        }
    }
}

/// Why a call failed, as its caller reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: Option<&'a str>,
}

impl<'a> From<&'a Fault> for Failure<'a> {
    fn from(fault: &'a Fault) -> Self {
        Self { code: fault.code.as_str(), message: fault.message.as_deref() }
    }
}

impl<'a> From<&'a query::Fault> for Failure<'a> {
    fn from(fault: &'a query::Fault) -> Self {
        Self { code: fault.code.as_str(), message: Some(&fault.message) }
    }
}

impl Entry {
    /// Of a call.
    pub(crate) fn open(origin: &Origin<'_>) -> Self {
        let Origin { called, request_id, caller, .. } = origin;
        Self {
            request_id: Some(*request_id),
            head: event::head(origin),
            identity: principal::identity(caller.map(|caller| &**caller), origin.circumstances.access_key_id, None),
            tls: event::tls(&origin.circumstances),
            caller: caller.map(Arc::clone),
            read_only: called.read_only,
            service_event: false,
            is_carrier: false,
            outbox: Mutex::default(),
            ids: Mutex::default(),
            noted: Mutex::default(),
        }
    }

    /// Of what a call does in another Region besides: there it stands as the same caller's, brought by the service.
    pub(crate) fn elsewhere(origin: Origin<'_>, key: &KeyArn) -> Self {
        let Origin { caller, circumstances, .. } = origin;
        let identity = principal::identity(caller.map(|caller| &**caller), circumstances.access_key_id, Some(KMS));
        let circumstances = Circumstances { user_agent: Some(event::INTERNAL), tls: None, host: None, ..circumstances };
        let entry = Self::open(&Origin { region: Some(key.region), circumstances, ..origin });
        entry.note_key(key);
        Self { identity, ..entry }
    }

    /// Of what the service does to a key by itself. `details` are members of `serviceEventDetails`.
    pub(crate) fn of_service(name: &'static str, key: &KeyArn, time: Timestamp, details: Option<Vec<u8>>) -> Self {
        let noted =
            Noted { resources: vec![Resource::Key(*key)], response_tells_key: true, details, ..Noted::default() };
        Self {
            request_id: None,
            head: event::service_head(name, key.region, time),
            identity: principal::service(key.account),
            tls: None,
            caller: None,
            read_only: false,
            service_event: true,
            is_carrier: false,
            outbox: Mutex::default(),
            ids: Mutex::default(),
            noted: Mutex::new(noted),
        }
    }

    /// Of what the operator does to an account. `details` are members of `serviceEventDetails`.
    pub(crate) fn of_operator(name: &'static str, account: AccountId, time: Timestamp, details: Vec<u8>) -> Self {
        let identity = principal::operator();
        let noted = Noted { details: Some(details), proven: Some((identity.clone(), account)), ..Noted::default() };
        Self {
            head: event::operator_head(name, time),
            identity,
            is_carrier: false,
            noted: Mutex::new(noted),
            ..Self::of_change()
        }
    }

    /// Of a change that the service makes by itself; [`Entry::set_besides`] says what it did.
    pub(crate) fn of_change() -> Self {
        Self {
            request_id: None,
            head: Vec::new(),
            identity: Vec::new(),
            tls: None,
            caller: None,
            read_only: false,
            service_event: true,
            is_carrier: true,
            outbox: Mutex::default(),
            ids: Mutex::default(),
            noted: Mutex::default(),
        }
    }

    /// The request, understood.
    pub(crate) fn note_request<T: Shown>(&self, input: &T) {
        if self.is_carrier {
            return;
        }
        let mut noted = self.noted();
        noted.parameters = Some(json::shown(input));
        noted.resolved = input.resolved().map(|(member, sent)| (member, sent.map(str::to_owned)));
    }

    /// The reply.
    pub(crate) fn note_reply<T: Shown>(&self, output: &T) {
        if self.is_carrier {
            return;
        }
        self.noted().response = json::shown(output);
    }

    /// That a success tells the key's ARN among the elements of its reply.
    pub(crate) fn tell_key_in_reply(&self) {
        self.noted().response_tells_key = true;
    }

    /// A key that the call is about.
    pub(crate) fn note_key(&self, arn: &KeyArn) {
        self.note_resource(Resource::Key(*arn));
    }

    /// An alias that the call is about.
    pub(crate) fn note_alias(&self, arn: &AliasArn) {
        self.note_resource(Resource::Alias(arn.clone()));
    }

    /// The material that the call used.
    pub(crate) fn note_material(&self, id: KeyMaterialId) {
        self.noted().materials.push(id);
    }

    /// The grant that the call ends.
    pub(crate) fn note_grant(&self, id: GrantId) {
        self.noted().grant = Some(id);
    }

    /// Who called, by a token in the body that was verified, for a role of `account`.
    pub(crate) fn note_web_identity(&self, provider: &str, audience: &str, subject: &str, account: AccountId) {
        self.noted().proven = Some((principal::web_identity(provider, audience, subject), account));
    }

    /// What the service did in the same change. Said anew when the change is tried again.
    pub(crate) fn set_besides(&self, events: Vec<Self>) {
        self.noted().besides = events.into_iter().map(Arc::new).collect();
    }

    /// The events: the caller's, those of other accounts whose keys were used, and what the service did besides.
    ///
    /// # Errors
    /// [`NoEntropy`]: there are no ids for them.
    pub(super) fn events(&self, failure: Option<Failure<'_>>, rng: &dyn Rng) -> Result<Vec<Event>, NoEntropy> {
        let noted = self.noted();
        let is_refused =
            failure.is_some_and(|failure| ["AccessDenied", "AccessDeniedException"].contains(&failure.code));
        let others = if is_refused { Vec::new() } else { self.others(&noted) };
        let shared = if others.is_empty() { None } else { Some(self.id(SHARED, rng)?) };
        let mut events = Vec::with_capacity(1 + others.len());
        if !self.is_carrier {
            events.push(event::of(self, &noted, self.id(OWN, rng)?, failure, event::Recipient::Caller(shared)));
        }
        for (at, other) in others.into_iter().enumerate() {
            let recipient = event::Recipient::Owner(other, shared);
            events.push(event::of(self, &noted, self.id(OTHERS + at, rng)?, failure, recipient));
        }
        if failure.is_none() {
            for besides in &noted.besides {
                events.extend(besides.events(None, rng)?);
            }
        }
        Ok(events)
    }

    /// The event of a call that is closed and succeeded, as it stands on the record of this account.
    pub(crate) fn event_id(&self, account: AccountId) -> Option<RequestId> {
        let other = self.others(&self.noted()).iter().position(|other| *other == account);
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.get(other.map_or(OWN, |at| OTHERS + at)).copied()
    }

    /// The accounts beside the caller's whose keys were used.
    fn others(&self, noted: &Noted) -> Vec<AccountId> {
        let mut others = Vec::new();
        if let Some(own) = self.caller.as_ref().and_then(|caller| caller.account()) {
            for account in noted.resources.iter().map(Resource::account) {
                if account != own && !others.contains(&account) {
                    others.push(account);
                }
            }
        }
        others
    }

    /// Where the record waits in the store.
    pub(super) fn outbox(&self) -> MutexGuard<'_, Option<RequestId>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, at: usize, rng: &dyn Rng) -> Result<RequestId, NoEntropy> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        while ids.len() <= at {
            let mut random = [0; 16];
            rng.fill(&mut random)?;
            ids.push(RequestId::from_random(random));
        }
        Ok(ids[at])
    }

    fn note_resource(&self, resource: Resource) {
        let mut noted = self.noted();
        if !noted.resources.contains(&resource) {
            noted.resources.push(resource);
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
