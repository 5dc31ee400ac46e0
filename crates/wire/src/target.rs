//! Which operation a request is for: its method, path, content type and `X-Amz-Target`.
//!
//! # Not here
//! The protocol of IAM and STS: `query`. The text of a refusal's reply: `kms` encodes it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use strongroom_core::generated::OpName;

pub use crate::kms::TARGET_PREFIX;

static X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The content type of requests and replies.
pub const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.1";

/// A request that is for none of our operations: `UnknownOperationException`, without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Not `POST /` with the content type of the protocol.
    #[error("not a request of the protocol")]
    OtherProtocol,
    /// No target, or one that names no operation.
    #[error("no such operation")]
    UnknownOperation,
}

impl Unresolved {
    /// The status of the reply (behaviours 1.7).
    pub const fn status(self) -> u16 {
        match self {
            Self::OtherProtocol => 404,
            Self::UnknownOperation => 400,
        }
    }
}

/// Names the operation. Nothing is allocated.
///
/// # Errors
/// [`Unresolved`].
pub fn resolve(method: &str, path: &str, headers: &HeaderMap) -> Result<OpName, Unresolved> {
    let json = headers.get(CONTENT_TYPE).is_some_and(|value| is_json(value.as_bytes()));
    if method != "POST" || path != "/" || !json {
        return Err(Unresolved::OtherProtocol);
    }
    headers
        .get(&X_AMZ_TARGET)
        .and_then(|value| value.to_str().ok())
        .and_then(|target| target.strip_prefix(TARGET_PREFIX))
        .and_then(|name| name.parse().ok())
        .ok_or(Unresolved::UnknownOperation)
}

/// What a request calls its operation, for the record of a request that was not understood: `Unknown` when it has no name
/// in the form of one.
pub fn claimed(headers: &HeaderMap) -> &str {
    const NAME_LEN_MAX: usize = 64;
    headers
        .get(&X_AMZ_TARGET)
        .and_then(|value| value.to_str().ok())
        .and_then(|target| target.rsplit('.').next())
        .filter(|name| {
            (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        .unwrap_or("Unknown")
}

/// The media type alone counts, in any case; parameters such as `charset=utf-8` do not.
fn is_json(content_type: &[u8]) -> bool {
    let end = content_type.iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
    content_type[..end].trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE_JSON.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(content_type: Option<&str>, target: Option<&str>) -> HeaderMap {
        let rows = content_type.map(|value| (CONTENT_TYPE, value)).into_iter();
        rows.chain(target.map(|value| (X_AMZ_TARGET.clone(), value)))
            .map(|(name, value)| (name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value")))
            .collect()
    }

    #[test]
    fn a_record_names_what_looks_like_a_name() {
        check(Some("TrentService.Encrypt"), "Encrypt");
        check(Some("TrentService.Explode"), "Explode");
        check(Some("Explode"), "Explode");
        check(Some("TrentService."), "Unknown");
        check(Some("TrentService.<b>"), "Unknown");
        check(Some(&format!("TrentService.{}", "a".repeat(65))), "Unknown");
        check(None, "Unknown");

        #[track_caller]
        fn check(target: Option<&str>, expect: &str) {
            assert_eq!(claimed(&headers(None, target)), expect);
        }
    }

    #[test]
    fn every_operation_has_its_target() {
        for op in OpName::ALL {
            let headers = headers(Some(CONTENT_TYPE_JSON), Some(&format!("TrentService.{op}")));
            assert_eq!(resolve("POST", "/", &headers), Ok(*op));
        }
    }

    #[test]
    fn content_types() {
        for (content_type, expect) in [
            (Some("application/x-amz-json-1.1"), Ok(OpName::Encrypt)),
            (Some("application/x-amz-json-1.1; charset=utf-8"), Ok(OpName::Encrypt)),
            (Some("application/x-amz-json-1.1;charset=UTF-8"), Ok(OpName::Encrypt)),
            (Some(" Application/X-Amz-JSON-1.1 ;"), Ok(OpName::Encrypt)),
            (Some("application/x-amz-json-1.0"), Err(Unresolved::OtherProtocol)),
            (Some("application/x-amz-json-1.10"), Err(Unresolved::OtherProtocol)),
            (Some("application/json"), Err(Unresolved::OtherProtocol)),
            (Some("é"), Err(Unresolved::OtherProtocol)),
            (Some(""), Err(Unresolved::OtherProtocol)),
            (None, Err(Unresolved::OtherProtocol)),
        ] {
            let headers = headers(content_type, Some("TrentService.Encrypt"));
            assert_eq!(resolve("POST", "/", &headers), expect, "{content_type:?}");
        }
    }

    #[test]
    fn targets() {
        for target in [
            None,
            Some(""),
            Some("Encrypt"),
            Some("TrentService"),
            Some("TrentService."),
            Some("TrentService.encrypt"),
            Some("trentservice.Encrypt"),
            Some("TrentService.Encrypt "),
            Some("TrentService.EncryptX"),
            Some("TrentService.Enc"),
            Some("DynamoDB_20120810.Encrypt"),
            Some("TrentService.é"),
        ] {
            let headers = headers(Some(CONTENT_TYPE_JSON), target);
            assert_eq!(resolve("POST", "/", &headers), Err(Unresolved::UnknownOperation), "{target:?}");
        }
    }

    #[test]
    fn methods_and_paths() {
        let headers = headers(Some(CONTENT_TYPE_JSON), Some("TrentService.Encrypt"));
        for (method, path) in [("GET", "/"), ("post", "/"), ("PUT", "/"), ("POST", ""), ("POST", "/x"), ("POST", "//")]
        {
            let unresolved = resolve(method, path, &headers).expect_err(path);
            assert_eq!((unresolved, unresolved.status()), (Unresolved::OtherProtocol, 404), "{method} {path}");
        }
    }
}
