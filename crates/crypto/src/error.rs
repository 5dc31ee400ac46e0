//! What this crate says when it gives nothing.

use strongroom_core::world::NoEntropy;

/// Why an operation gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Key, algorithm and form or length of the input do not belong together; whoever asked could have known.
    #[error("the key, the algorithm and the input do not belong together")]
    DoesNotFit,
    /// A signature, MAC, ciphertext or public key that is not genuine or not well-formed. At which step it was refused,
    /// nobody learns.
    #[error("the input was refused")]
    Refused,
    /// The library below failed on good input: no entropy or no memory.
    #[error("the cryptographic library failed")]
    Failed,
}

impl From<NoEntropy> for Error {
    fn from(_: NoEntropy) -> Self {
        Self::Failed
    }
}

/// Why foreign key material cannot become a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not the encoding, the type or the size that the key spec demands, or parts that contradict each other.
    #[error("the key material is not of the key's type")]
    NotOfThisSpec,
    /// Well-formed, but known to be weak: a small RSA exponent, or factors that are close or not prime.
    #[error("the key material is weak")]
    Weak,
}

/// Stored material that this program did not write, or that was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored key material is damaged")]
pub struct Damaged;
