//! Published and independently made signatures, and the texts of refusals.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;
use strongroom_crypto::digest::sha256;

use super::time::parse_basic;
use super::{AuthError, Credentials, Policy, RequestHead, Scope, SigningKey, parse, sign};

/// The key pair and the moment of AWS's suite.
const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AT: &str = "20150830T123600Z";
const SUITE: Policy<'static> = Policy { services: &["service"], skew_minutes: 15 };

fn at(text: &str) -> Timestamp {
    parse_basic(text).expect("a time")
}

fn secret() -> SecretBytes {
    SecretBytes::copy_from(SECRET.as_bytes())
}

fn headers<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let row = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        (name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"))
    };
    let mut map = HeaderMap::new();
    for (name, value) in rows.into_iter().map(row) {
        map.append(name, value);
    }
    map
}

/// AWS Signature Version 4 Test Suite (`aws4_testsuite`, later `aws-signing-test-suite/v4`), header form.
///
/// Not here: `get-header-value-multiline`, which continues a header on the next line; HTTP parsers refuse that now
/// (RFC 9112 5.2). Cases whose names end in `-unnormalized` are for services that take paths as they are.
#[test]
fn aws_suite() {
    const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let folder = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84";
    let example = "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5";
    let post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
    let with_query = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11";
    let (form, form_with_charset) =
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf8");
    let unreserved_path = format!("/{UNRESERVED}");
    let unreserved_query = format!("/?{UNRESERVED}={UNRESERVED}");

    check("get-vanilla", "GET", "/", &[], vanilla);
    check("get-vanilla-query", "GET", "/", &[], vanilla);
    check("get-relative-normalized", "GET", "/example/..", &[], vanilla);
    check("get-relative-relative-normalized", "GET", "/example1/example2/../..", &[], vanilla);
    check("get-slash-normalized", "GET", "//", &[], vanilla);
    check("get-slash-dot-slash-normalized", "GET", "/./", &[], vanilla);
    check("get-slash-pointless-dot-normalized", "GET", "/./example", &[], example);
    check("get-slashes-normalized", "GET", "//example//", &[], folder);
    check(
        "get-space-normalized",
        "GET",
        "/example space/",
        &[],
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    );
    check(
        "get-unreserved",
        "GET",
        &unreserved_path,
        &[],
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    );
    check("get-utf8", "GET", "/ሴ", &[], "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    check(
        "get-vanilla-empty-query-key",
        "GET",
        "/?Param1=value1",
        &[],
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    );
    check(
        "get-vanilla-query-order-encoded",
        "GET",
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        &[],
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    );
    check(
        "get-vanilla-query-order-key-case",
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check(
        "get-vanilla-query-unreserved",
        "GET",
        &unreserved_query,
        &[],
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    );
    check(
        "get-vanilla-utf8-query",
        "GET",
        "/?ሴ=bar",
        &[],
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    );
    check(
        "get-vanilla-with-session-token",
        "GET",
        "/",
        &[("X-Amz-Security-Token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267")],
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    );
    check(
        "get-header-key-duplicate",
        "GET",
        "/",
        &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    check(
        "get-header-value-order",
        "GET",
        "/",
        &[("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"), ("My-Header1", "value2")],
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    );
    check(
        "get-header-value-trim",
        "GET",
        "/",
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    check("post-vanilla", "POST", "/", &[], post);
    check("post-vanilla-query", "POST", "/?Param1=value1", &[], with_query);
    check("post-vanilla-empty-query-value", "POST", "/?Param1=value1", &[], with_query);
    check(
        "post-header-key-sort",
        "POST",
        "/",
        &[("My-Header1", "value1")],
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    );
    check(
        "post-header-value-case",
        "POST",
        "/",
        &[("My-Header1", "VALUE1")],
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    );
    check(
        "post-x-www-form-urlencoded",
        "POST",
        "/",
        &[("Content-Type", form)],
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
    check(
        "post-x-www-form-urlencoded-parameters",
        "POST",
        "/",
        &[("Content-Type", form_with_charset)],
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    );

    #[track_caller]
    fn check(name: &str, method: &str, target: &str, more: &[(&str, &str)], expect: &str) {
        let body: &[u8] = if name.starts_with("post-x-www") { b"Param1=value1" } else { b"" };
        let payload = sha256(body);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let mut headers = headers([("Host", "example.amazonaws.com")].into_iter().chain(more.iter().copied()));
        let secret = secret();
        let credentials = Credentials { access_key_id: ACCESS_KEY_ID, secret: &secret, session_token: None };
        let scope = Scope { region: "us-east-1", service: "service" };
        sign((method, path, query), &mut headers, &payload, &credentials, &scope, at(AT)).expect("signable");
        let authorization = headers["authorization"].to_str().expect("ASCII");
        assert!(authorization.ends_with(&format!(", Signature={expect}")), "{name}: {authorization}");

        let head = RequestHead { method, path, query, headers: &headers };
        let unverified = parse(&head, at(AT), &SUITE).expect(name);
        let key = SigningKey::derive(&secret, unverified.date(), unverified.region().as_str(), unverified.service());
        assert_eq!(unverified.verify(&key, &payload), Ok(()), "{name}");
        assert_eq!(unverified.verify(&key, &sha256(b"another body")), Err(AuthError::SignatureMismatch), "{name}");
    }
}

/// Requests as botocore signs them; `vectors/make_requests.py` says how they were made.
#[test]
fn botocore_requests() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        method: String,
        path: String,
        query: Option<String>,
        headers: Vec<(String, String)>,
        body: String,
        now: String,
        region: String,
        service: String,
        session_token: Option<String>,
        valid: bool,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors/botocore_requests.json")).expect("well-formed");
    assert!(cases.iter().filter(|case| case.valid).count() >= 20, "{} cases", cases.len());
    assert!(cases.iter().filter(|case| !case.valid).count() >= 8, "{} cases", cases.len());
    for case in &cases {
        let headers = headers(case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let head =
            RequestHead { method: &case.method, path: &case.path, query: case.query.as_deref(), headers: &headers };
        let policy = Policy { services: &["kms", "sts", "service"], skew_minutes: 5 };
        let unverified = parse(&head, at(&case.now), &policy).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(unverified.access_key_id(), ACCESS_KEY_ID, "{}", case.name);
        assert_eq!(unverified.region().as_str(), case.region, "{}", case.name);
        assert_eq!(unverified.service(), case.service, "{}", case.name);
        assert_eq!(unverified.session_token(), case.session_token.as_deref(), "{}", case.name);
        let key = SigningKey::derive(&secret(), unverified.date(), &case.region, &case.service);
        let outcome = unverified.verify(&key, &sha256(case.body.as_bytes()));
        let expect = if case.valid { Ok(()) } else { Err(AuthError::SignatureMismatch) };
        assert_eq!(outcome, expect, "{}", case.name);
    }
}

/// What a good `Authorization` header looks like; the signature is of another request.
const GOOD: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, \
     SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

/// Behaviours 1.8, row by row.
#[test]
fn refusals() {
    let (cut, signed_at) = (|what: &str, with: &str| GOOD.replace(what, with), Some(("x-amz-date", AT)));

    refuse(None, signed_at, "Missing Authentication Token");
    let bare = "AWS4-HMAC-SHA256";
    refuse(
        Some(bare),
        None,
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization=AWS4-HMAC-SHA256",
    );
    let unsigned = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=host";
    refuse(
        Some(unsigned),
        signed_at,
        &format!("Authorization header requires 'Signature' parameter. Authorization={unsigned}"),
    );
    refuse(
        Some("Bearer abc=="),
        signed_at,
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. Authorization=Bearer abc==",
    );
    refuse(
        Some(GOOD),
        None,
        &format!(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization={GOOD}"
        ),
    );
    let odd = cut(", SignedHeaders", ", nonsense, SignedHeaders");
    refuse(
        Some(&odd),
        signed_at,
        &format!("'nonsense' not a valid key=value pair (missing equal-sign) in Authorization header: '{odd}'."),
    );
    refuse(Some(&cut("SHA256 ", "SHA512 ")), signed_at, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'.");
    for credential in ["AKIDEXAMPLE", "AKIDEXAMPLE/20150830/us-east-1/kms", "A/B/20150830/us-east-1/kms/aws4_request"] {
        refuse(
            Some(&cut("AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request", credential)),
            signed_at,
            &format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{credential}'"
            ),
        );
    }
    for list in ["x-amz-date", "hosts;x-amz-date", "Host;x-amz-date", ""] {
        refuse(
            Some(&cut("SignedHeaders=host;x-amz-date", &format!("SignedHeaders={list}"))),
            signed_at,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        );
    }
    refuse(
        Some(&cut("us-east-1", "nowhere")),
        signed_at,
        "Credential should be scoped to a valid region, not 'nowhere'. ",
    );
    refuse(Some(&cut("/kms/", "/s3/")), signed_at, "Credential should be scoped to correct service: 'kms'. ");
    refuse(
        Some(&cut("aws4_request", "aws5_request")),
        signed_at,
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
    );
    refuse(
        Some(&cut("us-east-1/kms/aws4_request", "/x/y")),
        signed_at,
        "Credential should be scoped to a valid region, not ''. \
         Credential should be scoped to correct service: 'kms'. \
         Credential should be scoped with a valid terminator: 'aws4_request', not 'y'. ",
    );
    refuse(
        Some(GOOD),
        Some(("x-amz-date", "yesterday")),
        "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601",
    );
    refuse(
        Some(GOOD),
        Some(("x-amz-date", "20150831T000000Z")),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '20150830' != '20150831', from '20150831T000000Z'.",
    );
    refuse(
        Some(GOOD),
        Some(("date", "Mon, 31 Aug 2015 00:00:00 GMT")),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '20150830' != '20150831', from 'Mon, 31 Aug 2015 00:00:00 GMT'.",
    );
    refuse(
        Some(GOOD),
        Some(("x-amz-date", "20150830T123059Z")),
        "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 min.)",
    );
    refuse(
        Some(GOOD),
        Some(("x-amz-date", "20150830T124101Z")),
        "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z \
         (20150830T123600Z + 5 min.)",
    );

    #[track_caller]
    fn refuse(authorization: Option<&str>, date: Option<(&str, &str)>, expect: &str) {
        let rows = authorization.map(|value| ("authorization", value));
        let headers = headers([("host", "kms.example")].into_iter().chain(rows).chain(date));
        let head = RequestHead { method: "POST", path: "/", query: None, headers: &headers };
        let error = parse(&head, at(AT).plus_millis(999), &Policy::KMS).expect_err(expect);
        assert_eq!(error.to_string(), expect);
    }
}

#[test]
fn the_ends_of_the_window_are_inside() {
    for date in ["20150830T123100Z", "20150830T124100Z"] {
        let headers = headers([("host", "kms.example"), ("authorization", GOOD), ("x-amz-date", date)]);
        let head = RequestHead { method: "POST", path: "/", query: None, headers: &headers };
        let unverified = parse(&head, at(AT), &Policy::KMS).expect(date);
        assert_eq!(unverified.signed_at(), at(date));
        let key = SigningKey::derive(&secret(), "20150830", "us-east-1", "kms");
        let mismatch = unverified.verify(&key, &sha256(b"")).expect_err("signed something else");
        assert_eq!(
            mismatch.to_string(),
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
        );
    }
}

#[test]
fn long_headers_are_repeated_in_part() {
    let long = format!("AWS4-HMAC-SHA256 Credential={}", "a".repeat(20_000));
    let headers = headers([("host", "kms.example"), ("authorization", &long), ("x-amz-date", AT)]);
    let head = RequestHead { method: "POST", path: "/", query: None, headers: &headers };
    let error = parse(&head, at(AT), &Policy::KMS).expect_err("no signature").to_string();
    assert!(error.len() < 2048, "{}", error.len());
}
