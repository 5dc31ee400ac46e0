//! The Query protocol from the front: forms in, XML out, and the client that signs them.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::digest::sha256;
use strongroom_service::{Reply, Request};
use strongroom_wire::sigv4::{Credentials, Scope, sign};

use crate::kms::{OWNER, ROOT, TestKms};

/// What signs a request; nothing does without one.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
    pub(crate) service: &'static str,
}

impl Signer {
    /// One of the configured access keys.
    pub(crate) fn configured(name: &str, service: &'static str) -> Self {
        Self { access_key_id: format!("AKIA{name}"), secret: "a secret".into(), session_token: None, service }
    }
}

/// The text of a reply: XML, of a success or a failure.
#[derive(Clone, Debug)]
pub(crate) struct Xml {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Xml {
    fn of(reply: &Reply) -> Self {
        assert_eq!(reply.content_type, "text/xml");
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let xml = Self { status: reply.status, text };
        assert_eq!(xml.get("RequestId"), Some(reply.request_id.to_string()), "{xml:?}");
        xml
    }

    /// The text of the first element of this name.
    pub(crate) fn get(&self, element: &str) -> Option<String> {
        let document = roxmltree::Document::parse(&self.text).unwrap();
        let found = document.descendants().find(|node| node.tag_name().name() == element)?;
        Some(found.text().unwrap_or_default().to_owned())
    }

    /// Status and code of a failure.
    pub(crate) fn failure(&self) -> (u16, String) {
        (self.status, self.get("Code").unwrap_or_else(|| panic!("{self:?}")))
    }
}

impl TestKms {
    /// Sends a form with `Action` and `Version` in it.
    pub(crate) fn query(&self, signer: Option<&Signer>, form: &str) -> Xml {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
        if let Some(signer) = signer {
            self.sign(&mut headers, ("POST", "/", None), form.as_bytes(), signer);
        }
        self.send_query("POST", None, &headers, form.as_bytes())
    }

    fn sign(&self, headers: &mut HeaderMap, head: (&str, &str, Option<&str>), body: &[u8], signer: &Signer) {
        let secret = SecretBytes::copy_from(signer.secret.as_bytes());
        let credentials = Credentials {
            access_key_id: &signer.access_key_id,
            secret: &secret,
            session_token: signer.session_token.as_deref(),
        };
        let scope = Scope { region: "us-east-1", service: signer.service };
        use strongroom_core::world::Clock;
        sign(head, headers, &sha256(body), &credentials, &scope, self.clock.now()).unwrap();
    }

    fn send_query(&self, method: &str, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Xml {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let request = Request { method, path: "/", query, headers, body, peer, tls: None };
        Xml::of(&self.runtime().block_on(self.node().answer(request)))
    }

    /// Calls an operation of STS.
    pub(crate) fn sts(&self, signer: Option<&Signer>, form: &str) -> Xml {
        self.query(signer, &format!("Version=2011-06-15&Action={form}"))
    }

    /// Calls an operation of IAM.
    pub(crate) fn iam(&self, signer: Option<&Signer>, form: &str) -> Xml {
        self.query(signer, &format!("Version=2010-05-08&Action={form}"))
    }
}

#[test]
fn everybody_may_ask_who_they_are() {
    let kms = TestKms::new();
    check(&kms, ROOT, "arn:aws:iam::111122223333:root", Some("111122223333"));
    check(&kms, OWNER, "arn:aws:iam::111122223333:user/alice", None);

    #[track_caller]
    fn check(kms: &TestKms, who: &str, arn: &str, id: Option<&str>) {
        let reply = kms.sts(Some(&Signer::configured(who, "sts")), "GetCallerIdentity");
        assert_eq!((reply.status, reply.get("Arn").as_deref()), (200, Some(arn)), "{reply:?}");
        assert_eq!(reply.get("Account").as_deref(), Some(OWNER));
        assert!(id.is_none_or(|id| reply.get("UserId").as_deref() == Some(id)), "{reply:?}");
    }
}

#[test]
fn a_get_is_as_good_as_a_post() {
    let kms = TestKms::new();
    let query = "Action=GetCallerIdentity&Version=2011-06-15";
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("localhost"));
    kms.sign(&mut headers, ("GET", "/", Some(query)), b"", &Signer::configured(ROOT, "sts"));
    let reply = kms.send_query("GET", Some(query), &headers, b"");
    assert_eq!(reply.get("Arn").as_deref(), Some("arn:aws:iam::111122223333:root"), "{reply:?}");
}

#[test]
fn users_are_told() {
    let kms = TestKms::new();
    let alice = Signer::configured(OWNER, "iam");
    let reply = kms.iam(Some(&alice), "GetUser");
    assert_eq!(reply.get("Arn").as_deref(), Some("arn:aws:iam::111122223333:user/alice"), "{reply:?}");
    assert_eq!(reply.get("UserName").as_deref(), Some("alice"));
    assert_eq!(kms.iam(Some(&alice), "GetUser&UserName=bob").get("UserName").as_deref(), Some("bob"));
    let nobody = kms.iam(Some(&alice), "GetUser&UserName=nobody");
    assert_eq!(nobody.failure(), (404, "NoSuchEntity".into()));
    assert_eq!(nobody.get("Message").as_deref(), Some("The user with name nobody cannot be found."));
}

#[test]
fn refusals_have_the_names_of_the_protocol() {
    let kms = TestKms::new();
    let root = || Signer::configured(ROOT, "sts");
    let check = |reply: Xml, status: u16, code: &str, message: &str| {
        let got = (reply.failure(), reply.get("Message").unwrap());
        assert_eq!(got, ((status, code.to_owned()), message.to_owned()));
    };
    let who = "GetCallerIdentity";
    check(kms.sts(None, who), 403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    let unknown = Signer { access_key_id: "AKIAUNKNOWN".into(), ..root() };
    let invalid = "The security token included in the request is invalid.";
    check(kms.sts(Some(&unknown), who), 403, "InvalidClientTokenId", invalid);
    let with_token = Signer { session_token: Some("token".into()), ..root() };
    check(kms.sts(Some(&with_token), who), 403, "InvalidClientTokenId", invalid);
    let wrong = kms.sts(Some(&Signer { secret: "another".into(), ..root() }), who);
    assert_eq!(wrong.failure(), (403, "SignatureDoesNotMatch".into()));
    check(
        kms.sts(Some(&Signer { service: "kms", ..root() }), who),
        403,
        "SignatureDoesNotMatch",
        "Credential should be scoped to correct service: 'sts'. ",
    );
    check(
        kms.sts(Some(&root()), "Nonsense"),
        400,
        "InvalidAction",
        "Could not find operation Nonsense for version 2011-06-15",
    );
    let twice = kms.sts(Some(&root()), "GetCallerIdentity&Action=GetCallerIdentity");
    assert_eq!(twice.failure(), (400, "MalformedQueryString".into()));
    let short = kms.sts(Some(&root()), "GetAccessKeyInfo&AccessKeyId=A");
    assert_eq!(short.failure(), (400, "ValidationError".into()));
}
