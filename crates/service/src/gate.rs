//! The gate: from the parts of an HTTP request to an authenticated call, and from any outcome to a reply.
//!
//! Order (behaviours 1.8, 1.10): target, then signature, then everything that reads the body.
//!
//! # Invariants
//! - Every reply is JSON or empty here, XML to requests of the Query protocol (`query`), and has a request id.
//! - A reply never tells an internal detail.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use strongroom_authz::caller::{Caller, Principal};
use strongroom_core::generated::OpName;
use strongroom_core::ids::{AccountId, Region, RequestId};
use strongroom_crypto::digest;
use strongroom_wire::kms::{ErrorCode, Fault, facts};
use strongroom_wire::query;
use strongroom_wire::sigv4::{self, AuthError, Policy, RequestHead, Unverified};
use strongroom_wire::target::{self, CONTENT_TYPE_JSON, Unresolved};
use tracing::Instrument;
use zeroize::Zeroizing;

use crate::audit::{Called, KMS, Origin};
use crate::context::Circumstances;
use crate::error::OpError;
use crate::frame::Call;
use crate::identity::{LastUse, Standing};
use crate::node::Node;
use crate::ops;
use crate::sts::sessions::OpenSession;

/// The parts of an HTTP request, read whole and within the server's limits.
#[derive(Debug)]
pub struct Request<'a> {
    /// `POST`, if it is meant for us.
    pub method: &'a str,
    /// `/`, if it is meant for us.
    pub path: &'a str,
    /// What follows `?`.
    pub query: Option<&'a str>,
    /// All headers; `host` is filled from `:authority` under HTTP/2.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// How the connection is protected, if it is.
    pub tls: Option<&'a TlsDetails>,
}

impl<'a> Request<'a> {
    /// What of it is signed.
    pub(crate) fn head(&self) -> RequestHead<'a> {
        RequestHead { method: self.method, path: self.path, query: self.query, headers: self.headers }
    }
}

/// What the audit record tells about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsDetails {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// `X25519MLKEM768`.
    pub key_exchange: Option<String>,
    /// The host that the client asked for.
    pub host: Option<String>,
}

/// What goes back.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// For `x-amzn-RequestId`.
    pub request_id: RequestId,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// JSON, or nothing. It may hold a plaintext, so it is wiped when it is dropped.
    pub body: Zeroizing<Vec<u8>>,
}

/// Why a request never came to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is longer than the limit.
    BodyTooLarge,
    /// The request line or the headers are longer than the limit.
    HeadTooLarge,
    /// It took too long.
    Timeout,
    /// Not HTTP as it should be.
    BadRequest,
    /// Too many connections or requests at once.
    Overloaded,
}

impl Refusal {
    /// Every reason, in the order of the enum.
    pub const ALL: &'static [Self] =
        &[Self::BodyTooLarge, Self::HeadTooLarge, Self::Timeout, Self::BadRequest, Self::Overloaded];

    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BodyTooLarge => "body_too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::Timeout => "timeout",
            Self::BadRequest => "bad_request",
            Self::Overloaded => "overloaded",
        }
    }
}

impl Node {
    /// Answers one request. When the answer is no longer waited for, a change that has begun is carried to its end all the same.
    pub async fn answer(self: &Arc<Self>, request: Request<'_>) -> Reply {
        let _inside = match &self.dev {
            Some(dev) => Some(dev.enter().await),
            None => None,
        };
        let Request { method, path, query, headers, body, .. } = request;
        if let Some(parameters) = query::parameters(method, path, query, headers, body) {
            return self.answer_query(&request, parameters).await;
        }
        let Ok(request_id) = self.new_request_id() else {
            return reply(RequestId::from_random([0; 16]), &Fault::silent(ErrorCode::KMSInternalException));
        };
        let begun = Instant::now();
        let op = target::resolve(request.method, request.path, request.headers);
        name_span(op.map_or("None", OpName::as_str));
        let outcome = self.try_answer(op, request_id, &request).await;
        let (took, code) = (begun.elapsed(), outcome.as_ref().err().map(|fault| fault.code));
        self.metrics.note_call(op.ok(), code, took);
        tell(op.map_or("None", OpName::as_str), &request_id, code.map(ErrorCode::as_str), took);
        match outcome {
            Ok(body) => Reply { status: 200, request_id, content_type: CONTENT_TYPE_JSON, body },
            Err(fault) => reply(request_id, &fault),
        }
    }

