//! `userIdentity`: who called, in the form of each kind of principal.
//!
//! Source: CloudTrail user guide, "CloudTrail userIdentity element".

use strongroom_authz::caller::{Caller, Principal, Session};
use strongroom_core::ids::AccountId;
use strongroom_wire::json::Object;
use strongroom_wire::time::iso8601;

type Members<'a> = Object<'a, Vec<u8>>;

/// Of a call; `access_key_id` is what the signature names, also where it proves nothing.
pub(super) fn identity(caller: Option<&Caller>, access_key_id: Option<&str>) -> Vec<u8> {
    Object::build(|members| {
        let Some(caller) = caller else {
            members.text("type", Some("Unknown"));
            members.text("accessKeyId", access_key_id);
            return;
        };
        let account = caller.account();
        members.text("type", Some(kind(caller)));
        match caller.principal() {
            Principal::Service => return members.text("invokedBy", Some(caller.arn())),
            Principal::Anonymous => return members.text("principalId", Some("anonymous")),
            Principal::Root
            | Principal::User { .. }
            | Principal::AssumedRole { .. }
            | Principal::FederatedUser { .. }
            | Principal::WebIdentity => members.text("principalId", Some(caller.user_id())),
        }
        if matches!(caller.principal(), Principal::WebIdentity) {
            return members.text("identityProvider", Some(caller.arn()));
        }
        members.text("arn", Some(caller.arn()));
        members.text("accountId", account.as_ref().map(AccountId::as_str));
        members.text("accessKeyId", access_key_id);
        if let Principal::User { name, .. } = caller.principal() {
            members.text("userName", Some(name));
        }
        if let Some(session) = caller.session() {
            members.raw("sessionContext", Some(&session_context(caller, session)));
        }
    })
}

/// Of a call as the owner of a key sees it whom the caller is a stranger to: the account, not the person.
pub(super) fn stranger(caller: &Caller) -> Vec<u8> {
    Object::build(|members| {
        members.text("type", Some("AWSAccount"));
        members.text("principalId", Some(caller.user_id()));
        members.text("accountId", caller.account().as_ref().map(AccountId::as_str));
    })
}

/// Of what the service does by itself.
pub(super) fn service(account: AccountId) -> Vec<u8> {
    Object::build(|members| {
        members.text("accountId", Some(account.as_str()));
        members.text("invokedBy", Some(super::event::INTERNAL));
    })
}

fn kind(caller: &Caller) -> &'static str {
    match caller.principal() {
        Principal::Root => "Root",
        Principal::User { .. } => "IAMUser",
        Principal::AssumedRole { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Service => "AWSService",
        Principal::WebIdentity => "WebIdentityUser",
        Principal::Anonymous => "AWSAccount",
    }
}

fn session_context(caller: &Caller, session: &Session) -> Vec<u8> {
    let issuer = Object::build(|members| issuer(members, caller));
    let attributes = Object::build(|members| {
        members.text("creationDate", Some(&iso8601(session.issued_at)));
        // A text, in every event of AWS.
        members.text("mfaAuthenticated", Some(if session.mfa_at.is_some() { "true" } else { "false" }));
    });
    let federation = session.federated_provider.as_ref().map(|provider| {
        Object::build(|members| {
            members.text("federatedProvider", Some(provider));
            members.raw("attributes", Some(b"{}"));
        })
    });
    Object::build(|members| {
        members.raw("sessionIssuer", Some(&issuer));
        members.raw("webIdFederationData", Some(federation.as_deref().unwrap_or(b"{}")));
        members.raw("attributes", Some(&attributes));
        members.text("sourceIdentity", session.source_identity.as_deref());
    })
}

/// Whose permissions a session has.
fn issuer(members: &mut Members<'_>, caller: &Caller) {
    let (kind, id, arn) = match caller.principal() {
        Principal::AssumedRole { role_arn, role_id, .. } => ("Role", role_id, role_arn),
        Principal::FederatedUser { issuer_arn, issuer_id, .. } => ("IAMUser", issuer_id, issuer_arn),
        Principal::Root
        | Principal::User { .. }
        | Principal::Service
        | Principal::WebIdentity
        | Principal::Anonymous => return,
    };
    members.text("type", Some(kind));
    members.text("principalId", Some(id));
    members.text("arn", Some(arn));
    members.text("accountId", caller.account().as_ref().map(AccountId::as_str));
    members.text("userName", arn.rsplit('/').next());
}
