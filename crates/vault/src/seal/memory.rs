//! A seal for a store that dies with the process: a random key in memory.

use strongroom_core::secret::SecretArray;
use strongroom_core::world::{NoEntropy, Rng};
use strongroom_crypto::derived::{DerivingKey, MessageNonce};

use super::{SealError, SealProvider};

const LABEL: &[u8] = b"strongroom/v1/memory-seal";

/// Seals with a key that nobody can give back.
pub struct MemorySeal(DerivingKey);

impl MemorySeal {
    /// A fresh one.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn random(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        Ok(Self(DerivingKey::new(&SecretArray::init(|key| rng.fill(key))?)))
    }
}

impl SealProvider for MemorySeal {
    fn seal(&self, root: &SecretArray<32>, rng: &dyn Rng) -> Result<Vec<u8>, SealError> {
        let nonce = MessageNonce::random(rng)?;
        let mut out = nonce.to_bytes().to_vec();
        self.0.seal(LABEL, &nonce, &[], root.expose(), &mut out);
        Ok(out)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<SecretArray<32>, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<{ MessageNonce::LEN }>().ok_or(SealError::WrongKey)?;
        let opened = self.0.open(LABEL, &MessageNonce::from_bytes(nonce), &[], sealed);
        SecretArray::from_slice(opened.map_err(|_| SealError::WrongKey)?.expose()).ok_or(SealError::WrongKey)
    }
}
