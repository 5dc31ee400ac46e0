//! `userIdentity`: who called, in the form of each kind of principal.
//!
//! Source: CloudTrail user guide, "CloudTrail userIdentity element".

use strongroom_authz::caller::{Caller, Principal, Session};
use strongroom_core::ids::AccountId;
use strongroom_wire::json::Object;
use strongroom_wire::time::iso8601;

type Members<'a> = Object<'a, Vec<u8>>;

/// Of a call; `access_key_id` is what the signature names, also where it proves nothing. `invoked_by` is the service that carries
/// on what the caller asked for.
pub(super) fn identity(
    caller: Option<&Caller>,
    access_key_id: Option<&str>,
    invoked_by: Option<&'static str>,
) -> Vec<u8> {
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
        members.text("invokedBy", invoked_by);
    })
}

/// Of a call by the holder of a token that was verified: who says so, for whom the token is, and of whom it speaks.
pub(super) fn web_identity(provider: &str, audience: &str, subject: &str) -> Vec<u8> {
    Object::build(|members| {
        members.text("type", Some("WebIdentityUser"));
        members.text("principalId", Some(&format!("{provider}:{audience}:{subject}")));
        members.text("userName", Some(subject));
        members.text("identityProvider", Some(provider));
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

/// Of whoever has the admin token.
pub(super) fn operator() -> Vec<u8> {
    br#"{"type":"AWSService","invokedBy":"admin.strongroom"}"#.to_vec()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use strongroom_core::ids::Partition;
    use strongroom_core::world::Timestamp;

    use super::*;

    const PARTITION: Partition = Partition::Aws;
    const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/issuer.example";

    fn account() -> AccountId {
        "111122223333".parse().expect("an account")
    }

    fn session() -> Session {
        Session { issued_at: Timestamp::from_millis(1_790_000_000_000), ..Session::default() }
    }

    fn alice() -> Caller {
        Caller::user(PARTITION, account(), "/team/", "alice", "AIDAALICE")
    }

    /// Every kind of caller, in the form that the user guide of CloudTrail shows.
    #[test]
    fn every_kind_of_caller_has_its_form() {
        let attributes = json!({"creationDate": "2026-09-21T14:13:20Z", "mfaAuthenticated": "false"});
        check(
            &Caller::root(PARTITION, account()),
            json!({
                "type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root",
                "accountId": "111122223333", "accessKeyId": "AKIA1",
            }),
        );
        let user = json!({
            "type": "IAMUser", "principalId": "AIDAALICE", "arn": "arn:aws:iam::111122223333:user/team/alice",
            "accountId": "111122223333", "accessKeyId": "AKIA1", "userName": "alice",
        });
        check(&alice(), user.clone());
        let mut by_session = user;
        by_session["sessionContext"] =
            json!({"sessionIssuer": {}, "webIdFederationData": {}, "attributes": attributes});
        by_session["sessionContext"]["attributes"]["mfaAuthenticated"] = json!("true");
        let mfa = Session { mfa_at: Some(Timestamp::from_millis(1_790_000_000_000)), ..session() };
        check(&alice().with_session(mfa), by_session);

        let issuer = json!({
            "type": "Role", "principalId": "AROAOPS", "arn": "arn:aws:iam::111122223333:role/ops/admin",
            "accountId": "111122223333", "userName": "admin",
        });
        let role = |session| Caller::assumed_role(PARTITION, account(), "/ops/", "admin", "AROAOPS", "s1", session);
        let assumed = |context: Value| {
            json!({
                "type": "AssumedRole", "principalId": "AROAOPS:s1",
                "arn": "arn:aws:sts::111122223333:assumed-role/admin/s1", "accountId": "111122223333",
                "accessKeyId": "AKIA1", "sessionContext": context,
            })
        };
        let named = Session { source_identity: Some(Arc::from("alice")), ..session() };
        check(
            &role(named),
            assumed(json!({
                "sessionIssuer": issuer, "webIdFederationData": {}, "attributes": attributes, "sourceIdentity": "alice",
            })),
        );
        let federated = Session { federated_provider: Some(Arc::from(PROVIDER)), ..session() };
        let data = json!({"federatedProvider": PROVIDER, "attributes": {}});
        check(
            &role(federated),
            assumed(json!({"sessionIssuer": issuer, "webIdFederationData": data, "attributes": attributes})),
        );
        check(
            &Caller::federated_user(&alice(), "bob", session()).expect("of a user"),
            json!({
                "type": "FederatedUser", "principalId": "111122223333:bob",
                "arn": "arn:aws:sts::111122223333:federated-user/bob", "accountId": "111122223333",
                "accessKeyId": "AKIA1",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "IAMUser", "principalId": "AIDAALICE",
                        "arn": "arn:aws:iam::111122223333:user/team/alice", "accountId": "111122223333",
                        "userName": "alice",
                    },
                    "webIdFederationData": {}, "attributes": attributes,
                },
            }),
        );
        let service = "acm.us-east-2.amazonaws.com";
        check(&Caller::service(PARTITION, service), json!({"type": "AWSService", "invokedBy": service}));
        check(&Caller::anonymous(PARTITION), json!({"type": "AWSAccount", "principalId": "anonymous"}));
        check(
            &Caller::web_identity(PARTITION, PROVIDER),
            json!({"type": "WebIdentityUser", "principalId": PROVIDER, "identityProvider": PROVIDER}),
        );

        #[track_caller]
        fn check(caller: &Caller, expect: Value) {
            assert_eq!(parsed(&identity(Some(caller), Some("AKIA1"), None)), expect);
        }
    }

    #[test]
    fn who_is_no_caller_has_a_form_too() {
        assert_eq!(
            parsed(&identity(None, Some("AKIANOBODY"), None)),
            json!({"type": "Unknown", "accessKeyId": "AKIANOBODY"})
        );
        assert_eq!(parsed(&identity(None, None, None)), json!({"type": "Unknown"}));
        assert_eq!(parsed(&service(account())), json!({"accountId": "111122223333", "invokedBy": "AWS Internal"}));
        assert_eq!(
            parsed(&stranger(&alice())),
            json!({"type": "AWSAccount", "principalId": "AIDAALICE", "accountId": "111122223333"})
        );
        assert_eq!(
            parsed(&web_identity(PROVIDER, "sts.amazonaws.com", "app")),
            json!({
                "type": "WebIdentityUser", "principalId": format!("{PROVIDER}:sts.amazonaws.com:app"), "userName": "app",
                "identityProvider": PROVIDER,
            })
        );
    }

    fn parsed(json: &[u8]) -> Value {
        serde_json::from_slice(json).expect("an object")
    }
}
