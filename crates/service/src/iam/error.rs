//! Why an operation of IAM failed beyond what can happen to every operation, and the one mapping to AWS's names and texts.

use std::borrow::Cow;

use strongroom_authz::policy::error::{Malformed, PolicyError};
use strongroom_wire::query::{ErrorCode, Fault};

/// Why an operation failed. The texts are for the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IamError {
    /// Nothing is called so.
    #[error("{0}")]
    NoSuchEntity(String),
    /// Something is called so already.
    #[error("{0}")]
    EntityAlreadyExists(String),
    /// Something still belongs to what is to be deleted.
    #[error("{0}")]
    DeleteConflict(&'static str),
    /// A quota is used up.
    #[error("{0}")]
    LimitExceeded(Cow<'static, str>),
    /// Not a policy document of this kind.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// A value that no shape's constraint rules out and that makes no sense.
    #[error("{0}")]
    InvalidInput(Cow<'static, str>),
    /// It belongs to AWS, or to the configuration.
    #[error("{0}")]
    Unmodifiable(Cow<'static, str>),
    /// Credentials that IAM does not take.
    #[error("The security token included in the request is invalid")]
    InvalidToken,
}

impl From<PolicyError> for IamError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::TooLong { .. } => Self::LimitExceeded(error.to_string().into()),
            PolicyError::Malformed(reason) => reason.into(),
        }
    }
}

impl From<Malformed> for IamError {
    fn from(reason: Malformed) -> Self {
        Self::MalformedPolicyDocument(reason.to_string())
    }
}

impl IamError {
    /// The user, group or role is not there.
    pub(crate) fn no_such(noun: &str, name: &str) -> Self {
        Self::NoSuchEntity(format!("The {noun} with name {name} cannot be found."))
    }

    /// A quota by its name and value.
    pub(crate) fn quota(name: &str, limit: usize) -> Self {
        Self::LimitExceeded(format!("Cannot exceed quota for {name}: {limit}").into())
    }
}

/// The one place where failures of IAM get their AWS names.
impl From<&IamError> for Fault {
    fn from(error: &IamError) -> Self {
        use ErrorCode as E;
        match error {
            IamError::NoSuchEntity(text) => Self::new(E::NoSuchEntity, text.clone()),
            IamError::EntityAlreadyExists(text) => Self::new(E::EntityAlreadyExists, text.clone()),
            IamError::DeleteConflict(text) => Self::new(E::DeleteConflict, *text),
            IamError::LimitExceeded(text) => Self::new(E::LimitExceeded, text.clone()),
            IamError::MalformedPolicyDocument(text) => Self::new(E::MalformedPolicyDocument, text.clone()),
            IamError::InvalidInput(text) => Self::new(E::InvalidInput, text.clone()),
            IamError::Unmodifiable(text) => Self::new(E::UnmodifiableEntity, text.clone()),
            IamError::InvalidToken => Self::new(E::InvalidClientTokenId, error.to_string()),
        }
    }
}
