//! The root of trust, and where key material lives: nothing outside sees it open.
//!
//! root key → storage key (seals records) and account wrapping keys → key material → message keys.
//!
//! # Invariants
//! - Material is in the clear only inside a [`Handle`]; never in a record, an error or a log.
//! - A handle is had with an [`Authorized`](strongroom_authz::proof::Authorized) key alone.
//! - Every wrapped blob is bound to its account, key ARN, material id, purpose and version; moved elsewhere it does not open.
//!
//! # Not here
//! Who may use a key: `authz` says so. Storage: callers bring the blobs and keep what they get.

mod audit;
pub mod blob;
mod handle;
mod hierarchy;
mod import;
mod open;
pub mod seal;
mod sealed;
#[cfg(test)]
mod tests;

pub use audit::AuditSigner;
pub use handle::{Handle, material_id_of};
pub use import::{ImportParameters, ImportRefusal, ImportRequest};
pub use open::{Cold, Genesis, Opening, Vault};
pub use sealed::RecordName;
pub use strongroom_crypto::material::Message;

/// Why the vault did not do what it was asked. None says which byte or step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Wrong key, wrong context or changed bytes: a caller must not learn which.
    #[error("the ciphertext does not open")]
    DoesNotOpen,
    /// A stored record or wrapped key does not open under the keys of this service.
    #[error("a stored record is damaged, moved, or of another service")]
    Damaged,
    /// The account's wrapping key has not been brought yet.
    #[error("the account's wrapping key is not loaded")]
    AccountKeyNotLoaded,
    /// The key has no such material.
    #[error("the key has no such material")]
    NoSuchMaterial,
    /// The operation and the key do not fit. Callers check before; this is the second lock.
    #[error("the operation does not fit the key")]
    DoesNotFit,
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] strongroom_core::world::NoEntropy),
    /// The crypto library failed.
    #[error("the crypto library failed")]
    Crypto,
}

impl From<strongroom_crypto::error::Error> for Error {
    fn from(error: strongroom_crypto::error::Error) -> Self {
        match error {
            strongroom_crypto::error::Error::DoesNotFit => Self::DoesNotFit,
            strongroom_crypto::error::Error::Refused => Self::DoesNotOpen,
            strongroom_crypto::error::Error::Failed => Self::Crypto,
        }
    }
}
