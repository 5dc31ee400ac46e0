//! Makes a signature: for tests, for load, and for what Strongroom itself calls.

use http::header::{AUTHORIZATION, CONNECTION, EXPECT, HOST, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;

use super::parse::{X_AMZ_DATE, X_AMZ_SECURITY_TOKEN};
use super::time::BasicTime;
use super::verify::SigningKey;
use super::{ALGORITHM, RequestHead, TERMINATOR};

/// What intermediaries may change or add, and what holds the signature itself.
static NOT_SIGNED: [HeaderName; 6] =
    [AUTHORIZATION, CONNECTION, EXPECT, TRANSFER_ENCODING, USER_AGENT, HeaderName::from_static("x-amzn-trace-id")];

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// `AKIA…`
    pub access_key_id: &'a str,
    /// The secret access key.
    pub secret: &'a SecretBytes,
    /// For temporary credentials.
    pub session_token: Option<&'a str>,
}

/// What the signature is for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `us-east-1`
    pub region: &'a str,
    /// `kms`
    pub service: &'a str,
}

/// A request that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// There is no `host` header.
    #[error("a request without a host cannot be signed")]
    NoHost,
    /// The access key id, the scope or the token has bytes that a header cannot.
    #[error("the credentials do not fit in a header")]
    BadCredentials,
}

/// Signs a request of this method, path and query: adds `x-amz-date`, `authorization` and, for temporary credentials,
/// `x-amz-security-token` to its headers. All other headers must be there already: all are signed but those that
/// intermediaries change.
///
/// # Errors
/// [`SignError`]; the headers are then not to be sent.
pub fn sign(
    (method, path, query): (&str, &str, Option<&str>),
    headers: &mut HeaderMap,
    payload_sha256: &[u8; 32],
    credentials: &Credentials<'_>,
    scope: &Scope<'_>,
    at: Timestamp,
) -> Result<(), SignError> {
    if !headers.contains_key(HOST) {
        return Err(SignError::NoHost);
    }
    let time = BasicTime::from(at);
    headers.insert(X_AMZ_DATE.clone(), value(time.as_str())?);
    if let Some(token) = credentials.session_token {
        let mut token = value(token)?;
        token.set_sensitive(true);
        headers.insert(X_AMZ_SECURITY_TOKEN.clone(), token);
    }
    let signed_headers = names(headers);
    let key = SigningKey::derive(credentials.secret, time.date(), scope.region, scope.service);
    let scope = format!("{}/{}/{}/{TERMINATOR}", time.date(), scope.region, scope.service);
    let head = RequestHead { method, path, query, headers };
    let signature = key.signature(&head, &signed_headers, payload_sha256, &time, &scope);
    let signature = std::str::from_utf8(&signature).expect("hex is ASCII");
    let access_key_id = credentials.access_key_id;
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
    );
    headers.insert(AUTHORIZATION, value(&authorization)?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError::BadCredentials)
}

/// The names of the headers to sign, in order, joined by semicolons.
fn names(headers: &HeaderMap) -> String {
    let mut names: Vec<&str> =
        headers.keys().filter(|name| !NOT_SIGNED.contains(name)).map(HeaderName::as_str).collect();
    names.sort_unstable();
    names.join(";")
}
