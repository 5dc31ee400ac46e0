//! Public keys alone: of peers, of recipients, and of our own keys.

use std::fmt;

use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, SigningAlgorithmSpec};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Rng;

use crate::alg::{Message, ec, ed25519, ml_dsa, ml_kem, rsa, sm2};
use crate::error::Error;
use crate::material::{Family, family};

/// A public key, parsed.
pub struct PublicKey {
    spec: KeySpec,
    key: Owned,
}

enum Owned {
    Rsa(rsa::PublicKey),
    Ec(ec::PublicKey),
    Ed25519(ed25519::PublicKey),
    MlDsa(ml_dsa::PublicKey),
    MlKem(ml_kem::PublicKey),
    Sm2(sm2::PublicKey),
}

impl PublicKey {
    /// Parses a DER SubjectPublicKeyInfo of exactly this spec, strictly.
    ///
    /// # Errors
    /// [`Error::Refused`] for anything else; [`Error::DoesNotFit`] for a spec without public keys.
    pub fn from_spki(spec: KeySpec, spki: &[u8]) -> Result<Self, Error> {
        let key = match family(spec) {
            Family::Rsa(size) => Owned::Rsa(rsa::PublicKey::from_spki(size, spki)?),
            Family::Ec(curve) => Owned::Ec(ec::PublicKey::from_spki(curve, spki)?),
            Family::Ed25519 => Owned::Ed25519(ed25519::PublicKey::from_spki(spki)?),
            Family::MlDsa(size) => Owned::MlDsa(ml_dsa::PublicKey::from_spki(size, spki)?),
            Family::MlKem(size) => Owned::MlKem(ml_kem::PublicKey::from_spki(size, spki)?),
            Family::Sm2 => Owned::Sm2(sm2::PublicKey::from_spki(spki)?),
            Family::Symmetric | Family::Hmac(_) => return Err(Error::DoesNotFit),
        };
        Ok(Self { spec, key })
    }

    /// What it was parsed as.
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        self.borrow().spki()
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// As [`Material::verify`](crate::material::Material::verify).
    pub fn verify(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>, signature: &[u8]) -> Result<(), Error> {
        self.borrow().verify(algorithm, message, signature)
    }

    /// Encrypts by RSAES-OAEP or SM2PKE.
    ///
    /// # Errors
    /// As [`Material::encrypt`](crate::material::Material::encrypt).
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithmSpec,
        plaintext: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        self.borrow().encrypt(algorithm, plaintext, rng)
    }

    /// ML-KEM: a ciphertext and the shared secret in it.
    ///
    /// # Errors
    /// As [`Material::encapsulate`](crate::material::Material::encapsulate).
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        self.borrow().encapsulate()
    }

    fn borrow(&self) -> PublicKeyRef<'_> {
        match &self.key {
            Owned::Rsa(key) => PublicKeyRef::Rsa(key),
            Owned::Ec(key) => PublicKeyRef::Ec(key),
            Owned::Ed25519(key) => PublicKeyRef::Ed25519(key),
            Owned::MlDsa(key) => PublicKeyRef::MlDsa(key),
            Owned::MlKem(key) => PublicKeyRef::MlKem(key),
            Owned::Sm2(key) => PublicKeyRef::Sm2(key),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.spec)
    }
}

/// A public key that somebody else owns: the public half of a material, or a [`PublicKey`].
#[derive(Clone, Copy)]
pub(crate) enum PublicKeyRef<'a> {
    Rsa(&'a rsa::PublicKey),
    Ec(&'a ec::PublicKey),
    Ed25519(&'a ed25519::PublicKey),
    MlDsa(&'a ml_dsa::PublicKey),
    MlKem(&'a ml_kem::PublicKey),
    Sm2(&'a sm2::PublicKey),
}

impl<'a> PublicKeyRef<'a> {
    pub(crate) fn spki(self) -> &'a [u8] {
        match self {
            Self::Rsa(key) => key.spki(),
            Self::Ec(key) => key.spki(),
            Self::Ed25519(key) => key.spki(),
            Self::MlDsa(key) => key.spki(),
            Self::MlKem(key) => key.spki(),
            Self::Sm2(key) => key.spki(),
        }
    }

    pub(crate) fn verify(
        self,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), Error> {
        match self {
            Self::Rsa(key) => key.verify(algorithm, message, signature),
            Self::Ec(key) => key.verify(algorithm, message, signature),
            Self::Ed25519(key) => key.verify(algorithm, message, signature),
            Self::MlDsa(key) => key.verify(algorithm, message, signature),
            Self::Sm2(key) => key.verify(algorithm, message, signature),
            Self::MlKem(_) => Err(Error::DoesNotFit),
        }
    }

    pub(crate) fn encrypt(
        self,
        algorithm: EncryptionAlgorithmSpec,
        plaintext: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Rsa(key) => key.encrypt(algorithm, plaintext),
            Self::Sm2(key) => key.encrypt(algorithm, plaintext, rng),
            Self::Ec(_) | Self::Ed25519(_) | Self::MlDsa(_) | Self::MlKem(_) => Err(Error::DoesNotFit),
        }
    }

    pub(crate) fn encapsulate(self) -> Result<(Vec<u8>, SecretBytes), Error> {
        match self {
            Self::MlKem(key) => key.encapsulate(),
            Self::Rsa(_) | Self::Ec(_) | Self::Ed25519(_) | Self::MlDsa(_) | Self::Sm2(_) => Err(Error::DoesNotFit),
        }
    }
}
