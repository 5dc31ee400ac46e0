//! The frame around every operation of IAM and STS: decode, run, audit, answer. The only place that uses the codec.
//!
//! # Invariants
//! - What is not on the record is not answered: the record is closed before the reply is built.
//! - A panic inside an operation ends that call alone, as an internal fault.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::decide::{AttachedPolicy, CrossAccount, Request};
use strongroom_authz::proof::{Authorized, Denied, Protected, authorize};
use strongroom_core::ids::{AccountId, Region, RequestId};
use strongroom_core::world::Timestamp;
use strongroom_wire::json::Shown;
use strongroom_wire::query::form::{self, Decode, Form};
use strongroom_wire::query::xml::{self, Encode};
use strongroom_wire::query::{Api, OpName, sts};
use strongroom_wire::sigv4::AuthError;
use zeroize::Zeroizing;

use super::context::{Asked, Values};
use super::error::Error;
use crate::audit::{Called, Entry, Origin};
use crate::context::Circumstances;
use crate::error::OpError;
use crate::explain::{self, Decisions, Rule};
use crate::identity::Standing;
use crate::node::Node;

/// One operation: one file, one shape.
pub(crate) trait Operation {
    /// Its name in the API.
    const NAME: OpName;
    /// What it takes.
    type Input: Decode + Shown + Send;
    /// What it gives.
    type Output: Encode + Shown;

    /// Authorizes, executes.
    fn run(cx: &Cx<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// What an operation has at hand: the node, the caller, and the request's circumstances.
pub(crate) struct Cx<'a> {
    pub(crate) node: &'a Node,
    pub(crate) op: OpName,
    /// Who signed; an anonymous caller where no signature is asked for.
    pub(crate) caller: &'a Arc<Caller>,
    /// What decides on the caller's side.
    pub(crate) standing: &'a Arc<Standing>,
    /// The Region of the request.
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    /// The audit record under way.
    pub(crate) entry: &'a Entry,
    circumstances: Circumstances<'a>,
    /// What was decided for this call.
    decisions: Decisions,
}

/// An authenticated call, not yet decoded.
pub(crate) struct Call<'a> {
    pub(crate) op: OpName,
    pub(crate) request_id: RequestId,
    pub(crate) caller: Arc<Caller>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) circumstances: Circumstances<'a>,
    /// The form.
    pub(crate) parameters: &'a [u8],
}

/// Runs one operation: the only place that decodes, audits and answers.
pub(crate) async fn serve<O: Operation>(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    debug_assert_eq!(O::NAME, call.op, "the registry sends each operation to its own code");
    let Call { op, ref caller, ref standing, region, now, circumstances, .. } = *call;
    let entry = Arc::new(call.open_entry(node));
    let decisions = Decisions::default();
    let cx = Cx { node, op, caller, standing, region, now, entry: &entry, circumstances, decisions };
    let work = async {
        if !op.is_read_only() {
            node.journal.check_writable().map_err(|unrecorded| Error::Work(unrecorded.into()))?;
        }
        let input = decode::<O::Input>(call.parameters)?;
        entry.note_request(&input);
        O::run(&cx, input).await
    };
    let work = AssertUnwindSafe(work).catch_unwind();
    let outcome = if op.is_read_only() { work.await } else { node.journal.carry(&entry, work).await };
    let outcome = outcome.unwrap_or(Err(Error::Work(OpError::Panicked)));
    node.kept_decisions.keep(call.request_id, op.as_str(), now, &cx.decisions);
    if let Some(output) = outcome.as_ref().ok().filter(|_| tells_reply(op)) {
        entry.note_reply(output);
    }
    close_entry(node, call, &entry, outcome.as_ref().err()).await?;
    Ok(xml::encode(op.api(), op.as_str(), &outcome?, call.request_id))
}

