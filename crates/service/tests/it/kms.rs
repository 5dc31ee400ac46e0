//! A service in memory, and the client that signs requests to it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::query::Signer;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::{Clock, ManualClock, Rng, SeededRng, Timestamp};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::{AuditDestination, AuditFacts};
use strongroom_service::{
    AccessKeyConfig, AccountConfig, DevTools, IdentityConfig, Limits, Node, Parts, Quotas, Regions, Reply, Request,
    Role, StartError, TlsDetails, audit_facts,
};
use strongroom_store::{MemoryStore, Store, Table, encode};
use strongroom_vault::seal::{MemorySeal, SealError, SealProvider};
use strongroom_vault::{Genesis, Vault};
use strongroom_wire::sigv4::{Credentials, Scope, sign};

/// The account that owns the keys of a test.
pub(crate) const OWNER: &str = "111122223333";
/// Another account.
pub(crate) const STRANGER: &str = "444455556666";

/// Who signs, of the owner's account unless it says otherwise.
pub(crate) const ROOT: &str = "111122223333ROOT";
pub(crate) const BOB: &str = "111122223333BOB";
/// He has no policy of his own.
pub(crate) const DAVE: &str = "111122223333DAVE";
pub(crate) const STRANGE_BOB: &str = "444455556666BOB";

/// A service of its own, with a clock that stands still.
pub(crate) struct TestKms {
    node: Arc<Node>,
    store: Arc<dyn Store>,
    seal: Arc<MemorySeal>,
    pub(crate) clock: Arc<ManualClock>,
    runtime: tokio::runtime::Runtime,
}

/// A success's body, or a failure's code and message.
pub(crate) type Answer = Result<Value, (String, Option<String>)>;

/// Whether clients blame the service and try again.
fn is_internal(code: &str) -> bool {
    matches!(code, "KMSInternalException" | "KeyUnavailableException" | "DependencyTimeoutException")
}

fn new_seal() -> Arc<MemorySeal> {
    Arc::new(MemorySeal::random(&SeededRng::new(1)).unwrap())
}

/// One seal for a service and the one that is started after it.
struct SharedSeal(Arc<MemorySeal>);

