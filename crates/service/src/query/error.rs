//! Why an operation of IAM or STS failed, in the service's words, and the one mapping to AWS's names and texts.
//!
//! # Invariants
//! - Below this file nobody knows an AWS error name.
//! - A message for the caller holds what the caller sent or may know; internal detail stays with the operator.

use std::borrow::Cow;

use strongroom_authz::proof::Denied;
use strongroom_wire::query::form::BadRequest;
use strongroom_wire::query::{Api, ErrorCode, Fault};
use strongroom_wire::sigv4::AuthError;

use crate::error::OpError;
use crate::gate::Unauthenticated;
use crate::iam::IamError;
use crate::sts::jwt::Refusal;

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
    /// A value that does not go with the others.
    #[error("{0}")]
    InvalidParameter(Text),
    /// Not allowed to assume a role, or there is none; the caller reads the same.
    #[error("{caller} may not {action} on {role}")]
    MayNotAssume {
        /// Who.
        caller: Box<str>,
        /// What.
        action: &'static str,
        /// Which, as the caller named it.
        role: Box<str>,
    },
    /// The root user asks for a role.
    #[error("the root user asks for a role")]
    RootAssumes,
    /// A session asks for the credentials of a user.
    #[error("a session asks for a session token")]
    SessionAsksForToken,
    /// There are no MFA devices here.
    #[error("there are no MFA devices")]
    NoSuchMfa,
    /// The trust policy does not let the holder of the token in, or there is no such role; the caller reads the same.
    #[error("a token that the role does not trust")]
    MayNotAssumeByToken,
    /// The token is not taken.
    #[error(transparent)]
    Token(Refusal),
    /// The account has no provider for the token's issuer.
    #[error("no provider for {0}")]
    NoProvider(Box<str>),
    /// The operator has named no keys for the issuer.
    #[error("no keys are configured for {0}")]
    NoKeysOfIssuer(Box<str>),
    /// The issuer's keys cannot be fetched.
    #[error("the issuer's keys cannot be fetched")]
    IssuerUnreachable,
    /// The policy document is not acceptable; the text says why.
    #[error("malformed policy document: {0}")]
    MalformedPolicy(Text),
    /// A session is to carry too much.
    #[error("{0}")]
    PackedPolicyTooLarge(Text),
    /// An operation of IAM says why.
    #[error(transparent)]
    Iam(#[from] IamError),
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
        if let Self::Work(error) = self { error.is_internal() } else { false }
    }

    /// What the caller reads. No wildcard: a new variant does not compile until it is placed.
    pub(crate) fn fault(&self, api: Api) -> Fault {
        use ErrorCode as E;
        match self {
            Self::Malformed(bad) => bad.clone().into(),
            Self::Unauthenticated(error) => error.clone().into(),
            Self::Denied(denied) => Fault::new(E::AccessDenied, denied.for_caller()),
            Self::Invalid(text) => Fault::new(E::ValidationError, text.clone()),
            Self::InvalidParameter(text) => Fault::new(E::InvalidParameterValue, text.clone()),
            Self::MayNotAssume { caller, action, role } => Fault::new(
                E::AccessDenied,
                format!("User: {caller} is not authorized to perform: {action} on resource: {role}"),
            ),
            Self::RootAssumes => Fault::new(E::AccessDenied, "Roles may not be assumed by root accounts."),
            Self::SessionAsksForToken => {
                Fault::new(E::AccessDenied, "Cannot call GetSessionToken with session credentials")
            }
            Self::NoSuchMfa => Fault::new(
                E::AccessDenied,
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
                 valid and associated with this user.",
            ),
            Self::MayNotAssumeByToken => {
                Fault::new(E::AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
            }
            Self::Token(refusal) => {
                let code = match refusal {
                    Refusal::Expired { .. } => E::ExpiredTokenException,
                    Refusal::MissingClaim(_) | Refusal::BadClaim(_) => E::IDPRejectedClaim,
                    Refusal::Malformed
                    | Refusal::Algorithm
                    | Refusal::NoKey
                    | Refusal::Signature
                    | Refusal::Audience
                    | Refusal::NotYet => E::InvalidIdentityToken,
                };
                Fault::new(code, refusal.to_string())
            }
            Self::NoProvider(issuer) => Fault::new(
                E::InvalidIdentityToken,
                format!("No OpenIDConnect provider found in your account for {issuer}"),
            ),
            Self::NoKeysOfIssuer(_) => Fault::new(E::InvalidIdentityToken, Refusal::NoKey.to_string()),
            Self::IssuerUnreachable => Fault::new(
                E::IDPCommunicationError,
                "The identity provider could not be reached to verify the incoming identity token.",
            ),
            Self::MalformedPolicy(text) => Fault::new(E::MalformedPolicyDocument, text.clone()),
            Self::PackedPolicyTooLarge(text) => Fault::new(E::PackedPolicyTooLarge, text.clone()),
            Self::Iam(error) => error.into(),
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
