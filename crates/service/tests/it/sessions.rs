//! Temporary credentials: who gets them, what they are good for, and when they are not.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Clock;
use strongroom_crypto::digest::sha256;
use strongroom_service::Request;
use strongroom_wire::sigv4::{Credentials, Scope, sign};

use crate::kms::{OWNER, ROOT, TestKms};
use crate::query::{Signer, Xml};

/// The credentials that a reply brings.
pub(crate) fn credentials(reply: &Xml, service: &'static str) -> Signer {
    assert_eq!(reply.status, 200, "{reply:?}");
    let get = |element| reply.get(element).unwrap_or_else(|| panic!("no {element} in {reply:?}"));
    Signer {
        access_key_id: get("AccessKeyId"),
        secret: get("SecretAccessKey"),
        session_token: Some(get("SessionToken")),
        service,
    }
}

impl TestKms {
    /// Calls KMS with these credentials: status and body.
    pub(crate) fn call_with(&self, signer: &Signer, op: &str, body: &str) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_str(&format!("TrentService.{op}")).unwrap());
        let secret = SecretBytes::copy_from(signer.secret.as_bytes());
        let (access_key_id, session_token) = (signer.access_key_id.as_str(), signer.session_token.as_deref());
        let credentials = Credentials { access_key_id, secret: &secret, session_token };
        let scope = Scope { region: "us-east-1", service: "kms" };
        let payload = sha256(body.as_bytes());
        sign(("POST", "/", None), &mut headers, &payload, &credentials, &scope, self.clock.now()).unwrap();
        let (peer, body) = (IpAddr::V4(Ipv4Addr::LOCALHOST), body.as_bytes());
        let request = Request { method: "POST", path: "/", query: None, headers: &headers, body, peer, tls: None };
        let reply = self.runtime().block_on(self.node().answer(request));
        (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
    }
}

#[test]
fn a_user_gets_a_session_of_its_own() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "sts");
    let session = credentials(&kms.sts(Some(&alice), "GetSessionToken&DurationSeconds=900"), "sts");
    assert!(session.access_key_id.starts_with("ASIA"));
    let who = kms.sts(Some(&session), "GetCallerIdentity");
    assert_eq!(who.get("Arn").as_deref(), Some("arn:aws:iam::111122223333:user/alice"), "{who:?}");
    let (status, body) = kms.call_with(&session, "ListKeys", "{}");
    assert_eq!(status, 200, "{body}");

    kms.clock.advance_millis(899_000);
    assert_eq!(kms.call_with(&session, "ListKeys", "{}").0, 200);
    kms.clock.advance_millis(2_000);
    let (status, body) = kms.call_with(&session, "ListKeys", "{}");
    assert!(status == 400 && body.contains("ExpiredTokenException"), "{body}");
    let over = kms.sts(Some(&session), "GetCallerIdentity");
    assert_eq!(over.failure(), (403, "ExpiredToken".into()));
    assert_eq!(over.get("Message").as_deref(), Some("The security token included in the request is expired"));
}

#[test]
fn sessions_are_known_to_a_node_that_did_not_make_them() {
    let kms = TestKms::new();
    let session = credentials(&kms.sts(Some(&Signer::configured(OWNER, "sts")), "GetSessionToken"), "sts");
    let who = kms.restarted().sts(Some(&session), "GetCallerIdentity");
    assert_eq!(who.get("Arn").as_deref(), Some("arn:aws:iam::111122223333:user/alice"), "{who:?}");
    let elsewhere = TestKms::new().sts(Some(&session), "GetCallerIdentity");
    assert_eq!(elsewhere.failure(), (403, "InvalidClientTokenId".into()));
}

