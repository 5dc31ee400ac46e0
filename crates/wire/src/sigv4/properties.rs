//! What must hold for every request, not only for those that somebody wrote down.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;
use strongroom_crypto::digest::sha256;

use super::{AuthError, Credentials, Policy, RequestHead, Scope, SigningKey, parse, sign};

const REGIONS: [&str; 4] = ["us-east-1", "cn-north-1", "us-gov-west-1", "ap-southeast-7"];

/// A request before it is signed. Names of headers are distinct from those that signing adds.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    region: &'static str,
    access_key_id: String,
    secret: Vec<u8>,
    token: Option<String>,
    at: Timestamp,
}

fn requests() -> impl Strategy<Value = Request> {
    let value = vec(prop_oneof![Just(b' '), Just(b'\t'), 0x21..=0x7eu8, 0x80..=0xffu8], 0..40);
    (
        ("[A-Z]{1,7}", "(/[ -~é]{0,6}){1,5}", proptest::option::of("[ -~é]{0,24}")),
        (vec(("h[a-z0-9-]{0,8}x", value), 0..12), vec(any::<u8>(), 0..300)),
        (proptest::sample::select(&REGIONS[..]), "[A-Za-z0-9]{1,24}", vec(any::<u8>(), 0..80)),
        (proptest::option::of("[!-~]{1,200}"), 0..253_402_300_799_999_i64),
    )
        .prop_map(|((method, path, query), (headers, body), (region, access_key_id, secret), (token, at))| {
            let at = Timestamp::from_millis(at);
            Request { method, path, query, headers, body, region, access_key_id, secret, token, at }
        })
}

impl Request {
    fn signed(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost:4599"));
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            headers.append(name, HeaderValue::from_bytes(value).expect("a header value"));
        }
        let secret = SecretBytes::copy_from(&self.secret);
        let credentials =
            Credentials { access_key_id: &self.access_key_id, secret: &secret, session_token: self.token.as_deref() };
        let scope = Scope { region: self.region, service: "kms" };
        let line = (self.method.as_str(), self.path.as_str(), self.query.as_deref());
        sign(line, &mut headers, &sha256(&self.body), &credentials, &scope, self.at).expect("signable");
        headers
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), AuthError> {
        let head = RequestHead { method: &self.method, path: &self.path, query: self.query.as_deref(), headers };
        let unverified = parse(&head, self.at, &Policy::KMS)?;
        if unverified.access_key_id() != self.access_key_id {
            return Err(AuthError::UnknownAccessKey);
        }
        let (date, region) = (unverified.date(), unverified.region());
        let key =
            SigningKey::derive(&SecretBytes::copy_from(&self.secret), date, region.as_str(), unverified.service());
        unverified.verify(&key, &sha256(&self.body))
    }
}

/// Changes one bit at or after `at`, so that what comes out is still a header value, and another one after folding.
fn flip(value: &HeaderValue, at: prop::sample::Index, bit: u8) -> Option<HeaderValue> {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.is_empty() {
        return None;
    }
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    let space = |byte: u8| matches!(byte, b' ' | b'\t');
    let visible = !space(bytes[at]) && !space(value.as_bytes()[at]);
    HeaderValue::from_bytes(&bytes).ok().filter(|_| visible)
}

