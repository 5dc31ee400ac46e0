//! AWS JSON 1.1: request bodies to typed inputs, typed outputs to reply bodies.
//!
//! Seen from outside a request is read in two stages, as AWS does: a wrong JSON type anywhere is a
//! `SerializationException`; only a body without one is held against the constraints of the model, all at once.
//!
//! # Invariants
//! - A typed input exists only when every constraint of the model holds for it.
//! - A secret member is never in a buffer that does not wipe itself; the body itself is its owner's to wipe.
//! - A reply is written once, into a buffer of exactly its size: no copy stays behind where it grew.
//!
//! # Not here
//! Headers and status codes: the server has them from `kms::Fault` and `target`.

mod reader;
mod scan;
mod writer;

use std::borrow::Cow;

use zeroize::Zeroizing;

pub(crate) use reader::{Reader, Text, TextEntry};
pub(crate) use writer::Length;
pub use writer::{Object, Sink};

use crate::kms::{ErrorCode, Fault, Violations};

/// A structure that requests bring. Generated; nobody else implements it.
pub trait Decode: Sized {
    /// Reads the members up to the closing brace.
    #[doc(hidden)]
    fn decode(reader: &mut Reader<'_>) -> Result<Checked<Self>, Malformed>;
}

/// A structure that replies carry. Generated; nobody else implements it.
pub trait Encode {
    /// Whether the reply has no body at all.
    #[doc(hidden)]
    const NO_BODY: bool = false;

    /// Writes the members that are present.
    #[doc(hidden)]
    fn encode<S: Sink>(&self, object: &mut Object<'_, S>);
}

/// A structure of which the audit record shows something. Generated; nobody else implements it.
pub trait Shown {
    /// Writes what may be seen: never a secret, never bytes.
    #[doc(hidden)]
    fn show(&self, object: &mut Object<'_, Vec<u8>>);

    /// The member that the record shows as the ARN of the key that was found, and what the caller wrote there.
    #[doc(hidden)]
    fn resolved(&self) -> Option<(&'static str, Option<&str>)> {
        None
    }
}

/// A structure that was read: itself, or what it violates.
pub(crate) type Checked<T> = Result<T, Violations>;

/// Why a body is not one of this API, in the service's words if it has any.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(Option<Cow<'static, str>>);

/// Why a request was refused before anything was done for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// The body is not JSON, or a member has another type.
    Serialization(Option<Cow<'static, str>>),
    /// Constraints of the model do not hold; the whole message.
    Validation(String),
}

impl From<BadRequest> for Fault {
    fn from(bad: BadRequest) -> Self {
        match bad {
            BadRequest::Serialization(Some(message)) => Self::new(ErrorCode::SerializationException, message),
            BadRequest::Serialization(None) => Self::silent(ErrorCode::SerializationException),
            BadRequest::Validation(message) => Self::new(ErrorCode::ValidationException, message),
        }
    }
}

/// Reads a request body.
///
/// # Errors
/// [`BadRequest`], whose texts are AWS's.
pub fn decode<T: Decode>(body: &[u8]) -> Result<T, BadRequest> {
    match read(body) {
        Ok(Ok(input)) => Ok(input),
        Ok(Err(violations)) => Err(BadRequest::Validation(violations.into_message())),
        Err(Malformed(text)) => Err(BadRequest::Serialization(text)),
    }
}

fn read<T: Decode>(body: &[u8]) -> Result<Checked<T>, Malformed> {
    let mut reader = Reader::new(body)?;
    if reader.peek() != b'{' {
        return Err(Malformed(None));
    }
    reader.open()?;
    let input = T::decode(&mut reader)?;
    reader.end()?;
    Ok(input)
}

/// Writes a reply body; empty where the operation has none.
pub fn encode<T: Encode>(output: &T) -> Zeroizing<Vec<u8>> {
    if T::NO_BODY {
        return Zeroizing::new(Vec::new());
    }
    writer::write(output)
}

/// The members of `value` that the audit record shows, separated by commas and without braces.
pub fn shown<T: Shown>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    Object::<Vec<u8>>::members(&mut out, |members| value.show(members));
    out
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
