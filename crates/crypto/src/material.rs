//! Key material of every key spec: made, stored, imported, used.
//!
//! # Invariants
//! - A [`Material`] holds the libraries' parsed handles: to open it costs as much as to use it once, to use it costs no
//!   parsing.
//! - `from_stored(spec, to_stored())` is the same key.
//! - Secrets are wiped when it is dropped; `Debug` says the spec alone.
//!
//! # Not here
//! Which algorithms a key may be used with ([`strongroom_core::spec`]): a pair that cannot be gets
//! [`Error::DoesNotFit`], and that is all.

mod bare;

use std::fmt;

use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, MacAlgorithmSpec, SigningAlgorithmSpec};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::Rng;

use crate::alg::{ec, ed25519, hmac, ml_dsa, ml_kem, rsa, sm2};
use crate::derived::DerivingKey;
use crate::public::{PublicKey, PublicKeyRef};

pub use bare::RsaNumbers;

pub use crate::alg::Message;
pub use crate::error::{Damaged, Error, ImportError};

/// Which primitives a symmetric encryption key uses; other specs do not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymmetricSuite {
    /// A 32-byte key for AES-256-GCM.
    Aes,
    /// A 16-byte key for SM4-GCM: the China Regions.
    Sm4,
}

impl SymmetricSuite {
    /// Bytes of the key material.
    pub const fn material_bytes(self) -> usize {
        match self {
            Self::Aes => 32,
            Self::Sm4 => 16,
        }
    }
}

/// A key's family and, in it, its size: what [`KeySpec`] says, sorted by who implements it.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    Symmetric,
    Hmac(hmac::Size),
    Rsa(rsa::Size),
    Ec(ec::Curve),
    Ed25519,
    MlDsa(ml_dsa::Size),
    MlKem(ml_kem::Size),
    Sm2,
}

pub(crate) const fn family(spec: KeySpec) -> Family {
    match spec {
        KeySpec::SymmetricDefault => Family::Symmetric,
        KeySpec::Hmac224 => Family::Hmac(hmac::Size::Hmac224),
        KeySpec::Hmac256 => Family::Hmac(hmac::Size::Hmac256),
        KeySpec::Hmac384 => Family::Hmac(hmac::Size::Hmac384),
        KeySpec::Hmac512 => Family::Hmac(hmac::Size::Hmac512),
        KeySpec::Rsa2048 => Family::Rsa(rsa::Size::Rsa2048),
        KeySpec::Rsa3072 => Family::Rsa(rsa::Size::Rsa3072),
        KeySpec::Rsa4096 => Family::Rsa(rsa::Size::Rsa4096),
        KeySpec::EccNistP256 => Family::Ec(ec::Curve::P256),
        KeySpec::EccNistP384 => Family::Ec(ec::Curve::P384),
        KeySpec::EccNistP521 => Family::Ec(ec::Curve::P521),
        KeySpec::EccSecgP256k1 => Family::Ec(ec::Curve::P256k1),
        KeySpec::EccNistEdwards25519 => Family::Ed25519,
        KeySpec::MlDsa44 => Family::MlDsa(ml_dsa::Size::MlDsa44),
        KeySpec::MlDsa65 => Family::MlDsa(ml_dsa::Size::MlDsa65),
        KeySpec::MlDsa87 => Family::MlDsa(ml_dsa::Size::MlDsa87),
        KeySpec::MlKem512 => Family::MlKem(ml_kem::Size::MlKem512),
        KeySpec::MlKem768 => Family::MlKem(ml_kem::Size::MlKem768),
        KeySpec::MlKem1024 => Family::MlKem(ml_kem::Size::MlKem1024),
        KeySpec::Sm2 => Family::Sm2,
    }
}

/// One version of a key's material, open.
pub struct Material {
    spec: KeySpec,
    key: Key,
}

enum Key {
    Symmetric(SymmetricKey),
    Hmac(hmac::Key),
    Rsa(Box<rsa::PrivateKey>),
    Ec(Box<ec::PrivateKey>),
    Ed25519(Box<ed25519::PrivateKey>),
    MlDsa(Box<ml_dsa::PrivateKey>),
    MlKem(Box<ml_kem::PrivateKey>),
    Sm2(Box<sm2::PrivateKey>),
}

