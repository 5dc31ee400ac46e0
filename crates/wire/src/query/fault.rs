//! The error reply.

use std::borrow::Cow;

use strongroom_core::ids::RequestId;

use super::form::BadRequest;
use super::{Api, ErrorCode, xml};
use crate::sigv4::AuthError;

/// Most bytes of a caller's own text that an error repeats beyond what constraints print.
const ECHO_MAX: usize = 1024;

/// A failure as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is called.
    pub code: ErrorCode,
    /// What it says.
    pub message: Cow<'static, str>,
}

impl Fault {
    /// A failure that says something.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// `api` has no action of this name.
    pub fn no_such_action(api: Api, action: &str) -> Self {
        let message = format!("Could not find operation {} for version {}", echo(action), api.version());
        Self::new(ErrorCode::InvalidAction, message)
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.code.status()
    }

    /// The body:
    /// `<ErrorResponse xmlns=…><Error><Type>Sender</Type><Code>…</Code><Message>…</Message></Error><RequestId>…`.
    pub fn encode(&self, api: Api, request_id: RequestId) -> Vec<u8> {
        let whose = if self.code.status() < 500 { "Sender" } else { "Receiver" };
        xml::document("ErrorResponse", api.namespace(), |response| {
            response.element("Error", |error| {
                error.text("Type", Some(whose));
                error.text("Code", Some(self.code.as_str()));
                error.text("Message", Some(&self.message));
            });
            response.text("RequestId", Some(&request_id.to_string()));
        })
    }
}

/// As much of a caller's text as an error repeats.
pub(super) fn echo(text: &str) -> &str {
    let mut end = text.len().min(ECHO_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl From<BadRequest> for Fault {
    fn from(bad: BadRequest) -> Self {
        match bad {
            BadRequest::Syntax(text) => Self::new(ErrorCode::MalformedQueryString, text),
            BadRequest::Type(text) => Self::new(ErrorCode::MalformedInput, text),
            BadRequest::Validation(message) => Self::new(ErrorCode::ValidationError, message),
        }
    }
}

impl From<AuthError> for Fault {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::MissingAuthenticationToken => {
                return Self::new(ErrorCode::MissingAuthenticationToken, "Request is missing Authentication Token");
            }
            AuthError::ExpiredSessionToken => ErrorCode::ExpiredToken,
            AuthError::Incomplete { .. }
            | AuthError::NotAPair { .. }
            | AuthError::UnsupportedAlgorithm(_)
            | AuthError::MalformedCredential(_)
            | AuthError::MalformedDate(_) => ErrorCode::IncompleteSignature,
            AuthError::HostNotSigned
            | AuthError::WrongScope(_)
            | AuthError::DateMismatch { .. }
            | AuthError::Expired { .. }
            | AuthError::NotYetCurrent { .. }
            | AuthError::SignatureMismatch => ErrorCode::SignatureDoesNotMatch,
            AuthError::UnknownAccessKey | AuthError::InvalidSessionToken => ErrorCode::InvalidClientTokenId,
        };
        Self::new(code, error.to_string())
    }
}
