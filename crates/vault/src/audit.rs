//! The key that signs audit logs: Ed25519 (RFC 8032), wrapped under the root key like the storage key.

use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Rng;
use strongroom_crypto::material::{Material, Message, SymmetricSuite};
use strongroom_crypto::rng::SystemRng;

use crate::Error;

const SPEC: KeySpec = KeySpec::EccNistEdwards25519;

/// Signs the checkpoints of audit logs.
pub struct AuditSigner {
    material: Material,
    public_key: Vec<u8>,
}

impl AuditSigner {
    pub(crate) fn generate(rng: &dyn Rng) -> Result<SecretBytes, Error> {
        Ok(Material::generate(SPEC, SymmetricSuite::Aes, rng)?.to_stored()?)
    }

    pub(crate) fn from_stored(stored: &SecretBytes) -> Result<Self, Error> {
        let material = Material::from_stored(SPEC, stored).map_err(|_| Error::Damaged)?;
        let public_key = material.public_key_spki()?;
        Ok(Self { material, public_key })
    }

    /// An Ed25519 signature of 64 bytes.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        // Ed25519 asks for no randomness.
        Ok(self.material.sign(SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(message), &SystemRng)?)
    }

    /// The public key as a DER SubjectPublicKeyInfo.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

impl std::fmt::Debug for AuditSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditSigner(..)")
    }
}