struct SymmetricKey {
    bytes: SecretBytes,
    deriving: DerivingKey,
}

impl SymmetricKey {
    /// The length says the suite.
    fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        let deriving = match bytes.len() {
            32 => DerivingKey::new(&SecretArray::from_slice(bytes.expose())?),
            16 => DerivingKey::new_sm4(&SecretArray::from_slice(bytes.expose())?),
            _ => return None,
        };
        Some(Self { bytes, deriving })
    }
}

impl Material {
    /// Makes fresh material. `suite` is for `SYMMETRIC_DEFAULT` alone.
    ///
    /// RSA and the curves of AWS-LC draw from the library's own generator, which takes no other; all else from `rng`.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub fn generate(spec: KeySpec, suite: SymmetricSuite, rng: &dyn Rng) -> Result<Self, Error> {
        let key = match family(spec) {
            Family::Symmetric => {
                let bytes = SecretBytes::init(suite.material_bytes(), |bytes| rng.fill(bytes))?;
                Key::Symmetric(SymmetricKey::from_bytes(bytes).ok_or(Error::Failed)?)
            }
            Family::Hmac(size) => Key::Hmac(hmac::Key::generate(size, rng)?),
            Family::Rsa(size) => Key::Rsa(Box::new(rsa::PrivateKey::generate(size)?)),
            Family::Ec(curve) => Key::Ec(Box::new(ec::PrivateKey::generate(curve)?)),
            Family::Ed25519 => Key::Ed25519(Box::new(ed25519::PrivateKey::generate(rng)?)),
            Family::MlDsa(size) => Key::MlDsa(Box::new(ml_dsa::PrivateKey::generate(size, rng)?)),
            Family::MlKem(size) => Key::MlKem(Box::new(ml_kem::PrivateKey::generate(size, rng)?)),
            Family::Sm2 => Key::Sm2(Box::new(sm2::PrivateKey::generate(rng)?)),
        };
        Ok(Self { spec, key })
    }

    /// Opens what [`Self::to_stored`] gave.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn from_stored(spec: KeySpec, stored: &SecretBytes) -> Result<Self, Damaged> {
        let bytes = stored.expose();
        let key = match family(spec) {
            Family::Symmetric => {
                Key::Symmetric(SymmetricKey::from_bytes(SecretBytes::copy_from(bytes)).ok_or(Damaged)?)
            }
            Family::Hmac(size) => Key::Hmac(hmac::Key::from_bytes(size, bytes)?),
            Family::Rsa(size) => Key::Rsa(Box::new(rsa::PrivateKey::from_stored(size, bytes)?)),
            Family::Ec(curve) => Key::Ec(Box::new(ec::PrivateKey::from_stored(curve, bytes)?)),
            Family::Ed25519 => Key::Ed25519(Box::new(ed25519::PrivateKey::from_stored(bytes)?)),
            Family::MlDsa(size) => Key::MlDsa(Box::new(ml_dsa::PrivateKey::from_stored(size, bytes)?)),
            Family::MlKem(size) => Key::MlKem(Box::new(ml_kem::PrivateKey::from_stored(size, bytes)?)),
            Family::Sm2 => Key::Sm2(Box::new(sm2::PrivateKey::from_stored(bytes)?)),
        };
        Ok(Self { spec, key })
    }

    /// Takes foreign material: raw bytes for symmetric and HMAC keys, DER PKCS#8 for all others.
    ///
    /// Stricter than the libraries: one encoding and nothing after it, the named curve and no other, a public key beside
    /// the private one only when it fits, for ML-DSA and ML-KEM a seed; and of RSA nothing that is known to be weak.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn import(spec: KeySpec, suite: SymmetricSuite, foreign: &SecretBytes) -> Result<Self, ImportError> {
        let bytes = foreign.expose();
        let refused = ImportError::NotOfThisSpec;
        let key = match family(spec) {
            Family::Symmetric => {
                if bytes.len() != suite.material_bytes() {
                    return Err(refused);
                }
                Key::Symmetric(SymmetricKey::from_bytes(SecretBytes::copy_from(bytes)).ok_or(refused)?)
            }
            Family::Hmac(size) => Key::Hmac(hmac::Key::from_bytes(size, bytes).map_err(|_| refused)?),
            Family::Rsa(size) => Key::Rsa(Box::new(rsa::PrivateKey::import(size, bytes)?)),
            Family::Ec(curve) => Key::Ec(Box::new(ec::PrivateKey::import(curve, bytes)?)),
            Family::Ed25519 => Key::Ed25519(Box::new(ed25519::PrivateKey::import(bytes)?)),
            Family::MlDsa(size) => Key::MlDsa(Box::new(ml_dsa::PrivateKey::import(size, bytes)?)),
            Family::MlKem(size) => Key::MlKem(Box::new(ml_kem::PrivateKey::import(size, bytes)?)),
            Family::Sm2 => Key::Sm2(Box::new(sm2::PrivateKey::import(bytes)?)),
        };
        Ok(Self { spec, key })
    }

    /// The stored form, the same for the same key: raw bytes for symmetric and HMAC keys, the seed for ML-DSA (32 bytes)
    /// and ML-KEM (64 bytes), PKCS#8 for all others.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub fn to_stored(&self) -> Result<SecretBytes, Error> {
        Ok(match &self.key {
            Key::Symmetric(key) => SecretBytes::copy_from(key.bytes.expose()),
            Key::Hmac(key) => key.to_bytes(),
            Key::Rsa(key) => key.to_pkcs8()?,
            Key::Ec(key) => key.to_pkcs8()?,
            Key::Ed25519(key) => key.to_pkcs8(),
            Key::MlDsa(key) => key.to_seed(),
            Key::MlKem(key) => key.to_seed(),
            Key::Sm2(key) => key.to_pkcs8(),
        })
    }

    /// The private key as DER PKCS#8 (RFC 5958), for data key pairs. ML-DSA and ML-KEM in seed form.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for symmetric and HMAC keys.
    pub fn private_key_pkcs8(&self) -> Result<SecretBytes, Error> {
        match &self.key {
            Key::Symmetric(_) | Key::Hmac(_) => Err(Error::DoesNotFit),
            Key::Rsa(key) => key.to_pkcs8(),
            Key::Ec(key) => key.to_pkcs8(),
            Key::Ed25519(key) => Ok(key.to_pkcs8()),
            Key::MlDsa(key) => Ok(key.to_pkcs8()),
            Key::MlKem(key) => Ok(key.to_pkcs8()),
            Key::Sm2(key) => Ok(key.to_pkcs8()),
        }
    }

    /// The public key as DER SubjectPublicKeyInfo (RFC 5280).
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for symmetric and HMAC keys.
    pub fn public_key_spki(&self) -> Result<Vec<u8>, Error> {
        Ok(self.public()?.spki().to_vec())
    }

    /// What it was made as.
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The key that seals messages, of a symmetric encryption key.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for all others.
    pub fn deriving_key(&self) -> Result<&DerivingKey, Error> {
        match &self.key {
            Key::Symmetric(key) => Ok(&key.deriving),
            Key::Hmac(_) | Key::Rsa(_) | Key::Ec(_) | Key::Ed25519(_) | Key::MlDsa(_) | Key::MlKem(_) | Key::Sm2(_) => {
                Err(Error::DoesNotFit)
            }
        }
    }

    /// Signs. `rng` serves SM2 and EXTERNAL_MU; all else draws from AWS-LC's own generator.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for a message of the wrong form or a digest of the wrong length too.
    pub fn sign(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>, rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        match &self.key {
            Key::Rsa(key) => key.sign(algorithm, message),
            Key::Ec(key) => key.sign(algorithm, message),
            Key::Ed25519(key) => key.sign(algorithm, message),
            Key::MlDsa(key) => key.sign(algorithm, message, rng),
            Key::Sm2(key) => key.sign(algorithm, message, rng),
            Key::Symmetric(_) | Key::Hmac(_) | Key::MlKem(_) => Err(Error::DoesNotFit),
        }
    }

    /// Verifies a signature with the public half.
    ///
    /// # Errors
    /// [`Error::Refused`] for a signature that is none; [`Error::DoesNotFit`] as [`Self::sign`].
    pub fn verify(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>, signature: &[u8]) -> Result<(), Error> {
        self.public()?.verify(algorithm, message, signature)
    }

    /// The HMAC of `message`.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`].
    pub fn mac(&self, algorithm: MacAlgorithmSpec, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.hmac()?.mac(algorithm, message)
    }

    /// Verifies an HMAC, all of it, in constant time.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is another; [`Error::DoesNotFit`].
    pub fn verify_mac(&self, algorithm: MacAlgorithmSpec, message: &[u8], mac: &[u8]) -> Result<(), Error> {
        self.hmac()?.verify(algorithm, message, mac)
    }

    /// Encrypts with the public half: RSAES-OAEP or SM2PKE. (Symmetric keys: [`Self::deriving_key`].)
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for a plaintext that is too long or, for SM2PKE, empty, too.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithmSpec,
        plaintext: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        self.public()?.encrypt(algorithm, plaintext, rng)
    }

    /// Decrypts what [`Self::encrypt`] made, here or elsewhere.
    ///
    /// # Errors
    /// [`Error::Refused`] for whatever is wrong with the ciphertext; [`Error::DoesNotFit`].
    pub fn decrypt(&self, algorithm: EncryptionAlgorithmSpec, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        match &self.key {
            Key::Rsa(key) => key.decrypt(algorithm, ciphertext),
            Key::Sm2(key) => key.decrypt(algorithm, ciphertext),
            Key::Symmetric(_) | Key::Hmac(_) | Key::Ec(_) | Key::Ed25519(_) | Key::MlDsa(_) | Key::MlKem(_) => {
                Err(Error::DoesNotFit)
            }
        }
    }

    /// ECDH with the peer's public key (SubjectPublicKeyInfo on the same curve): the raw x coordinate, at full length.
    ///
    /// # Errors
    /// [`Error::Refused`] for a public key that is none of this curve; [`Error::DoesNotFit`].
    pub fn agree(&self, peer_spki: &[u8]) -> Result<SecretBytes, Error> {
        match &self.key {
            Key::Ec(key) => key.agree(peer_spki),
            Key::Sm2(key) => key.agree(peer_spki),
            Key::Symmetric(_) | Key::Hmac(_) | Key::Rsa(_) | Key::Ed25519(_) | Key::MlDsa(_) | Key::MlKem(_) => {
                Err(Error::DoesNotFit)
            }
        }
    }

    /// ML-KEM with the public half: a ciphertext and the shared secret in it.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`].
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        self.public()?.encapsulate()
    }

    /// The shared secret in an ML-KEM ciphertext. One of the right length that is not genuine gives some other secret:
    /// FIPS 203 wants it so.
    ///
    /// # Errors
    /// [`Error::Refused`] for another length; [`Error::DoesNotFit`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        match &self.key {
            Key::MlKem(key) => key.decapsulate(ciphertext),
            Key::Symmetric(_)
            | Key::Hmac(_)
            | Key::Rsa(_)
            | Key::Ec(_)
            | Key::Ed25519(_)
            | Key::MlDsa(_)
            | Key::Sm2(_) => Err(Error::DoesNotFit),
        }
    }

    /// A copy of the public half that outlives the material.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for symmetric and HMAC keys.
    pub fn to_public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_spki(self.spec, self.public()?.spki())
    }

    fn public(&self) -> Result<PublicKeyRef<'_>, Error> {
        match &self.key {
            Key::Rsa(key) => Ok(PublicKeyRef::Rsa(key.public())),
            Key::Ec(key) => Ok(PublicKeyRef::Ec(key.public())),
            Key::Ed25519(key) => Ok(PublicKeyRef::Ed25519(key.public())),
            Key::MlDsa(key) => Ok(PublicKeyRef::MlDsa(key.public())),
            Key::MlKem(key) => Ok(PublicKeyRef::MlKem(key.public())),
            Key::Sm2(key) => Ok(PublicKeyRef::Sm2(key.public())),
            Key::Symmetric(_) | Key::Hmac(_) => Err(Error::DoesNotFit),
        }
    }

    fn hmac(&self) -> Result<&hmac::Key, Error> {
        match &self.key {
            Key::Hmac(key) => Ok(key),
            Key::Symmetric(_)
            | Key::Rsa(_)
            | Key::Ec(_)
            | Key::Ed25519(_)
            | Key::MlDsa(_)
            | Key::MlKem(_)
            | Key::Sm2(_) => Err(Error::DoesNotFit),
        }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({})", self.spec)
    }
}

#[cfg(test)]
mod tests;
