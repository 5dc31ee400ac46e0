//! Ed25519 and Ed25519ph (RFC 8032), raw 64-byte signatures.
//!
//! Pure Ed25519 is AWS-LC's. Ed25519ph is ed25519-dalek's, because aws-lc-rs does not offer it.
//!
//! The service gets the SHA-512 digest of a message for Ed25519ph and, as AWS KMS does, applies the prehash of FIPS 186-5,
//! 7.8.1, to these 64 bytes: whoever verifies elsewhere hashes twice.

use std::sync::OnceLock;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};
use strongroom_core::generated::SigningAlgorithmSpec;
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::Rng;

use super::encoding::{self, Algorithm};
use super::{Message, get_or_try_init};
use crate::error::{Damaged, Error, ImportError};

/// `id-Ed25519` (RFC 8410).
const ED25519_KEY: Algorithm = Algorithm::bare("1.3.101.112");

const DIGEST_BYTES: usize = 64;

/// The two ways of signing, each with the only form of message that it takes.
enum Signed<'a> {
    Pure(&'a [u8]),
    Prehashed(&'a [u8; DIGEST_BYTES]),
}

fn signed<'a>(algorithm: SigningAlgorithmSpec, message: Message<'a>) -> Result<Signed<'a>, Error> {
    use SigningAlgorithmSpec as S;
    match (algorithm, message) {
        (S::Ed25519Sha512, Message::Raw(message)) => Ok(Signed::Pure(message)),
        (S::Ed25519PhSha512, Message::Digest(digest)) => {
            Ok(Signed::Prehashed(digest.try_into().map_err(|_| Error::DoesNotFit)?))
        }
        (S::Ed25519Sha512, Message::Digest(_) | Message::ExternalMu(_))
        | (S::Ed25519PhSha512, Message::Raw(_) | Message::ExternalMu(_))
        | (
            S::RsassaPssSha256
            | S::RsassaPssSha384
            | S::RsassaPssSha512
            | S::RsassaPkcs1V15Sha256
            | S::RsassaPkcs1V15Sha384
            | S::RsassaPkcs1V15Sha512
            | S::EcdsaSha256
            | S::EcdsaSha384
            | S::EcdsaSha512
            | S::Sm2Dsa
            | S::MlDsaShake256,
            _,
        ) => Err(Error::DoesNotFit),
    }
}

/// A public key.
pub(crate) struct PublicKey {
    point: [u8; 32],
    spki: Box<[u8]>,
    verifying: ParsedPublicKey,
    verifying_prehashed: OnceLock<VerifyingKey>,
}

impl PublicKey {
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, Error> {
        let bits = encoding::public_key_bits(ED25519_KEY, spki).ok_or(Error::Refused)?;
        Self::from_point(bits.try_into().map_err(|_| Error::Refused)?)
    }

    fn from_point(point: [u8; 32]) -> Result<Self, Error> {
        let verifying = ParsedPublicKey::new(&ED25519, point).map_err(|_| Error::Refused)?;
        let spki = encoding::spki(ED25519_KEY, &point);
        Ok(Self { point, spki, verifying, verifying_prehashed: OnceLock::new() })
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), Error> {
        match signed(algorithm, message)? {
            Signed::Pure(message) => self.verifying.verify_sig(message, signature).map_err(|_| Error::Refused),
            Signed::Prehashed(digest) => self.verify_prehash(Sha512::new_with_prefix(digest), signature),
        }
    }

    fn verify_prehash(&self, prehash: Sha512, signature: &[u8]) -> Result<(), Error> {
        let signature = Signature::from_slice(signature).map_err(|_| Error::Refused)?;
        let key = get_or_try_init(&self.verifying_prehashed, || {
            VerifyingKey::from_bytes(&self.point).map_err(|_| Error::Refused)
        })?;
        key.verify_prehashed(prehash, None, &signature).map_err(|_| Error::Refused)
    }
}

/// A private key.
pub(crate) struct PrivateKey {
    seed: SecretArray<32>,
    pair: Ed25519KeyPair,
    public: PublicKey,
    /// Wiped when dropped.
    signing_prehashed: OnceLock<SigningKey>,
}

impl PrivateKey {
    pub(crate) fn generate(rng: &dyn Rng) -> Result<Self, Error> {
        Self::from_seed(SecretArray::init(|seed| rng.fill(seed))?)
    }

    pub(crate) fn from_stored(pkcs8: &[u8]) -> Result<Self, Damaged> {
        Self::from_pkcs8(pkcs8).ok_or(Damaged)
    }

    pub(crate) fn import(pkcs8: &[u8]) -> Result<Self, ImportError> {
        Self::from_pkcs8(pkcs8).ok_or(ImportError::NotOfThisSpec)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let parts = encoding::private_key_parts(ED25519_KEY, pkcs8)?;
        let seed = encoding::octet_string_contents(parts.private_key)?;
        let key = Self::from_seed(SecretArray::from_slice(seed)?).ok()?;
        let fits = parts.public_key.is_none_or(|point| point == key.public.point);
        fits.then_some(key)
    }

