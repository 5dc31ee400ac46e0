//! AWS Signature Version 4 in the `Authorization` header: checked for requests, made for tests and for what we call.
//!
//! Checking is two steps, because the secret is looked up between them: [`parse`] reads the head and says whose
//! signature it claims to be; [`Unverified::verify`] compares the signature under the [`SigningKey`] of that scope.
//!
//! # Invariants
//! - Nothing of a request is believed before `verify`; what it proves is that the holder of the secret signed this
//!   method, path, query, payload, time and the headers it listed. Signatures are compared in constant time.
//! - `host` must be signed. `x-amz-target` need not be: clients exist that leave it out, and TLS is what protects it.
//! - The payload's own digest is signed, never a header's word for it; so `UNSIGNED-PAYLOAD` does not verify.
//! - The list of signed headers is in order and names none twice, so that the work is bounded by the head's size.
//!
//! # Not here
//! Signatures in the query string (presigned requests). Secrets and sessions: the caller finds them, and keeps derived
//! keys. The text of an error's reply: [`AuthError`] says what AWS says, `kms` encodes it.

mod canonical;
mod error;
mod parse;
mod sign;
mod time;
mod verify;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

use std::fmt;

use http::HeaderMap;

pub use error::{AuthError, Echo, MissingParts, Moment, WrongScope};
pub use parse::{Policy, Unverified, parse};
pub use sign::{Credentials, Scope, SignError, sign};
pub use verify::SigningKey;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How a credential scope ends.
const TERMINATOR: &str = "aws4_request";

/// What of a request is signed, apart from its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// `POST`.
    pub method: &'a str,
    /// As it came, still percent-encoded.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    /// All headers. The caller of an HTTP/2 request has put `:authority` under `host`.
    pub headers: &'a HeaderMap,
}

impl fmt::Debug for RequestHead<'_> {
    /// Headers hold session tokens and signatures: they are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHead({} {}, {} headers)", self.method, self.path, self.headers.len())
    }
}