    /// The reply to what never became a request.
    pub fn refuse(&self, refusal: Refusal) -> Reply {
        self.metrics.note_refusal(refusal);
        let request_id = self.new_request_id().unwrap_or_else(|_| RequestId::from_random([0; 16]));
        let code = match refusal {
            Refusal::BodyTooLarge | Refusal::HeadTooLarge => ErrorCode::RequestEntityTooLargeException,
            Refusal::BadRequest => ErrorCode::SerializationException,
            Refusal::Timeout | Refusal::Overloaded => ErrorCode::ServiceUnavailable,
        };
        reply(request_id, &Fault::silent(code))
    }

    pub(crate) fn new_request_id(&self) -> Result<RequestId, OpError> {
        let mut random = [0; 16];
        self.rng.fill(&mut random)?;
        Ok(RequestId::from_random(random))
    }

    async fn try_answer(
        self: &Arc<Self>,
        op: Result<OpName, Unresolved>,
        request_id: RequestId,
        request: &Request<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let now = self.clock.now();
        // Clients sign by the real time, whatever the clock of `dev` shows.
        let claim = sigv4::parse(&request.head(), self.real_clock.now(), &Policy::KMS);
        let claimed = claim.as_ref().ok().copied();
        let circumstances = circumstances(request, claimed.as_ref());
        let turned_away = |operation: Cow<'static, str>, read_only| Origin {
            called: Called { source: KMS, operation, read_only },
            request_id,
            time: now,
            caller: None,
            region: claimed.map(|claim| claim.region()),
            circumstances,
        };
        let op = match op {
            Ok(op) => op,
            Err(unresolved) => {
                let operation = target::claimed(request.headers).to_owned().into();
                return Err(self.turn_away(&turned_away(operation, true), unresolved.into()).await);
            }
        };
        let signer = match claim {
            Ok(claim) => self.authenticate(&claim, request.body).await.map_err(Fault::from),
            Err(error) => Err(error.into()),
        };
        let signer = match signer {
            Ok(signer) => signer,
            Err(fault) => {
                let operation = op.as_str().into();
                return Err(self.turn_away(&turned_away(operation, facts(op).read_only), fault).await);
            }
        };
        let Signer { caller, standing, account, region } = signer;
        let call = Call { op, request_id, caller, standing, account, region, now, circumstances, body: request.body };
        let outcome =
            if facts(op).read_only { ops::dispatch(self, &call).await } else { self.dispatch_to_the_end(&call).await };
        outcome.map_err(|error| Fault::from(&error))
    }

    /// Runs a call that changes something in a task of its own. The server drops what it waits for when a caller hangs up or
    /// time runs out; memory and store must not part because of that, nor a change and its record.
    async fn dispatch_to_the_end(self: &Arc<Self>, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, OpError> {
        let node = Arc::clone(self);
        let body = Zeroizing::new(call.body.to_vec());
        let Call { op, request_id, ref caller, account, region, now, circumstances, .. } = *call;
        let (caller, standing) = (Arc::clone(caller), Arc::clone(&call.standing));
        let circumstances = circumstances.keep();
        let under_way = Arc::clone(&self.changes).read_owned().await;
        let work = async move {
            let circumstances = circumstances.get();
            let call = Call { op, request_id, caller, standing, account, region, now, circumstances, body: &body };
            let outcome = ops::dispatch(&node, &call).await;
            drop(under_way);
            outcome
        };
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or(Err(OpError::Panicked))
    }

    /// Puts a call on the record that no operation was begun for. What the caller is to be told is the answer.
    pub(crate) async fn turn_away(&self, origin: &Origin<'_>, fault: Fault) -> Fault {
        match self.journal.close(&self.journal.open(origin), Some((&fault).into())).await {
            Ok(()) => fault,
            Err(unrecorded) => Fault::from(&OpError::from(unrecorded)),
        }
    }

    /// Checks the signature and finds out who made it.
    pub(crate) async fn authenticate(
        &self,
        unverified: &Unverified<'_>,
        body: &[u8],
    ) -> Result<Signer, Unauthenticated> {
        let region = unverified.region();
        // The Regions are those of KMS alone: IAM has none, and STS answers in any.
        if unverified.service() == "kms" && !self.regions.serve(region) {
            return Err(AuthError::wrong_region(region).into());
        }
        if let Some(token) = unverified.session_token()
            && let Some(session) = self.sessions.open(&self.vault, token, unverified.access_key_id())
        {
            return self.authenticate_session(unverified, &session, body).await;
        }
        let found = self.directory.access_key(unverified.access_key_id()).await?;
        let key = found.ok_or(AuthError::UnknownAccessKey)?;
        // A token of ours was taken above; no other is good.
        if unverified.session_token().is_some() && key.secret().is_some() {
            return Err(AuthError::InvalidSessionToken.into());
        }
        if let Some(secret) = key.secret() {
            let payload = digest::sha256(body);
            self.signing_keys.with(unverified, secret, |signing_key| unverified.verify(signing_key, &payload))?;
        }
        key.note_use(LastUse::new(self.clock.now(), region, unverified.service()));
        let caller = key.caller(region);
        let account = caller.account().ok_or(AuthError::UnknownAccessKey)?;
        Ok(Signer { caller, standing: Arc::clone(key.standing()), account, region })
    }

    async fn authenticate_session(
        &self,
        unverified: &Unverified<'_>,
        session: &OpenSession,
        body: &[u8],
    ) -> Result<Signer, Unauthenticated> {
        let payload = digest::sha256(body);
        self.signing_keys.with(unverified, session.secret(), |key| unverified.verify(key, &payload))?;
        if session.is_over(self.clock.now()) {
            return Err(AuthError::ExpiredSessionToken.into());
        }
        let region = unverified.region();
        let holder = session.holder(&self.directory, region.partition()).await?;
        let (caller, standing) = holder.ok_or(AuthError::InvalidSessionToken)?;
        if let Principal::AssumedRole { role_id, .. } = caller.principal() {
            self.directory.note_role_use(role_id, LastUse::new(self.clock.now(), region, unverified.service()));
        }
        let account = caller.account().ok_or(AuthError::InvalidSessionToken)?;
        Ok(Signer { caller: Arc::new(caller), standing: Arc::new(standing), account, region })
    }
}

