//! Why an operation failed, in the service's words, and the one mapping to AWS's names and texts.
//!
//! # Invariants
//! - Below this file nobody knows an AWS error name.
//! - A message for the caller holds what the caller sent or may know; internal detail stays with the operator.
//!
//! Texts: behaviours 2.3, 4 and 5.2.

use std::borrow::Cow;

use strongroom_authz::proof::Denied;
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::generated::{KeySpec, KeyState, KeyUsage, OpName, Origin};
use strongroom_wire::json::BadRequest;
use strongroom_wire::kms::{ErrorCode, Fault};

use crate::dev::InjectedError;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The body does not decode or breaks a constraint.
    #[error("malformed request")]
    Malformed(BadRequest),
    /// Parameters that do not go together, or a rule that the shapes do not have.
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// The key id, ARN or alias names nothing here. The text is the caller's.
    #[error("{0}")]
    NotFound(String),
    /// An alias where only key ids and key ARNs are taken.
    #[error("an alias where a key is needed")]
    AliasNotSupported,
    /// Begins as an ARN and is none of KMS.
    #[error("{0} is not a valid ARN")]
    InvalidArn(String),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The ciphertext names a key that does not exist here or that the caller may not use.
    #[error("the ciphertext's key is not here or not the caller's")]
    CiphertextKeyOutOfReach,
    /// An alias name that belongs to AWS services.
    #[error("the alias name is reserved")]
    ReservedAlias,
    /// The alias exists.
    #[error("{0} exists")]
    AliasExists(AliasArn),
    /// The key is for something else.
    #[error("{arn} is for {usage}, not for {op}")]
    WrongUsage {
        /// The key.
        arn: KeyArn,
        /// What it is for.
        usage: KeyUsage,
        /// What was asked.
        op: OpName,
    },
    /// Data keys come from symmetric keys alone.
    #[error("a data key from an asymmetric key")]
    DataKeyFromAsymmetric,
    /// The algorithm is not one of the key's.
    #[error("{algorithm} does not fit {spec}")]
    WrongAlgorithm {
        /// As AWS spells it.
        algorithm: &'static str,
        /// The key's spec.
        spec: KeySpec,
    },
    /// The key's state forbids the operation.
    #[error("{arn} is {state}")]
    WrongState {
        /// The key.
        arn: KeyArn,
        /// Its state.
        state: KeyState,
    },
    /// The operation is for keys of another origin.
    #[error("{arn} is of origin {origin}")]
    WrongOrigin {
        /// The key.
        arn: KeyArn,
        /// Its origin.
        origin: Origin,
    },
    /// The operation is for multi-Region primary keys.
    #[error("{0} is not a multi-Region primary key")]
    NotPrimary(KeyArn),
    /// The multi-Region key has a replica there already.
    #[error("{0} exists")]
    ReplicaExists(KeyArn),
    /// An automatic rotation is so near that one on demand would meet it.
    #[error("an automatic rotation of {0} is due")]
    RotationDue(KeyArn),
    /// There is no imported material to rotate to.
    #[error("{0} has no material pending rotation")]
    NothingToRotateTo(KeyArn),
    /// Not an import token of this key.
    #[error("not an import token of this key")]
    InvalidImportToken,
    /// An import token whose day is over.
    #[error("the import token has expired")]
    ExpiredImportToken,
    /// Material that the key cannot take.
    #[error("key material that the key cannot take")]
    IncorrectKeyMaterial,
    /// There is no deletion to cancel.
    #[error("{0} is not pending deletion")]
    NotPendingDeletion(KeyArn),
    /// The ciphertext was made by another key than the one named.
    #[error("the ciphertext was made by another key")]
    IncorrectKey,
    /// Not a ciphertext, changed bytes, or another encryption context.
    #[error("the ciphertext does not open")]
    InvalidCiphertext,
    /// The signature is not one of this key over this message.
    #[error("the signature is not valid")]
    InvalidSignature,
    /// The HMAC is not that of this message under this key.
    #[error("the MAC is not valid")]
    InvalidMac,
    /// Everything would have gone well.
    #[error("dry run")]
    DryRun,
    /// The marker is not one that this list gave.
    #[error("the marker is not ours")]
    InvalidMarker,
    /// A grant token that cannot be one.
    #[error("a grant token that cannot be one")]
    InvalidGrantToken,
    /// No grant is called so.
    #[error("a grant id that cannot be one")]
    InvalidGrantId,
    /// An ARN that names no principal.
    #[error("{0} names no principal")]
    InvalidPrincipal(String),
    /// The policy document is not acceptable; the text says why.
    #[error("malformed policy document: {0}")]
    MalformedPolicy(Cow<'static, str>),
    /// A tag that is not allowed.
    #[error("tag: {0}")]
    Tag(Cow<'static, str>),
    /// A quota is used up.
    #[error("limit exceeded: {0}")]
    LimitExceeded(Cow<'static, str>),
    /// The custom key store does not exist.
    #[error("no custom key store {0}")]
    NoSuchCustomKeyStore(String),
    /// The operation cannot be done with this key, in this Region, or by this service. `None` has no message, as AWS has it.
    #[error("unsupported")]
    Unsupported(Option<Cow<'static, str>>),
    /// Too much at once: the bounded pool is full.
    #[error("the pool for slow work is full")]
    Throttled,
    /// The account has made more requests than its quota allows.
    #[error("more requests than the account's quota allows")]
    OverRequestQuota,
    /// A fault rule of `dev` says so.
    #[error("{} by a fault rule", .0.as_str())]
    Injected(InjectedError),
    /// The vault refused; what that means to a caller is decided where it is called, so this is internal.
    #[error(transparent)]
    Vault(strongroom_vault::Error),
    /// The store failed or answered with a conflict that did not go away.
    #[error(transparent)]
    Store(#[from] strongroom_store::Error),
    /// A stored record does not decode.
    #[error("a stored record does not decode")]
    BadRecord,
    /// A panic was caught.
    #[error("a panic was caught")]
    Panicked,
    /// The audit record could not be written.
    #[error(transparent)]
    Unrecorded(#[from] crate::audit::Unrecorded),
}

impl From<strongroom_vault::Error> for OpError {
    fn from(error: strongroom_vault::Error) -> Self {
        match error {
            strongroom_vault::Error::DoesNotOpen => Self::InvalidCiphertext,
            strongroom_vault::Error::Damaged
            | strongroom_vault::Error::AccountKeyNotLoaded
            | strongroom_vault::Error::NoSuchMaterial
            | strongroom_vault::Error::DoesNotFit
            | strongroom_vault::Error::NoEntropy(_)
            | strongroom_vault::Error::Crypto => Self::Vault(error),
        }
    }
}

impl From<strongroom_vault::ImportRefusal> for OpError {
    fn from(refusal: strongroom_vault::ImportRefusal) -> Self {
        use strongroom_vault::ImportRefusal;
        match refusal {
            ImportRefusal::Token => Self::InvalidImportToken,
            ImportRefusal::TokenExpired => Self::ExpiredImportToken,
            ImportRefusal::Ciphertext => Self::InvalidCiphertext,
            ImportRefusal::Material => Self::IncorrectKeyMaterial,
            ImportRefusal::Vault(error) => error.into(),
        }
    }
}

impl From<crate::slow::Refused> for OpError {
    fn from(refused: crate::slow::Refused) -> Self {
        match refused {
            crate::slow::Refused::Full => Self::Throttled,
            crate::slow::Refused::Panicked => Self::Panicked,
        }
    }
}

impl From<strongroom_core::world::NoEntropy> for OpError {
    fn from(error: strongroom_core::world::NoEntropy) -> Self {
        Self::Vault(error.into())
    }
}

impl OpError {
    /// A semantic validation failure with a fixed text.
    pub const fn invalid(text: &'static str) -> Self {
        Self::Invalid(Cow::Borrowed(text))
    }

    /// What `error` means where the input was the caller's: `refusal` if the vault refused it, the fault itself otherwise.
    pub fn input_refused(error: strongroom_vault::Error, refusal: Self) -> Self {
        if error == strongroom_vault::Error::DoesNotOpen { refusal } else { error.into() }
    }

    /// `UnsupportedOperationException` without a message.
    pub const UNSUPPORTED: Self = Self::Unsupported(None);

    /// Whether the fault is the service's own, to be told to the operator.
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::Vault(_) | Self::Store(_) | Self::BadRecord | Self::Panicked | Self::Unrecorded(_))
    }
}

/// The one place where failures get their AWS names. No wildcard: a new variant does not compile until it is placed.
impl From<&OpError> for Fault {
    fn from(error: &OpError) -> Self {
        use ErrorCode as E;
        match error {
            OpError::Malformed(bad) => bad.clone().into(),
            OpError::Invalid(text) => Self::new(E::ValidationException, text.clone()),
            OpError::NotFound(text) => Self::new(E::NotFoundException, text.clone()),
            OpError::AliasNotSupported => {
                Self::new(E::InvalidArnException, "Key Aliases are not supported for this operation.")
            }
            OpError::InvalidArn(arn) => Self::new(E::InvalidArnException, format!("Invalid arn {arn}")),
            OpError::Denied(denied) => Self::new(E::AccessDeniedException, denied.for_caller()),
            OpError::CiphertextKeyOutOfReach => Self::new(
                E::AccessDeniedException,
                "The ciphertext refers to a customer master key that does not exist, does not exist in this region, \
                 or you are not allowed to access.",
            ),
            OpError::ReservedAlias => Self::silent(E::NotAuthorizedException),
            OpError::AliasExists(arn) => {
                Self::new(E::AlreadyExistsException, format!("An alias with the name {arn} already exists"))
            }
            OpError::WrongUsage { arn, usage, op } => Self::new(
                E::InvalidKeyUsageException,
                format!("{arn} key usage is {usage} which is not valid for {op}."),
            ),
            OpError::DataKeyFromAsymmetric => {
                Self::new(E::InvalidKeyUsageException, "You cannot generate a data key with an asymmetric CMK")
            }
            OpError::WrongAlgorithm { algorithm, spec } => Self::new(
                E::InvalidKeyUsageException,
                format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
            ),
            OpError::WrongState { arn, state } => state_fault(arn, *state),
            OpError::WrongOrigin { arn, origin } => Self::new(
                E::UnsupportedOperationException,
                format!("{arn} origin is {origin} which is not valid for this operation."),
            ),
            OpError::RotationDue(arn) => Self::new(
                E::ConflictException,
                format!("An automatic rotation of {arn} is in progress or scheduled to begin within 20 minutes."),
            ),
            OpError::NothingToRotateTo(arn) => Self::new(
                E::KMSInvalidStateException,
                format!("No available key material pending rotation for the key: {arn}."),
            ),
            OpError::NotPrimary(arn) => {
                Self::new(E::UnsupportedOperationException, format!("{arn} is not a multi-Region primary key."))
            }
            OpError::ReplicaExists(arn) => Self::new(E::AlreadyExistsException, format!("Key '{arn}' already exists")),
            OpError::InvalidImportToken => Self::silent(E::InvalidImportTokenException),
            OpError::ExpiredImportToken => Self::silent(E::ExpiredImportTokenException),
            OpError::IncorrectKeyMaterial => Self::silent(E::IncorrectKeyMaterialException),
            OpError::NotPendingDeletion(arn) => {
                Self::new(E::KMSInvalidStateException, format!("{arn} is not pending deletion."))
            }
            OpError::IncorrectKey => Self::new(
                E::IncorrectKeyException,
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ),
            OpError::InvalidCiphertext => Self::silent(E::InvalidCiphertextException),
            OpError::InvalidSignature => Self::silent(E::KMSInvalidSignatureException),
            OpError::InvalidMac => Self::silent(E::KMSInvalidMacException),
            OpError::DryRun => Self::new(
                E::DryRunOperationException,
                "The request would have succeeded, but the DryRun option is set.",
            ),
            OpError::InvalidMarker => Self::new(E::InvalidMarkerException, "Invalid marker"),
            OpError::InvalidGrantToken => Self::new(E::InvalidGrantTokenException, "Invalid grant token"),
            OpError::InvalidGrantId => Self::new(E::InvalidGrantIdException, "Invalid grant ID"),
            OpError::InvalidPrincipal(arn) => {
                Self::new(E::InvalidArnException, format!("ARN does not refer to a valid principal: {arn}"))
            }
            OpError::MalformedPolicy(text) => Self::new(E::MalformedPolicyDocumentException, text.clone()),
            OpError::Tag(text) => Self::new(E::TagException, text.clone()),
            OpError::LimitExceeded(text) => Self::new(E::LimitExceededException, text.clone()),
            OpError::NoSuchCustomKeyStore(id) => {
                Self::new(E::CustomKeyStoreNotFoundException, format!("Custom key store {id} does not exist"))
            }
            OpError::Unsupported(text) => Self { code: E::UnsupportedOperationException, message: text.clone() },
            OpError::Throttled | OpError::OverRequestQuota | OpError::Injected(InjectedError::Throttling) => Self::new(
                E::ThrottlingException,
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            ),
            OpError::Injected(InjectedError::KeyUnavailable) => Self::silent(E::KeyUnavailableException),
            OpError::Injected(InjectedError::DependencyTimeout) => Self::silent(E::DependencyTimeoutException),
            OpError::Injected(InjectedError::KmsInternal)
            | OpError::Vault(_)
            | OpError::Store(_)
            | OpError::BadRecord
            | OpError::Panicked
            | OpError::Unrecorded(_) => Self::silent(E::KMSInternalException),
        }
    }
}

fn state_fault(arn: &KeyArn, state: KeyState) -> Fault {
    let (code, words) = match state {
        KeyState::Disabled => (ErrorCode::DisabledException, "disabled"),
        KeyState::PendingDeletion => (ErrorCode::KMSInvalidStateException, "pending deletion"),
        KeyState::PendingReplicaDeletion => (ErrorCode::KMSInvalidStateException, "pending replica deletion"),
        KeyState::PendingImport => (ErrorCode::KMSInvalidStateException, "pending import"),
        KeyState::Unavailable => (ErrorCode::KMSInvalidStateException, "unavailable"),
        KeyState::Creating => (ErrorCode::KMSInvalidStateException, "creating"),
        KeyState::Updating => (ErrorCode::KMSInvalidStateException, "updating"),
        KeyState::Enabled => (ErrorCode::KMSInvalidStateException, "enabled"),
    };
    Fault::new(code, format!("{arn} is {words}."))
}
