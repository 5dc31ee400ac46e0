//! The error reply.

use std::borrow::Cow;

use super::ErrorCode;
use crate::json::Object;
use crate::sigv4::AuthError;
use crate::target::Unresolved;

/// A failure as the caller sees it: `{"__type":"<code>","message":"<text>"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is called.
    pub code: ErrorCode,
    /// What it says; some say nothing, and then the member is left out.
    pub message: Option<Cow<'static, str>>,
}

impl Fault {
    /// A failure that says something.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// A failure that says nothing beyond its name.
    pub const fn silent(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.code.status()
    }

    /// The body. It is JSON whatever happened: some clients crash on anything else.
    pub fn encode(&self) -> Vec<u8> {
        Object::<Vec<u8>>::build(|object| {
            object.text("__type", Some(self.code.as_str()));
            object.text(self.code.message_member(), self.message.as_deref());
        })
    }
}

impl From<AuthError> for Fault {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::MissingAuthenticationToken => ErrorCode::MissingAuthenticationTokenException,
            AuthError::Incomplete { .. }
            | AuthError::NotAPair { .. }
            | AuthError::UnsupportedAlgorithm(_)
            | AuthError::MalformedCredential(_)
            | AuthError::MalformedDate(_) => ErrorCode::IncompleteSignatureException,
            AuthError::HostNotSigned
            | AuthError::WrongScope(_)
            | AuthError::DateMismatch { .. }
            | AuthError::Expired { .. }
            | AuthError::NotYetCurrent { .. }
            | AuthError::SignatureMismatch => ErrorCode::InvalidSignatureException,
            AuthError::UnknownAccessKey | AuthError::InvalidSessionToken => ErrorCode::UnrecognizedClientException,
            AuthError::ExpiredSessionToken => ErrorCode::ExpiredTokenException,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Unresolved> for Fault {
    fn from(unresolved: Unresolved) -> Self {
        Self::silent(match unresolved {
            Unresolved::OtherProtocol => ErrorCode::NotThisService,
            Unresolved::UnknownOperation => ErrorCode::UnknownOperationException,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_before_the_body_have_their_names() {
        check(AuthError::MissingAuthenticationToken, "MissingAuthenticationTokenException", 400);
        check(AuthError::HostNotSigned, "InvalidSignatureException", 400);
        check(AuthError::UnknownAccessKey, "UnrecognizedClientException", 400);
        check(AuthError::ExpiredSessionToken, "ExpiredTokenException", 400);
        check(Unresolved::OtherProtocol, "UnknownOperationException", 404);
        check(Unresolved::UnknownOperation, "UnknownOperationException", 400);

        #[track_caller]
        fn check(failure: impl Into<Fault>, code: &str, status: u16) {
            let fault = failure.into();
            assert_eq!((fault.code.as_str(), fault.status()), (code, status));
        }
    }

    #[test]
    fn bodies_are_what_clients_parse() {
        check(Fault::silent(ErrorCode::InvalidCiphertextException), r#"{"__type":"InvalidCiphertextException"}"#);
        check(
            Fault::new(ErrorCode::NotFoundException, "Invalid keyId 'a\"\u{1}é'"),
            r#"{"__type":"NotFoundException","message":"Invalid keyId 'a\"\u0001é'"}"#,
        );
        check(
            Fault::new(ErrorCode::AccessDeniedException, "no"),
            r#"{"__type":"AccessDeniedException","Message":"no"}"#,
        );
        check(Fault::silent(ErrorCode::NotThisService), r#"{"__type":"UnknownOperationException"}"#);

        #[track_caller]
        fn check(fault: Fault, expect: &str) {
            assert_eq!(String::from_utf8(fault.encode()).expect("JSON is UTF-8"), expect);
        }
    }

    #[test]
    fn every_code_is_bare_and_has_one_message_member() {
        assert_eq!(ErrorCode::MODELLED, 48);
        for code in ErrorCode::ALL {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code:?}");
            let body = Fault::new(*code, "text").encode();
            let body: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body).expect("JSON");
            let messages = body.keys().filter(|name| name.to_ascii_lowercase().contains("message")).count();
            assert_eq!((body.len(), messages), (2, 1), "{code:?}");
            assert!([400, 404, 413, 500, 503].contains(&code.status()), "{code:?}");
        }
        let faults = ErrorCode::ALL[..ErrorCode::MODELLED].iter().filter(|code| code.status() == 500);
        let names: Vec<&str> = faults.map(|code| code.as_str()).collect();
        assert_eq!(names, ["DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"]);
    }
}
