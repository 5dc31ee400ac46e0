//! The head of a request: `parse` and `verify` take anything without a panic, believe nothing unsigned, and still
//! believe what was signed.
//!
//! The input is a head as text: one line `METHOD PATH[?QUERY]`, then `name: value` lines.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;
use strongroom_wire::sigv4::{Credentials, Policy, RequestHead, Scope, SigningKey, parse, sign};

/// 2015-08-30T12:36:00Z, the moment of the published examples, on which the seeds are dated.
const NOW_MILLIS: i64 = 1_440_938_160_000;

const PAYLOAD_SHA256: [u8; 32] = [7; 32];

fuzz_target!(|input: &[u8]| {
    let Some((method, path, query, mut headers)) = head(input) else { return };
    let now = Timestamp::from_millis(NOW_MILLIS);
    let secret = SecretBytes::copy_from(b"a secret that no input knows");
    let believed = |headers: &HeaderMap| {
        let head = RequestHead { method: &method, path: &path, query: query.as_deref(), headers };
        let Ok(unverified) = parse(&head, now, &Policy::KMS) else { return false };
        let key = SigningKey::derive(&secret, unverified.date(), unverified.region().as_str(), unverified.service());
        unverified.verify(&key, &PAYLOAD_SHA256).is_ok()
    };
    assert!(!believed(&headers), "nobody signed this");

    // A token is text, and the signer brings its own; what the input had there may be any bytes.
    headers.remove("x-amz-security-token");
    let credentials = Credentials { access_key_id: "AKIDEXAMPLE", secret: &secret, session_token: None };
    let scope = Scope { region: "us-east-1", service: "kms" };
    let request = (method.as_str(), path.as_str(), query.as_deref());
    if sign(request, &mut headers, &PAYLOAD_SHA256, &credentials, &scope, now).is_ok() {
        assert!(believed(&headers), "this was signed");
    }
});

fn head(input: &[u8]) -> Option<(String, String, Option<String>, HeaderMap)> {
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    // What an HTTP server hands on: a token and a request target.
    let method = http::Method::from_bytes(method.as_bytes()).ok()?;
    let target: http::uri::PathAndQuery = target.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        // An HTTP server trims the spaces around a value.
        headers.try_append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?).ok()?;
    }
    Some((method.to_string(), target.path().to_owned(), target.query().map(ToOwned::to_owned), headers))
}
