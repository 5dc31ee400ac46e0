//! Roles: who may assume them, by a signature or by a token of an identity provider, and what their sessions may do.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use strongroom_core::generated::KeySpec;
use strongroom_core::world::{Clock, SeededRng};
use strongroom_crypto::material::{Material, SymmetricSuite};
use strongroom_service::{FetchKeys, Fetched, IssuerConfig, IssuersConfig, JwksSource};

use crate::kms::{OWNER, TestKms};
use crate::query::{Signer, Xml};
use crate::sessions::credentials;

const ISSUER: &str = "https://issuer.example/realm";
const ACTION: &str = "AssumeRoleWithWebIdentity";

/// The issuer's key pair, and one that is not the issuer's.
static PAIRS: LazyLock<[Material; 2]> = LazyLock::new(|| {
    [1, 2].map(|seed| {
        Material::generate(KeySpec::EccNistP256, SymmetricSuite::Aes, &SeededRng::new(seed)).expect("a key pair")
    })
});

struct OwnKeys;

impl FetchKeys for OwnKeys {
    fn fetch<'a>(&'a self, source: &'a JwksSource) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        assert_eq!(*source, JwksSource::Url("https://issuer.example/jwks".into()));
        let spki = PAIRS[0].public_key_spki().expect("public");
        let (x, y) = spki[spki.len() - 64..].split_at(32);
        let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": encode(x), "y": encode(y)});
        Box::pin(async move { Ok(json!({ "keys": [key] }).to_string().into_bytes()) })
    }
}

/// What every test service knows of identity providers.
pub(crate) fn issuers() -> IssuersConfig {
    let keys = JwksSource::Url("https://issuer.example/jwks".into());
    IssuersConfig { issuers: vec![IssuerConfig { issuer: ISSUER.into(), keys }], fetcher: Some(Arc::new(OwnKeys)) }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    pairs.collect()
}

impl TestKms {
    #[track_caller]
    pub(crate) fn iam_does(&self, action: &str, pairs: &[(&str, &str)]) -> Xml {
        let done = self.iam(Some(&Signer::configured(OWNER, "iam")), &format!("{action}{}", form(pairs)));
        assert_eq!(done.status, 200, "{action}: {done:?}");
        done
    }

    /// A token with these claims beside the usual ones, signed by one of the pairs.
    pub(crate) fn token(&self, pair: usize, more: &Value) -> String {
        let now = self.clock.now().as_secs();
        let mut claims =
            json!({"iss": ISSUER, "sub": "system:app", "aud": "sts.amazonaws.com", "iat": now, "exp": now + 600});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let key = EncodingKey::from_ec_der(PAIRS[pair].private_key_pkcs8().unwrap().expose());
        let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    fn assume_by(&self, token: &str) -> Xml {
        let role = "arn:aws:iam::111122223333:role/app/worker";
        let pairs = [("RoleArn", role), ("RoleSessionName", "job-1"), ("WebIdentityToken", token)];
        self.sts(None, &format!("{ACTION}{}", form(&pairs)))
    }

    /// A provider, a role that trusts it, and a key that the role's sessions of one team may use. The key's id.
    pub(crate) fn lay(&self) -> String {
        self.iam_does(
            "CreateOpenIDConnectProvider",
            &[
                ("Url", ISSUER),
                ("ClientIDList.member.1", "sts.amazonaws.com"),
                ("ThumbprintList.member.1", &"0".repeat(40)),
            ],
        );
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/issuer.example/realm"},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {
                "issuer.example/realm:aud": "sts.amazonaws.com", "issuer.example/realm:sub": "system:app"
            }},
        }]});
        let trust = trust.to_string();
        self.iam_does(
            "CreateRole",
            &[("RoleName", "worker"), ("Path", "/app/"), ("AssumeRolePolicyDocument", trust.as_str())],
        );
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app/worker"},
             "Action": "kms:Encrypt", "Resource": "*",
             "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}},
        ]});
        let made = self.call(strongroom_core::generated::OpName::CreateKey, &json!({"Policy": policy.to_string()}));
        made.unwrap()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }
}