impl Cx<'_> {
    /// The caller's account.
    ///
    /// # Errors
    /// [`AuthError::MissingAuthenticationToken`] where nobody signed: no operation that needs an account is called so.
    pub(crate) fn account(&self) -> Result<AccountId, Error> {
        Ok(self.caller.account().ok_or(AuthError::MissingAuthenticationToken)?)
    }

    /// The action that is called like the operation.
    pub(crate) const fn action(&self) -> Action {
        Action::new(self.op.api().service(), self.op.as_str())
    }

    /// Whether the caller's own policies let it do this to a resource that has no policy.
    pub(crate) fn authorize<R: Protected>(&self, resource: R, asked: &Asked<'_>) -> Result<Authorized<R>, Error> {
        self.authorize_for(self.action(), resource, asked)
    }

    /// The same for an action that is not called like the operation.
    pub(crate) fn authorize_for<R: Protected>(
        &self,
        action: Action,
        resource: R,
        asked: &Asked<'_>,
    ) -> Result<Authorized<R>, Error> {
        let values = self.values(resource.owner(), asked);
        let request = self.request(self.caller, action, &values);
        let named = explain::Named::of(&resource);
        let outcome = authorize(&request, &self.standing.policies(None), resource);
        self.note(&request, None, named, &outcome);
        Ok(outcome?)
    }

    /// Keeps what was decided about this caller, so that an operator can ask why.
    pub(crate) fn note<R>(
        &self,
        request: &Request<'_>,
        policies: Option<Arc<[AttachedPolicy]>>,
        resource: explain::Named,
        outcome: &Result<Authorized<R>, Denied>,
    ) {
        self.decisions.note(request, (self.caller, self.standing), policies, resource, outcome);
    }

    /// Keeps what was decided about somebody who did not sign, by the policies of the resource alone.
    pub(crate) fn note_unsigned<R>(
        &self,
        (request, caller): (&Request<'_>, &Arc<Caller>),
        policies: Arc<[AttachedPolicy]>,
        resource: explain::Named,
        outcome: &Result<Authorized<R>, Denied>,
    ) {
        self.decisions.note(request, (caller, &Arc::default()), Some(policies), resource, outcome);
    }

    /// Keeps that something was refused whatever policies say.
    pub(crate) fn note_rule(&self, caller: &Arc<Caller>, owner: AccountId, arn: &str, rule: Rule) {
        self.decisions.note_rule((caller, self.action()), owner, arn, rule);
    }

    /// The condition values of a request for what `owner` owns.
    pub(crate) fn values<'v>(&'v self, owner: AccountId, asked: &'v Asked<'v>) -> Values<'v> {
        let Self { region, now, circumstances, .. } = *self;
        Values { region, now, circumstances, asked, owner }
    }

    /// What is judged.
    pub(crate) fn request<'v>(&self, caller: &'v Caller, action: Action, values: &'v Values<'v>) -> Request<'v> {
        Request { caller, action, context: values, cross_account: CrossAccount::Effective, proposed_grant: None }
    }
}

fn decode<T: Decode>(parameters: &[u8]) -> Result<T, Error> {
    Form::parse(parameters).and_then(|form| form::decode(&form)).map_err(Error::Malformed)
}

/// The event source of an API.
pub(super) const fn source(api: Api) -> &'static str {
    match api {
        Api::Iam => "iam.amazonaws.com",
        Api::Sts => "sts.amazonaws.com",
    }
}

/// Whether the record has the reply too: those of changes, and who got credentials for what.
fn tells_reply(op: OpName) -> bool {
    use sts::OpName as S;
    !op.is_read_only() || matches!(op, OpName::Sts(S::AssumeRole | S::AssumeRoleWithWebIdentity | S::GetSessionToken))
}

async fn close_entry(node: &Node, call: &Call<'_>, entry: &Entry, error: Option<&Error>) -> Result<(), Error> {
    if let Some(error) = error.filter(|error| error.is_internal()) {
        let Call { op, request_id, region, .. } = *call;
        tracing::error!(%op, request.id = %request_id, %region, %error, "call failed");
    }
    let fault = error.map(|error| error.fault(call.op.api()));
    node.journal.close(entry, fault.as_ref().map(Into::into)).await.map_err(|unrecorded| Error::Work(unrecorded.into()))
}

impl Call<'_> {
    /// The audit record of this call.
    fn open_entry(&self, node: &Node) -> Entry {
        let Self { op, request_id, ref caller, region, now, circumstances, .. } = *self;
        let called = Called { source: source(op.api()), operation: op.as_str().into(), read_only: op.is_read_only() };
        let region = Some(region);
        node.journal.open(&Origin { called, request_id, time: now, caller: Some(caller), region, circumstances })
    }
}