#[test]
fn a_session_needs_all_three_parts() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "sts");
    let session = credentials(&kms.sts(Some(&alice), "GetSessionToken"), "sts");
    let other = credentials(&kms.sts(Some(&alice), "GetSessionToken"), "sts");
    let token = session.session_token.clone().unwrap();
    let check = |signer: Signer, code: &str| {
        let refused = kms.sts(Some(&signer), "GetCallerIdentity");
        assert_eq!(refused.failure(), (403, code.to_owned()));
    };
    check(Signer { session_token: None, ..session.clone() }, "InvalidClientTokenId");
    check(Signer { session_token: other.session_token, ..session.clone() }, "InvalidClientTokenId");
    check(Signer { secret: other.secret, ..session.clone() }, "SignatureDoesNotMatch");
    check(Signer { access_key_id: other.access_key_id, ..session.clone() }, "InvalidClientTokenId");
    check(
        Signer { session_token: Some(token[..token.len() - 4].to_owned()), ..session.clone() },
        "InvalidClientTokenId",
    );
    check(Signer { access_key_id: alice.access_key_id, ..session.clone() }, "InvalidClientTokenId");
    let (status, body) = kms.call_with(&Signer { session_token: Some("x".into()), ..session }, "ListKeys", "{}");
    assert!(status == 400 && body.contains("UnrecognizedClientException"), "{body}");
}

#[test]
fn sessions_of_users_are_good_for_little_of_iam_and_sts() {
    let kms = TestKms::new();
    let session = credentials(&kms.sts(Some(&Signer::configured(OWNER, "sts")), "GetSessionToken"), "sts");
    let again = kms.sts(Some(&session), "GetSessionToken");
    assert_eq!(again.failure(), (403, "AccessDenied".into()));
    assert_eq!(again.get("Message").as_deref(), Some("Cannot call GetSessionToken with session credentials"));
    let iam = kms.iam(Some(&Signer { service: "iam", ..session }), "GetUser");
    assert_eq!(iam.failure(), (403, "InvalidClientTokenId".into()));
}

#[test]
fn the_root_user_assumes_nothing_and_gets_an_hour() {
    let kms = TestKms::new();
    let root = Signer::configured(ROOT, "sts");
    let role = "AssumeRole&RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=ab";
    let refused = kms.sts(Some(&root), role);
    assert_eq!(refused.get("Message").as_deref(), Some("Roles may not be assumed by root accounts."));
    let session = credentials(&kms.sts(Some(&root), "GetSessionToken&DurationSeconds=43200"), "sts");
    kms.clock.advance_millis(3_601_000);
    assert_eq!(kms.sts(Some(&session), "GetCallerIdentity").failure(), (403, "ExpiredToken".into()));
}

#[test]
fn a_role_that_is_not_there_reads_like_one_that_is_closed() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "sts");
    for account in [OWNER, "444455556666", "999999999999"] {
        let role = format!("arn:aws:iam::{account}:role/none");
        let refused = kms.sts(Some(&alice), &format!("AssumeRole&RoleArn={role}&RoleSessionName=ab"));
        assert_eq!(refused.failure(), (403, "AccessDenied".into()));
        assert_eq!(
            refused.get("Message"),
            Some(format!(
                "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: \
                 {role}"
            ))
        );
    }
    for role in ["arn:aws:iam::111122223333:user/r", "arn:aws-cn:iam::111122223333:role/r", "aaaaaaaaaaaaaaaaaaaa"] {
        let refused = kms.sts(Some(&alice), &format!("AssumeRole&RoleArn={role}&RoleSessionName=ab"));
        assert_eq!(refused.failure(), (400, "ValidationError".into()), "{role}");
    }
}

#[test]
fn access_keys_say_their_account() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "sts");
    let session = credentials(&kms.sts(Some(&alice), "GetSessionToken"), "sts");
    let info = kms.sts(Some(&alice), &format!("GetAccessKeyInfo&AccessKeyId={}", session.access_key_id));
    assert_eq!(info.get("Account").as_deref(), Some(OWNER), "{info:?}");
    let configured = kms.sts(Some(&alice), "GetAccessKeyInfo&AccessKeyId=AKIA444455556666BOB");
    assert_eq!(configured.get("Account").as_deref(), Some("444455556666"));
}
