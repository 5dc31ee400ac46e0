//! What seals the root key while the service is down: providers that wrap and unwrap 32 bytes.
//!
//! # Not here
//! Where the sealed root key is kept: in the store's first table, by the service.

mod key_file;
mod memory;

use strongroom_core::secret::SecretArray;
use strongroom_core::world::{NoEntropy, Rng};

pub use key_file::KeyFileSeal;
pub use memory::MemorySeal;

/// Why the root key could not be sealed or unsealed, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file cannot be read or made.
    #[error("key file {path}: {source}")]
    KeyFile {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key file is none.
    #[error("key file {0}: not a key file of strongroom")]
    NotAKeyFile(String),
    /// The key file can be read by others than its owner.
    #[error("key file {0}: readable by others; take their permissions away (chmod 600)")]
    KeyFileOpenToOthers(String),
    /// The store was sealed with a passphrase and none was given.
    #[error("this store was sealed with a key file and a passphrase; a passphrase is needed")]
    PassphraseNeeded,
    /// The store was sealed without a passphrase and one was given.
    #[error("this store was sealed with a key file alone, as a development server seals its own: it has no passphrase")]
    PassphraseNotUsed,
    /// Another key file or passphrase sealed it, or the sealed bytes were changed.
    #[error("the root key does not open: wrong key file or passphrase, or the store's seal is damaged")]
    WrongKey,
    /// The sealed root key is of a kind that this provider does not know.
    #[error("the root key was sealed by another kind of seal")]
    OtherKind,
    /// The passphrase function failed.
    #[error("the passphrase could not be turned into a key")]
    Passphrase,
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Wraps and unwraps the root key.
pub trait SealProvider: Send + Sync {
    /// Seals `root`.
    ///
    /// # Errors
    /// [`SealError`], for the operator.
    fn seal(&self, root: &SecretArray<32>, rng: &dyn Rng) -> Result<Vec<u8>, SealError>;

    /// Opens what [`SealProvider::seal`] made.
    ///
    /// # Errors
    /// [`SealError`], for the operator.
    fn unseal(&self, sealed: &[u8]) -> Result<SecretArray<32>, SealError>;
}