fn tagged(team: &str) -> Value {
    json!({"https://aws.amazon.com/tags": {"principal_tags": {"team": [team]}}})
}

#[test]
fn a_workload_uses_a_key_by_virtue_of_a_tag_of_its_token() {
    let kms = TestKms::new();
    let key = kms.lay();
    let encrypt = json!({"KeyId": key, "Plaintext": "aGVsbG8="}).to_string();
    let reply = kms.assume_by(&kms.token(0, &tagged("blue")));
    assert_eq!(reply.get("SubjectFromWebIdentityToken").as_deref(), Some("system:app"), "{reply:?}");
    assert_eq!(reply.get("Provider").as_deref(), Some(ISSUER));
    assert_eq!(reply.get("Audience").as_deref(), Some("sts.amazonaws.com"));
    let blue = credentials(&reply, "sts");
    let who = kms.sts(Some(&blue), "GetCallerIdentity");
    assert_eq!(who.get("Arn").as_deref(), Some("arn:aws:sts::111122223333:assumed-role/worker/job-1"), "{who:?}");
    let (status, body) = kms.call_with(&blue, "Encrypt", &encrypt);
    assert_eq!(status, 200, "{body}");
    assert_ne!(kms.call_with(&blue, "DisableKey", &json!({"KeyId": key}).to_string()).0, 200);

    let red = credentials(&kms.assume_by(&kms.token(0, &tagged("red"))), "sts");
    let (status, body) = kms.call_with(&red, "Encrypt", &encrypt);
    assert!(status == 400 && body.contains("AccessDeniedException"), "{body}");
    let plain = credentials(&kms.assume_by(&kms.token(0, &json!({}))), "sts");
    assert_eq!(kms.call_with(&plain, "Encrypt", &encrypt).0, 400);
}

#[test]
fn a_role_tells_when_it_was_last_used() {
    let kms = TestKms::new();
    kms.lay();
    let last_used = || {
        let role = kms.iam_does("GetRole", &[("RoleName", "worker")]);
        (role.get("LastUsedDate"), role.get("Region"))
    };
    let worker = credentials(&kms.assume_by(&kms.token(0, &json!({}))), "sts");
    assert_eq!(last_used(), (None, None), "nobody has signed yet");
    kms.call_with(&worker, "ListKeys", "{}");
    let first = last_used();
    assert!(first.0.is_some() && first.1.as_deref() == Some("us-east-1"), "{first:?}");
    kms.clock.advance_millis(60_000);
    kms.sts(Some(&worker), "GetCallerIdentity");
    assert!(last_used().0 > first.0);
    // A role of the same name that is made anew was never used.
    kms.iam_does("DeleteRole", &[("RoleName", "worker")]);
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}]});
    kms.iam_does("CreateRole", &[("RoleName", "worker"), ("AssumeRolePolicyDocument", &trust.to_string())]);
    assert_eq!(last_used(), (None, None));
}

#[test]
fn workloads_of_another_partition_get_names_of_it() {
    let kms = TestKms::new();
    kms.lay();
    let role = "arn:aws-cn:iam::111122223333:role/app/worker";
    let token = kms.token(0, &json!({}));
    let pairs = [("RoleArn", role), ("RoleSessionName", "job-1"), ("WebIdentityToken", &*token)];
    let reply = kms.sts(None, &format!("AssumeRoleWithWebIdentity{}", form(&pairs)));
    // The trust policy names the provider of the other partition.
    assert_eq!(reply.failure(), (403, "AccessDenied".to_owned()), "{reply:?}");
    let bad = role.replace("aws-cn", "oops");
    let pairs = [("RoleArn", &*bad), ("RoleSessionName", "job-1"), ("WebIdentityToken", &*token)];
    let reply = kms.sts(None, &format!("AssumeRoleWithWebIdentity{}", form(&pairs)));
    assert_eq!(reply.failure(), (400, "ValidationError".to_owned()), "{reply:?}");
}