    pub(crate) fn from_seed(seed: SecretArray<32>) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::Failed)?;
        let point = pair.public_key().as_ref().try_into().map_err(|_| Error::Failed)?;
        Ok(Self { seed, pair, public: PublicKey::from_point(point)?, signing_prehashed: OnceLock::new() })
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8 = encoding::pkcs8(ED25519_KEY, &encoding::octet_string(self.seed.expose()));
        SecretBytes::copy_from(&pkcs8)
    }

    pub(crate) fn sign(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>) -> Result<Vec<u8>, Error> {
        match signed(algorithm, message)? {
            Signed::Pure(message) => Ok(self.pair.try_sign(message).map_err(|_| Error::Failed)?.as_ref().to_vec()),
            Signed::Prehashed(digest) => self.sign_prehash(Sha512::new_with_prefix(digest)),
        }
    }

    fn sign_prehash(&self, prehash: Sha512) -> Result<Vec<u8>, Error> {
        let key = self.signing_prehashed.get_or_init(|| SigningKey::from_bytes(self.seed.expose()));
        let signature = key.sign_prehashed(prehash, None).map_err(|_| Error::Failed)?;
        Ok(signature.to_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 8032, section 7.3: the state that enters is the one after "abc".
    #[test]
    fn ed25519ph_as_published() {
        let seed = hex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
        let key = PrivateKey::from_seed(SecretArray::from_slice(&seed).expect("32 bytes")).expect("a key");
        assert_eq!(key.public.point.to_vec(), hex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"));
        let expect = hex("98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
             31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406");
        assert_eq!(key.sign_prehash(Sha512::new_with_prefix(b"abc")), Ok(expect.clone()));
        assert_eq!(key.public.verify_prehash(Sha512::new_with_prefix(b"abc"), &expect), Ok(()));
        assert_eq!(key.public.verify_prehash(Sha512::new_with_prefix(b"abd"), &expect), Err(Error::Refused));
    }

    /// What the service signs is Ed25519ph over the digest as a message: a verifier hashes twice.
    #[test]
    fn the_digest_is_hashed_again() {
        let key = PrivateKey::from_seed(SecretArray::from_slice(&[7; 32]).expect("32 bytes")).expect("a key");
        let digest = Sha512::digest(b"message");
        let signature = key.sign(SigningAlgorithmSpec::Ed25519PhSha512, Message::Digest(&digest)).expect("signs");
        let twice = Sha512::new_with_prefix(Sha512::digest(b"message"));
        assert_eq!(key.public.verify_prehash(twice, &signature), Ok(()));
        assert_eq!(key.public.verify_prehash(Sha512::new_with_prefix(b"message"), &signature), Err(Error::Refused));
    }

    /// RFC 8032, 5.1.7: S is below the order L, or every signature had a twin. Both libraries must see to it.
    #[test]
    fn a_signature_has_no_twin() {
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let key = PrivateKey::from_seed(SecretArray::from_slice(&[7; 32]).expect("32 bytes")).expect("a key");
        let digest = [7; DIGEST_BYTES];
        for (algorithm, message) in [
            (SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(b"message")),
            (SigningAlgorithmSpec::Ed25519PhSha512, Message::Digest(&digest)),
        ] {
            let mut signature = key.sign(algorithm, message).expect("signs");
            assert_eq!(key.public.verify(algorithm, message, &signature), Ok(()));
            let mut carry = 0;
            for (byte, add) in signature[32..].iter_mut().zip(&order) {
                carry += u16::from(*byte) + u16::from(*add);
                [*byte, _] = carry.to_le_bytes();
                carry >>= 8;
            }
            assert_eq!(carry, 0, "still 32 bytes");
            assert_eq!(key.public.verify(algorithm, message, &signature), Err(Error::Refused), "{algorithm}");
        }
    }

    #[test]
    fn a_public_key_beside_the_private_one_must_fit() {
        let key = PrivateKey::from_seed(SecretArray::from_slice(&[7; 32]).expect("32 bytes")).expect("a key");
        // RFC 5958, version 2: the public key follows as [1].
        let version_2 = |point: &[u8]| {
            let v1 = key.to_pkcs8();
            [&[0x30, 0x51, 2, 1, 1], &v1.expose()[5..], &[0x81, 0x21, 0], point].concat()
        };
        let imported = PrivateKey::import(&version_2(&key.public.point)).expect("fits");
        assert_eq!(imported.to_pkcs8(), key.to_pkcs8());
        assert!(PrivateKey::import(&version_2(&[7; 32])).is_err());
    }
}
