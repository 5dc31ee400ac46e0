//! The gate of IAM and STS: from the parts of an HTTP request to an authenticated call, and from any outcome to a reply.

use std::sync::Arc;
use std::time::Instant;

use strongroom_authz::caller::{Caller, Principal};
use strongroom_core::ids::{Partition, Region, RequestId};
use strongroom_wire::query::form::Form;
use strongroom_wire::query::{self, Api, CONTENT_TYPE_XML, ErrorCode, Fault, OpName};
use strongroom_wire::sigv4::{self, AuthError, Policy};
use tracing::Instrument;
use zeroize::Zeroizing;

use super::error::Error;
use super::frame::{Call, source};
use crate::audit::{Called, Origin};
use crate::error::OpError;
use crate::gate::{Reply, Request, Signer, circumstances, name_span, tell};
use crate::node::Node;
use crate::{iam, sts};

/// How far the signer's clock may be from ours, either way, for services that speak the Query protocol.
const SKEW_MINUTES: u32 = 15;

/// The Region of requests that have no credential scope.
fn unsigned_region() -> Region {
    "us-east-1".parse().expect("a Region")
}

/// A failure, and whose namespace its reply has.
struct Failure {
    api: Api,
    fault: Fault,
}

impl Node {
    /// Answers a request whose parameters are these.
    pub(crate) async fn answer_query(self: &Arc<Self>, request: &Request<'_>, parameters: &[u8]) -> Reply {
        let begun = Instant::now();
        let mut op = None;
        let (request_id, outcome) = match self.new_request_id() {
            Ok(request_id) => (request_id, self.try_answer_query(request_id, request, parameters, &mut op).await),
            Err(error) => {
                let fault = Error::Work(error).fault(Api::Sts);
                (RequestId::from_random([0; 16]), Err(Failure { api: Api::Sts, fault }))
            }
        };
        let (took, failure) = (begun.elapsed(), outcome.as_ref().err());
        let api = failure.map(|failure| failure.api).or(op.map(OpName::api)).unwrap_or(Api::Sts);
        let code = failure.map(|failure| failure.fault.code);
        self.metrics.note_query(api, op, code, took);
        tell(op.map_or("None", OpName::as_str), &request_id, code.map(ErrorCode::as_str), took);
        let (status, body) = match outcome {
            Ok(body) => (200, body),
            Err(Failure { api, fault }) => (fault.status(), fault.encode(api, request_id).into()),
        };
        Reply { status, request_id, content_type: CONTENT_TYPE_XML, body }
    }

    async fn try_answer_query(
        self: &Arc<Self>,
        request_id: RequestId,
        request: &Request<'_>,
        parameters: &[u8],
        seen: &mut Option<OpName>,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let now = self.clock.now();
        let form = Form::parse(parameters);
        let action = form.as_ref().ok().and_then(|form| form.get("Action")).unwrap_or_default().to_owned();
        let resolved = match &form {
            Ok(form) => query::resolve(form).map_err(|no| Failure { api: no.api, fault: no.fault }),
            Err(bad) => Err(Failure { api: Api::Sts, fault: bad.clone().into() }),
        };
        drop(form);
        let op = match resolved {
            Ok(op) => op,
            Err(failure) => {
                let circumstances = circumstances(request, None);
                let called = Called { source: source(failure.api), operation: action.into(), read_only: true };
                let origin = Origin { called, request_id, time: now, caller: None, region: None, circumstances };
                return Err(self.turn_query_away(&origin, failure).await);
            }
        };
        *seen = Some(op);
        name_span(op.as_str());
        let api = op.api();
        let policy = Policy { services: &[api.service()], skew_minutes: SKEW_MINUTES };
        let head = request.head();
        let claim = if op.is_unsigned() { None } else { Some(sigv4::parse(&head, self.real_clock.now(), &policy)) };
        let claimed = claim.as_ref().and_then(|claim| claim.as_ref().ok().copied());
        let circumstances = circumstances(request, claimed.as_ref());
        let signer = match claim {
            None => Ok((Arc::new(Caller::anonymous(Partition::Aws)), Arc::default(), unsigned_region())),
            Some(Err(error)) => Err(Error::Unauthenticated(error)),
            Some(Ok(claim)) => match self.authenticate(&claim, request.body).await {
                Ok(Signer { caller, .. }) if is_out_of_reach(&caller, op) => {
                    Err(Error::Unauthenticated(AuthError::InvalidSessionToken))
                }
                Ok(Signer { caller, standing, region, .. }) => Ok((caller, standing, region)),
                Err(error) => Err(error.into()),
            },
        };
        let (caller, standing, region) = match signer {
            Ok(signer) => signer,
            Err(error) => {
                let called =
                    Called { source: source(api), operation: op.as_str().into(), read_only: op.is_read_only() };
                let region = claimed.map(|claim| claim.region());
                let origin = Origin { called, request_id, time: now, caller: None, region, circumstances };
                return Err(self.turn_query_away(&origin, Failure { api, fault: error.fault(api) }).await);
            }
        };
        let call = Call { op, request_id, caller, standing, region, now, circumstances, parameters };
        let outcome =
            if op.is_read_only() { dispatch(self, &call).await } else { self.dispatch_query_to_the_end(&call).await };
        outcome.map_err(|error| Failure { api, fault: error.fault(api) })
    }

    /// Puts a call on the record that no operation was begun for. What the caller is to be told is the answer.
    async fn turn_query_away(&self, origin: &Origin<'_>, failure: Failure) -> Failure {
        match self.journal.close(&self.journal.open(origin), Some((&failure.fault).into())).await {
            Ok(()) => failure,
            Err(unrecorded) => Failure { api: failure.api, fault: Error::Work(unrecorded.into()).fault(failure.api) },
        }
    }

    /// Runs a call that changes something in a task of its own, for the reason that the gate of KMS has.
    async fn dispatch_query_to_the_end(self: &Arc<Self>, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        let node = Arc::clone(self);
        let parameters = Zeroizing::new(call.parameters.to_vec());
        let Call { op, request_id, ref caller, region, now, circumstances, .. } = *call;
        let (caller, standing) = (Arc::clone(caller), Arc::clone(&call.standing));
        let circumstances = circumstances.keep();
        let under_way = Arc::clone(&self.changes).read_owned().await;
        let work = async move {
            let (circumstances, parameters) = (circumstances.get(), &parameters[..]);
            let call = Call { op, request_id, caller, standing, region, now, circumstances, parameters };
            let outcome = dispatch(&node, &call).await;
            drop(under_way);
            outcome
        };
        let task = tokio::spawn(work.in_current_span());
        task.await.unwrap_or(Err(Error::Work(OpError::Panicked)))
    }
}

/// Credentials of GetSessionToken that no second factor stands behind are not good for IAM, and for little of STS (STS API
/// Reference, "GetSessionToken").
fn is_out_of_reach(caller: &Caller, op: OpName) -> bool {
    use query::sts::OpName as S;
    let is_user = matches!(caller.principal(), Principal::Root | Principal::User { .. });
    let has_no_mfa = caller.session().is_some_and(|session| session.mfa_at.is_none());
    let is_open = matches!(op, OpName::Sts(S::AssumeRole | S::GetCallerIdentity | S::GetSessionToken));
    is_user && has_no_mfa && !is_open
}

async fn dispatch(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match call.op {
        OpName::Iam(op) => iam::dispatch(op, node, call).await,
        OpName::Sts(op) => sts::dispatch(op, node, call).await,
    }
}