#[test]
fn tokens_that_are_not_good_get_no_credentials() {
    let kms = TestKms::new();
    kms.lay();
    let now = kms.clock.now().as_secs();
    let check = |token: &str, status: u16, code: &str| {
        let refused = kms.assume_by(token);
        assert_eq!(refused.failure(), (status, code.to_owned()), "{refused:?}");
    };
    check(&kms.token(0, &json!({"exp": now})), 400, "ExpiredTokenException");
    check(&kms.token(0, &json!({"aud": "another"})), 400, "InvalidIdentityToken");
    check(&kms.token(1, &json!({})), 400, "InvalidIdentityToken");
    check(&kms.token(0, &json!({"iss": "https://elsewhere.example"})), 400, "InvalidIdentityToken");
    check(&kms.token(0, &json!({"sub": ""})), 403, "IDPRejectedClaim");
    check(&kms.token(0, &json!({"sub": "system:other"})), 403, "AccessDenied");
    check("not a token", 400, "InvalidIdentityToken");
    let good = kms.token(0, &json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    check(&format!("{none}.{}.", parts[1]), 400, "InvalidIdentityToken");
    assert_eq!(kms.assume_by(&good).status, 200);
}

/// Nobody signed: who called is told by the token, once it was verified, and the token by nobody.
#[test]
fn calls_by_token_are_on_the_record() {
    let kms = TestKms::new();
    kms.lay();
    let provider = "arn:aws:iam::111122223333:oidc-provider/issuer.example/realm";
    let identity = |subject: &str| {
        json!({
            "type": "WebIdentityUser", "principalId": format!("{provider}:sts.amazonaws.com:{subject}"),
            "userName": subject, "identityProvider": provider,
        })
    };
    let anonymous = json!({"type": "AWSAccount", "principalId": "anonymous"});
    let parameters = json!({"roleArn": "arn:aws:iam::111122223333:role/app/worker", "roleSessionName": "job-1"});
    let check = |token: &str, code: Option<&str>, who: Value, account: Option<&str>| {
        let before = kms.events().len();
        let reply = kms.assume_by(token);
        let [event] = &kms.events().split_off(before)[..] else { panic!("one event") };
        assert_eq!((&event["eventSource"], &event["eventName"]), (&json!("sts.amazonaws.com"), &json!(ACTION)));
        assert_eq!(event["errorCode"].as_str(), code);
        assert_eq!(event["userIdentity"], who);
        assert_eq!(event["recipientAccountId"].as_str(), account);
        assert_eq!(event["requestParameters"], parameters, "and no token");
        let text = event.to_string();
        for part in
            token.split('.').chain(reply.get("SecretAccessKey").as_deref()).chain(reply.get("SessionToken").as_deref())
        {
            assert!(!text.contains(part), "{part} is in {text}");
        }
        (event.clone(), reply)
    };
    let (event, reply) = check(&kms.token(0, &json!({})), None, identity("system:app"), Some(OWNER));
    let told = &event["responseElements"];
    assert_eq!(told["subjectFromWebIdentityToken"], "system:app");
    assert_eq!((&told["provider"], &told["audience"]), (&json!(ISSUER), &json!("sts.amazonaws.com")));
    assert_eq!(told["assumedRoleUser"]["arn"], "arn:aws:sts::111122223333:assumed-role/worker/job-1");
    let keys: Vec<&str> = told["credentials"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["accessKeyId", "expiration"]);
    check(&kms.token(0, &json!({"sub": "other"})), Some("AccessDenied"), identity("other"), Some(OWNER));
    check(&kms.token(1, &json!({})), Some("InvalidIdentityToken"), anonymous.clone(), None);
    check(&kms.token(0, &json!({"exp": 1})), Some("ExpiredTokenException"), anonymous, None);

    // Its session is told with the provider behind it.
    let session = credentials(&reply, "sts");
    let before = kms.events().len();
    assert_eq!(kms.call_with(&session, "ListAliases", "{}").0, 400);
    let [event] = &kms.events().split_off(before)[..] else { panic!("one event") };
    assert_eq!(event["userIdentity"]["type"], "AssumedRole");
    let context = &event["userIdentity"]["sessionContext"];
    assert_eq!(context["webIdFederationData"], json!({"federatedProvider": provider, "attributes": {}}));
    assert_eq!(context["sessionIssuer"]["arn"], "arn:aws:iam::111122223333:role/app/worker");
}

#[test]
fn a_role_decides_who_assumes_it_and_its_session_is_cut() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "sts");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "4711"}},
    }]});
    kms.iam_does("CreateRole", &[("RoleName", "ops"), ("AssumeRolePolicyDocument", &trust.to_string())]);
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let inline = [("RoleName", "ops"), ("PolicyName", "all"), ("PolicyDocument", &all.to_string())];
    kms.iam_does("PutRolePolicy", &inline);
    let role = ("RoleArn", "arn:aws:iam::111122223333:role/ops");
    let assume = |signer: &Signer, more: &[(&str, &str)]| {
        let pairs = [&[role, ("RoleSessionName", "s1")], more].concat();
        kms.sts(Some(signer), &format!("AssumeRole{}", form(&pairs)))
    };
    let id = ("ExternalId", "4711");
    assert_eq!(assume(&alice, &[]).failure(), (403, "AccessDenied".into()), "no external id");
    assert_eq!(assume(&alice, &[("ExternalId", "12")]).failure(), (403, "AccessDenied".into()));
    let bob = Signer::configured(&format!("{OWNER}BOB"), "sts");
    assert_eq!(assume(&bob, &[id]).failure(), (403, "AccessDenied".into()), "the trust policy names alice");
    let tag = [id, ("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    assert_eq!(assume(&alice, &tag).failure(), (403, "AccessDenied".into()), "sts:TagSession is not allowed");
    let long = assume(&alice, &[id, ("DurationSeconds", "7200")]);
    assert_eq!(long.failure(), (400, "ValidationError".into()));

    let whole = credentials(&assume(&alice, &[id]), "sts");
    assert_eq!(kms.call_with(&whole, "ListKeys", "{}").0, 200);
    assert_eq!(kms.call_with(&whole, "ListAliases", "{}").0, 200);
    let only = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]});
    let reply = assume(&alice, &[id, ("Policy", &only.to_string())]);
    assert!(reply.get("PackedPolicySize").is_some(), "{reply:?}");
    let cut = credentials(&reply, "sts");
    assert_eq!(kms.call_with(&cut, "ListKeys", "{}").0, 200);
    let (status, body) = kms.call_with(&cut, "ListAliases", "{}");
    assert!(status == 400 && body.contains("no session policy allows"), "{body}");
    let bad = assume(&alice, &[id, ("Policy", "{}")]);
    assert_eq!(bad.failure(), (400, "MalformedPolicyDocument".into()));
    let huge = assume(&alice, &[id, ("Policy", &" ".repeat(2_049))]);
    assert_eq!(huge.failure(), (400, "PackedPolicyTooLarge".into()));

    // Whoever deletes the role ends its sessions.
    kms.iam_does("DeleteRolePolicy", &[("RoleName", "ops"), ("PolicyName", "all")]);
    assert_eq!(kms.call_with(&whole, "ListKeys", "{}").0, 400);
    kms.iam_does("DeleteRole", &[("RoleName", "ops")]);
    assert_eq!(kms.sts(Some(&whole), "GetCallerIdentity").failure(), (403, "InvalidClientTokenId".into()));
}