/// The span of a call is called like its operation; that has to be said before it has children.
pub(crate) fn name_span(operation: &str) {
    let span = tracing::Span::current();
    if !span.is_disabled() {
        span.record("otel.name", operation).record("operation", operation);
    }
}

/// The call in the log and on its span, for whoever listens.
pub(crate) fn tell(operation: &str, request_id: &RequestId, code: Option<&str>, took: Duration) {
    let span = tracing::Span::current();
    if !span.is_disabled() {
        span.record("request.id", request_id.as_str());
        if let Some(code) = code {
            span.record("error.code", code);
        }
    }
    tracing::debug!(operation, request.id = %request_id, error.code = code, took_us = took.as_micros(), "call");
}

/// Who signed a request, and for which Region.
pub(crate) struct Signer {
    pub(crate) caller: Arc<Caller>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

/// Why nobody is known to have signed a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// The signature is not good.
    #[error(transparent)]
    Refused(#[from] AuthError),
    /// It could not be found out.
    #[error(transparent)]
    Failed(#[from] OpError),
}

impl From<Unauthenticated> for Fault {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Refused(error) => error.into(),
            Unauthenticated::Failed(error) => (&error).into(),
        }
    }
}

/// How the request arrived.
pub(crate) fn circumstances<'a>(request: &Request<'a>, claim: Option<&Unverified<'a>>) -> Circumstances<'a> {
    Circumstances {
        peer: request.peer,
        is_secure: request.tls.is_some(),
        user_agent: header(request, &http::header::USER_AGENT),
        referer: header(request, &http::header::REFERER),
        tls: request.tls,
        host: header(request, &http::header::HOST),
        access_key_id: claim.map(Unverified::access_key_id),
    }
}

/// A header's text, when it is text.
fn header<'a>(request: &Request<'a>, name: &http::HeaderName) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

fn reply(request_id: RequestId, fault: &Fault) -> Reply {
    Reply { status: fault.code.status(), request_id, content_type: CONTENT_TYPE_JSON, body: fault.encode().into() }
}
