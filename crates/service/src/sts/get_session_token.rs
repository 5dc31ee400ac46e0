//! GetSessionToken: temporary credentials for the user that asks. Nobody needs a permission for it.
//!
//! Source: STS API Reference, "GetSessionToken".

use strongroom_authz::caller::Principal;
use strongroom_wire::query::OpName;
use strongroom_wire::query::sts::{self, GetSessionTokenInput, GetSessionTokenOutput};

use super::sessions::{Holder, Wanted, issue};
use crate::explain::Rule;
use crate::query::{Cx, Error, Operation};

/// Half a day, when nobody says otherwise.
const DEFAULT_SECS: i32 = 43_200;

/// The most that the root user gets.
const ROOT_SECS_MAX: i32 = 3_600;

pub(crate) struct GetSessionToken;

impl Operation for GetSessionToken {
    const NAME: OpName = OpName::Sts(sts::OpName::GetSessionToken);
    type Input = GetSessionTokenInput;
    type Output = GetSessionTokenOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        if cx.caller.session().is_some() {
            cx.note_rule(cx.caller, cx.account()?, "*", Rule::SessionAsksForToken);
            return Err(Error::SessionAsksForToken);
        }
        if input.serial_number.is_some() || input.token_code.is_some() {
            cx.note_rule(cx.caller, cx.account()?, "*", Rule::NoSecondFactor);
            return Err(Error::NoSuchMfa);
        }
        let secs = input.duration_seconds.unwrap_or(DEFAULT_SECS);
        let (holder, secs) = match cx.caller.principal() {
            Principal::Root => (Holder::Root, secs.min(ROOT_SECS_MAX)),
            Principal::User { id, .. } => (Holder::User(id.to_string()), secs),
            Principal::AssumedRole { .. }
            | Principal::FederatedUser { .. }
            | Principal::Service
            | Principal::WebIdentity
            | Principal::Anonymous => return Err(Error::SessionAsksForToken),
        };
        let wanted = Wanted { duration_secs: secs.into(), ..Wanted::default() };
        let credentials = issue(&cx.node.vault, &*cx.node.rng, (cx.account()?, holder), wanted, cx.now)?;
        Ok(GetSessionTokenOutput { credentials: Some(credentials) })
    }
}