proptest! {
    #[test]
    fn what_is_signed_verifies(request in requests()) {
        prop_assert_eq!(request.check(&request.signed()), Ok(()));
    }

    #[test]
    fn a_changed_body_does_not(mut request in requests(), at: prop::sample::Index, bit in 0..8u8) {
        let headers = request.signed();
        if request.body.is_empty() {
            request.body.push(0);
        } else {
            let at = at.index(request.body.len());
            request.body[at] ^= 1 << bit;
        }
        prop_assert_eq!(request.check(&headers), Err(AuthError::SignatureMismatch));
    }

    #[test]
    fn a_changed_secret_does_not(mut request in requests(), at: prop::sample::Index, bit in 0..8u8) {
        let headers = request.signed();
        if request.secret.is_empty() {
            request.secret.push(b'a');
        } else {
            let at = at.index(request.secret.len());
            request.secret[at] ^= 1 << bit;
        }
        prop_assert_eq!(request.check(&headers), Err(AuthError::SignatureMismatch));
    }

    #[test]
    fn a_changed_method_or_query_does_not(mut request in requests(), which: bool) {
        let headers = request.signed();
        if which {
            request.method.push('X');
        } else {
            request.query = Some(format!("{}&zz=z", request.query.unwrap_or_default()));
        }
        prop_assert_eq!(request.check(&headers), Err(AuthError::SignatureMismatch));
    }

    /// Every bit of every header, the signature's own included.
    #[test]
    fn a_changed_header_does_not(
        request in requests(),
        which: prop::sample::Index,
        at: prop::sample::Index,
        bit in 0..7u8,
    ) {
        let mut headers = request.signed();
        let (count, index) = (headers.len(), which.index(headers.len()));
        let value = headers.values_mut().nth(index).expect("below the count");
        let changed = flip(value, at, bit);
        prop_assume!(changed.is_some());
        *value = changed.expect("assumed");
        prop_assert_eq!(headers.len(), count);
        prop_assert!(request.check(&headers).is_err());
    }

    #[test]
    fn a_removed_or_repeated_header_does_not(request in requests(), which: prop::sample::Index, repeat: bool) {
        let mut headers = request.signed();
        let signed: Vec<HeaderName> = headers
            .iter()
            .filter(|(name, value)| *name != "authorization" && !value.as_bytes().trim_ascii().is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        let name = signed[which.index(signed.len())].clone();
        if repeat {
            headers.append(name, HeaderValue::from_static("more"));
        } else {
            headers.remove(name);
        }
        prop_assert!(request.check(&headers).is_err());
    }

    /// Another word for one header does not change what is signed.
    #[test]
    fn spaces_and_order_do_not_matter(mut request in requests()) {
        let headers = request.signed();
        let signature = headers["authorization"].clone();
        let names: std::collections::HashSet<&String> = request.headers.iter().map(|(name, _)| name).collect();
        prop_assume!(names.len() == request.headers.len());
        request.headers.reverse();
        for (_, value) in &mut request.headers {
            value.insert(0, b' ');
            value.push(b'\t');
        }
        prop_assert_eq!(&request.signed()["authorization"], &signature);
    }

    /// Whatever stands in the headers, there is an answer.
    #[test]
    fn nonsense_is_refused_in_peace(
        pieces in vec(prop_oneof![
            Just("AWS4-HMAC-SHA256 ".to_owned()),
            Just("Credential=".to_owned()),
            Just("a/20150830/us-east-1/kms/aws4_request".to_owned()),
            Just("SignedHeaders=host".to_owned()),
            Just(";x-amz-date".to_owned()),
            Just("Signature=".to_owned()),
            Just("0".repeat(64)),
            Just(", ".to_owned()),
            "[ -~é]{0,6}",
        ], 0..14),
        date in prop_oneof![Just("20150830T123600Z".to_owned()), "[ -~é]{0,31}"],
        token in "[ -~é]{0,9}",
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "h"), ("x-amz-date", &date), ("x-amz-security-token", &token)] {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        headers.insert("authorization", HeaderValue::from_bytes(pieces.concat().as_bytes()).expect("a header value"));
        let head = RequestHead { method: "POST", path: "/", query: None, headers: &headers };
        let now = super::time::parse_basic("20150830T123600Z").expect("a time");
        match parse(&head, now, &Policy::KMS) {
            Ok(unverified) => {
                let key = SigningKey::derive(&SecretBytes::copy_from(b"s"), "20150830", "us-east-1", "kms");
                prop_assert_eq!(unverified.verify(&key, &[0; 32]), Err(AuthError::SignatureMismatch));
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
