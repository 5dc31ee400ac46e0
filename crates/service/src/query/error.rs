//! Why an operation of IAM or STS failed, in the service's words, and the one mapping to AWS's names and texts.
//!
//! # Invariants
//! - Below this file nobody knows an AWS error name.
//! - A message for the caller holds what the caller sent or may know; internal detail stays with the operator.

use std::borrow::Cow;

use strongroom_authz::proof::Denied;
use strongroom_wire::query::form::BadRequest;
use strongroom_wire::query::{Api, ErrorCode, Fault, OpName};
use strongroom_wire::sigv4::AuthError;

use crate::error::OpError;
use crate::gate::Unauthenticated;

/// The words of an error.
pub(crate) type Text = Cow<'static, str>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The parameters do not decode or break a constraint.
    #[error("malformed request")]
    Malformed(BadRequest),
    /// Not signed as it must be.
    #[error(transparent)]
    Unauthenticated(#[from] AuthError),
    /// Not allowed; the text says why.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A rule that the shapes do not have.
    #[error("{0}")]
    Invalid(Text),
    /// What is named is not there.
    #[error("{0}")]
    NoSuchEntity(Text),
    /// This service does not offer the operation.
    #[error("{0} is not offered")]
    NotOffered(OpName),
    /// The service's own failure.
    #[error(transparent)]
    Work(#[from] OpError),
}

impl From<Unauthenticated> for Error {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Refused(error) => Self::Unauthenticated(error),
            Unauthenticated::Failed(error) => Self::Work(error),
        }
    }
}

impl Error {
    /// Whether the fault is the service's own, to be told to the operator.
    pub(crate) const fn is_internal(&self) -> bool {
        match self {
            Self::Work(error) => error.is_internal(),
            Self::Malformed(_)
            | Self::Unauthenticated(_)
            | Self::Denied(_)
            | Self::Invalid(_)
            | Self::NoSuchEntity(_)
            | Self::NotOffered(_) => false,
        }
    }

    /// What the caller reads. No wildcard: a new variant does not compile until it is placed.
    pub(crate) fn fault(&self, api: Api) -> Fault {
        use ErrorCode as E;
        match self {
            Self::Malformed(bad) => bad.clone().into(),
            Self::Unauthenticated(error) => error.clone().into(),
            Self::Denied(denied) => Fault::new(E::AccessDenied, denied.for_caller()),
            Self::Invalid(text) => Fault::new(E::ValidationError, text.clone()),
            Self::NoSuchEntity(text) => Fault::new(E::NoSuchEntity, text.clone()),
            Self::NotOffered(op) => Fault::no_such_action(api, op.as_str()),
            Self::Work(OpError::Throttled) => Fault::new(E::Throttling, "Rate exceeded"),
            // The layers below fail in their own way or not at all.
            Self::Work(_) => match api {
                Api::Iam => {
                    Fault::new(E::ServiceFailure, "The request processing has failed because of an unknown error.")
                }
                Api::Sts => {
                    Fault::new(E::InternalFailure, "The request processing has failed because of an unknown error.")
                }
            },
        }
    }
}
