//! Material from bare numbers: what a JWK (RFC 7517, RFC 7518) or a line of hex holds, without the DER around it.
//!
//! The checks are those of [`Material::import`]; nothing is taken here that is refused there.

use strongroom_core::generated::KeySpec;
use strongroom_core::secret::{SecretArray, SecretBytes};

use super::{Family, Key, Material, SymmetricSuite, family};
use crate::alg::{ec, ed25519, rsa, sm2};
use crate::error::ImportError;

/// The numbers of an RSA private key of two factors, big-endian.
#[derive(Debug)]
pub struct RsaNumbers {
    /// The modulus.
    pub n: SecretBytes,
    /// The public exponent.
    pub e: SecretBytes,
    /// The private exponent.
    pub d: SecretBytes,
    /// The first factor.
    pub p: SecretBytes,
    /// The second factor.
    pub q: SecretBytes,
    /// `d` modulo `p - 1`.
    pub dp: SecretBytes,
    /// `d` modulo `q - 1`.
    pub dq: SecretBytes,
    /// The inverse of `q` modulo `p`.
    pub qi: SecretBytes,
}

impl Material {
    /// Takes bare material: the bytes of a symmetric or HMAC key, the scalar of an elliptic curve (at its full length), the
    /// seed of Ed25519, ML-DSA or ML-KEM. What is not of that length is taken as [`Material::import`] takes it.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_bare(spec: KeySpec, suite: SymmetricSuite, bare: &SecretBytes) -> Result<Self, ImportError> {
        let bytes = bare.expose();
        let refused = ImportError::NotOfThisSpec;
        let key = match family(spec) {
            Family::Ec(curve) if bytes.len() == curve.scalar_bytes() => {
                Key::Ec(Box::new(ec::PrivateKey::from_scalar(curve, bytes)?))
            }
            Family::Ed25519 if bytes.len() == 32 => {
                let seed = SecretArray::from_slice(bytes).ok_or(refused)?;
                Key::Ed25519(Box::new(ed25519::PrivateKey::from_seed(seed).map_err(|_| refused)?))
            }
            Family::Sm2 if bytes.len() == sm2::SCALAR_BYTES => {
                let scalar = bytes.try_into().map_err(|_| refused)?;
                Key::Sm2(Box::new(sm2::PrivateKey::from_scalar(scalar).ok_or(refused)?))
            }
            Family::MlDsa(_) if bytes.len() == 32 => return Self::from_stored(spec, bare).map_err(|_| refused),
            Family::MlKem(_) if bytes.len() == 64 => return Self::from_stored(spec, bare).map_err(|_| refused),
            Family::Symmetric
            | Family::Hmac(_)
            | Family::Rsa(_)
            | Family::Ec(_)
            | Family::Ed25519
            | Family::MlDsa(_)
            | Family::MlKem(_)
            | Family::Sm2 => return Self::import(spec, suite, bare),
        };
        Ok(Self { spec, key })
    }

    /// Takes an RSA key by its numbers, which must belong together.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_rsa_numbers(spec: KeySpec, numbers: &RsaNumbers) -> Result<Self, ImportError> {
        let Family::Rsa(size) = family(spec) else { return Err(ImportError::NotOfThisSpec) };
        let RsaNumbers { n, e, d, p, q, dp, dq, qi } = numbers;
        let numbers = [n, e, d, p, q, dp, dq, qi].map(SecretBytes::expose);
        let key = rsa::PrivateKey::from_numbers(size, numbers)?;
        Ok(Self { spec, key: Key::Rsa(Box::new(key)) })
    }

    /// Whether the public half is this: a point (uncompressed), an Ed25519, ML-DSA or ML-KEM public key, as it stands at the end
    /// of a `SubjectPublicKeyInfo`.
    pub fn has_public_key(&self, bare: &[u8]) -> bool {
        const SHORTEST_BYTES: usize = 32;
        bare.len() >= SHORTEST_BYTES && self.public().is_ok_and(|public| public.spki().ends_with(bare))
    }
}