impl SealProvider for SharedSeal {
    fn seal(&self, root: &SecretArray<32>, rng: &dyn Rng) -> Result<Vec<u8>, SealError> {
        self.0.seal(root, rng)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<SecretArray<32>, SealError> {
        self.0.unseal(sealed)
    }
}

impl TestKms {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()))
    }

    /// One node over this store; every node over it has the same seal.
    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        Self::with_period(store, None)
    }

    /// A node that looks for due work by itself.
    pub(crate) fn with_period(store: Arc<dyn Store>, task_period: Option<Duration>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_123)));
        Self::start(store, new_seal(), clock, task_period, Role::Serve)
    }

    /// A node that serves these Regions alone.
    pub(crate) fn in_regions(regions: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_123)));
        let regions = Regions::only(regions.iter().map(|region| region.parse().unwrap()).collect());
        Self::launch(Arc::new(MemoryStore::new()), new_seal(), clock, |parts| Parts { regions, ..parts })
    }

    /// A node with these quotas.
    pub(crate) fn with_quotas(quotas: Quotas) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_123)));
        Self::launch(Arc::new(MemoryStore::new()), new_seal(), clock, |parts| Parts { quotas, ..parts })
    }

    /// The first node over a store.
    pub(crate) fn with_quotas_over(store: Arc<dyn Store>, quotas: Quotas) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_123)));
        Self::launch(store, new_seal(), clock, |parts| Parts { quotas, ..parts })
    }

    /// Another node over the same store, with these quotas.
    pub(crate) fn restarted_with_quotas(&self, quotas: Quotas) -> Self {
        let (store, seal, clock) = (Arc::clone(&self.store), Arc::clone(&self.seal), Arc::clone(&self.clock));
        Self::launch(store, seal, clock, |parts| Parts { quotas, ..parts })
    }

    /// The root of trust of the store, for whoever writes records as they once were.
    pub(crate) fn vault(&self) -> Vault {
        let record = |key: &'static [u8]| {
            let found = self.runtime.block_on(self.store.get(Table::Meta, key)).unwrap();
            found.unwrap().value
        };
        let storage_key = encode::wrapped_from_bytes(&record(b"storage-key/1")).unwrap();
        Vault::unseal(&*self.seal, &Genesis { sealed_root: record(b"root-key"), storage_key }).unwrap()
    }

    /// A node as `strongroom dev` has it.
    pub(crate) fn dev() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_123)));
        let store = Arc::new(MemoryStore::new());
        Self::start(store.clone(), new_seal(), clock, None, Role::Dev(DevTools::in_memory(store)))
    }

    /// The same, started again.
    pub(crate) fn restarted_dev(&self) -> Self {
        let (store, seal, clock) = (Arc::clone(&self.store), Arc::clone(&self.seal), Arc::clone(&self.clock));
        Self::start(store, seal, clock, None, Role::Dev(DevTools::on_disk()))
    }

    /// Another service over the same store, which knows nothing that is not there.
    pub(crate) fn restarted(&self) -> Self {
        Self::start(Arc::clone(&self.store), Arc::clone(&self.seal), Arc::clone(&self.clock), None, Role::Serve)
    }

    /// The same over another store in front of the first one, and with another source of randomness.
    pub(crate) fn restarted_over(&self, store: Arc<dyn Store>, rng: Arc<dyn Rng>) -> Self {
        Self::start_with(store, Arc::clone(&self.seal), Arc::clone(&self.clock), None, rng, Role::Serve)
    }

    /// One whose record goes into a log of files.
    pub(crate) fn with_audit_log(&self, audit: AuditDestination, store: Arc<dyn Store>) -> Self {
        let (seal, clock) = (Arc::clone(&self.seal), Arc::clone(&self.clock));
        Self::launch(store, seal, clock, |parts| Parts { audit, ..parts })
    }

    /// The same, when it may not start.
    pub(crate) fn try_with_audit_log(&self, audit: AuditDestination) -> Result<Self, StartError> {
        let (store, seal, clock) = (Arc::clone(&self.store), Arc::clone(&self.seal), Arc::clone(&self.clock));
        Self::try_launch(store, seal, clock, |parts| Parts { audit, ..parts })
    }

    pub(crate) fn shut_down(&self) {
        self.runtime.block_on(self.node.shut_down());
    }

    pub(crate) fn audit_facts(&self) -> AuditFacts {
        self.runtime.block_on(audit_facts(&*self.store, &SharedSeal(Arc::clone(&self.seal)))).expect("facts")
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The latest events of the audit record, oldest first.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.node.recent_audit_events().iter().map(|event| serde_json::from_str(event).unwrap()).collect()
    }

    /// Whether the latest event tells that a call was refused with this code, and, where somebody is known to have signed, by whom.
    #[track_caller]
    pub(crate) fn expect_on_record(&self, source: &str, operation: &str, code: &str, account: Option<&str>) {
        let event = self.events().pop().unwrap_or_else(|| panic!("{operation} left no record"));
        assert_eq!(event["eventSource"], format!("{source}.amazonaws.com"), "{operation}");
        assert_eq!(
            (event["eventName"].as_str(), event["errorCode"].as_str()),
            (Some(operation), Some(code)),
            "{event}"
        );
        assert_eq!(event["userIdentity"]["accountId"].as_str(), account, "{event}");
        assert!(event["responseElements"].is_null(), "{event}");
    }

    /// Whether an operator is told why the latest call was refused.
    #[track_caller]
    pub(crate) fn expect_explained(&self) {
        let event = self.events().pop().expect("an event");
        let told = self.node.explain(event["requestID"].as_str().unwrap()).unwrap_or_else(|no| panic!("{no}: {event}"));
        assert!(!told.allowed && told.operation == event["eventName"].as_str().unwrap(), "{told:?}");
    }

    /// Sends a request as it is, in as far as it is given.
    pub(crate) fn send(&self, method: &str, headers: &HeaderMap, body: &[u8]) -> (u16, Value) {
        let reply = self.runtime.block_on(self.node.answer(Request {
            method,
            path: "/",
            query: None,
            headers,
            body,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        }));
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    fn start(
        store: Arc<dyn Store>,
        seal: Arc<MemorySeal>,
        clock: Arc<ManualClock>,
        task_period: Option<Duration>,
        role: Role,
    ) -> Self {
        Self::start_with(store, seal, clock, task_period, Arc::new(SystemRng), role)
    }

    fn start_with(
        store: Arc<dyn Store>,
        seal: Arc<MemorySeal>,
        clock: Arc<ManualClock>,
        task_period: Option<Duration>,
        rng: Arc<dyn Rng>,
        role: Role,
    ) -> Self {
        let limits = Limits { task_period, ..Limits::default() };
        Self::launch(store, seal, clock, |parts| Parts { rng, role, limits, ..parts })
    }

    /// A node in production that looks for no due work by itself, with some of its parts changed.
    fn launch(
        store: Arc<dyn Store>,
        seal: Arc<MemorySeal>,
        clock: Arc<ManualClock>,
        change: impl FnOnce(Parts) -> Parts,
    ) -> Self {
        Self::try_launch(store, seal, clock, change).expect("starts")
    }

    fn try_launch(
        store: Arc<dyn Store>,
        seal: Arc<MemorySeal>,
        clock: Arc<ManualClock>,
        change: impl FnOnce(Parts) -> Parts,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let account = |id: &str| AccountConfig {
            id: id.parse().unwrap(),
            access_keys: [("", Some("alice"), None), ("BOB", Some("bob"), None), ("ROOT", None, None)]
                .into_iter()
                .chain([("DAVE", Some("dave"), Some(Vec::new()))])
                .map(|(suffix, user, policies)| AccessKeyConfig {
                    id: format!("AKIA{id}{suffix}"),
                    secret: SecretBytes::copy_from(b"a secret"),
                    user: user.map(Into::into),
                    policies,
                })
                .collect(),
        };
        let parts = Parts {
            store: Arc::clone(&store),
            seal: Box::new(SharedSeal(Arc::clone(&seal))),
            clock: clock.clone(),
            rng: Arc::new(SystemRng),
            identity: IdentityConfig {
                accounts: vec![account(OWNER), account(STRANGER)],
                issuers: crate::web_identity::issuers(),
            },
            role: Role::Serve,
            regions: Regions::any(),
            quotas: Quotas::default(),
            limits: Limits { task_period: None, ..Limits::default() },
            audit: AuditDestination::Memory,
        };
        let node = Arc::new(runtime.block_on(Node::start(change(parts)))?);
        Ok(Self { node, store, seal, clock, runtime })
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// Calls as the owner in us-east-1.
    pub(crate) fn call(&self, op: OpName, body: &Value) -> Answer {
        self.call_as(OWNER, "us-east-1", op, body)
    }

    /// The head of a call by alice of `account` in `region`, or by one of [`ROOT`], [`BOB`], [`STRANGE_BOB`].
    pub(crate) fn signed_headers(&self, account: &str, region: &str, op: OpName, body: &str) -> HeaderMap {
        self.headers_signed_by(&Signer::configured(account, "kms"), region, op, body)
    }

    fn headers_signed_by(&self, signer: &Signer, region: &str, op: OpName, body: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_str(&format!("TrentService.{op}")).unwrap());
        let secret = SecretBytes::copy_from(signer.secret.as_bytes());
        let credentials = Credentials {
            access_key_id: &signer.access_key_id,
            secret: &secret,
            session_token: signer.session_token.as_deref(),
        };
        let scope = Scope { region, service: "kms" };
        let payload = sha256(body.as_bytes());
        sign(("POST", "/", None), &mut headers, &payload, &credentials, &scope, self.clock.now()).unwrap();
        headers
    }

    /// Calls as a user of `account` in `region`.
    pub(crate) fn call_as(&self, account: &str, region: &str, op: OpName, body: &Value) -> Answer {
        self.runtime.block_on(self.calling_as(account, region, op, body))
    }

    /// The same for whoever makes several calls at once.
    pub(crate) async fn calling_as(&self, account: &str, region: &str, op: OpName, body: &Value) -> Answer {
        let body = body.to_string();
        let headers = self.signed_headers(account, region, op, &body);
        let request = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        };
        answer_of(&self.node.answer(request).await)
    }

    /// Calls as [`Self::call_as`] does, and gives the request's id.
    pub(crate) fn request_id_of(&self, account: &str, region: &str, op: OpName, body: &Value) -> String {
        let body = body.to_string();
        let headers = self.signed_headers(account, region, op, &body);
        let request = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        };
        self.runtime.block_on(self.node.answer(request)).request_id.to_string()
    }

    /// Calls as whoever signs, arriving as `front` says.
    pub(crate) fn call_from(&self, signer: &Signer, region: &str, op: OpName, body: &Value, front: &Front) -> Answer {
        let body = body.to_string();
        let headers = self.headers_signed_by(signer, region, op, &body);
        answer_of(&self.runtime.block_on(self.node.answer(Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
            peer: front.peer,
            tls: front.tls.as_ref(),
        })))
    }

    /// Lets the runtime run for some real time.
    pub(crate) fn sleep_ms(&self, millis: u64) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(millis)).await });
    }

    /// Moves the clock, and lets the service do what is due.
    pub(crate) fn wait_days(&self, days: i64) {
        self.clock.advance_millis(days * 86_400_000);
        self.runtime.block_on(self.node.run_due_tasks());
    }

    /// A new key of the owner; SM2 lives in China.
    pub(crate) fn create_key(&self, spec: KeySpec, usage: KeyUsage) -> TestKey {
        self.create_key_of("AWS_KMS", spec, usage)
    }

    /// The same with an origin.
    pub(crate) fn create_key_of(&self, origin: &str, spec: KeySpec, usage: KeyUsage) -> TestKey {
        let region = if spec == KeySpec::Sm2 { "cn-north-1" } else { "us-east-1" };
        let body = json!({"KeySpec": spec.as_str(), "KeyUsage": usage.as_str(), "Origin": origin});
        let metadata = self.call_as(OWNER, region, OpName::CreateKey, &body).unwrap();
        let text = |member: &str| metadata["KeyMetadata"][member].as_str().unwrap().to_owned();
        TestKey { region, spec, usage, id: text("KeyId"), arn: text("Arn") }
    }

    /// Calls in the key's Region, with its id in the body.
    pub(crate) fn with_key(&self, key: &TestKey, op: OpName, body: &Value) -> Answer {
        let mut body = body.clone();
        body["KeyId"] = json!(key.id);
        self.call_as(OWNER, key.region, op, &body)
    }
}

fn answer_of(reply: &Reply) -> Answer {
    let parsed = match reply.body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).unwrap(),
    };
    if reply.status == 200 {
        return Ok(parsed);
    }
    let text = |member: &str| parsed[member].as_str().map(str::to_owned);
    assert_eq!(reply.status, if is_internal(&text("__type").unwrap()) { 500 } else { 400 });
    Err((text("__type").unwrap(), text("message").or_else(|| text("Message"))))
}

/// How a request arrives.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    pub(crate) peer: IpAddr,
    pub(crate) tls: Option<TlsDetails>,
}

/// A key made for a test.
pub(crate) struct TestKey {
    pub(crate) region: &'static str,
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) id: String,
    pub(crate) arn: String,
}

/// Whether `answer` is a failure of this code, or a success for `None`.
#[track_caller]
pub(crate) fn expect_code(answer: &Answer, code: Option<&str>, what: &str) {
    let got = answer.as_ref().err().map(|(code, _)| code.as_str());
    assert_eq!(got, code, "{what}: {answer:?}");
}
