//! SM2 (GB/T 32918): signatures, encryption, key agreement; all from RustCrypto, because AWS-LC has none of it.
//!
//! Signatures are DER (r, s), ciphertexts the DER form of GB/T 35276. A message is bound to its signer by Z, computed with
//! the default identifier; who brings a digest has bound it already.
//!
//! # Security
//! The library's curve arithmetic is meant to be constant-time, but nobody audited it. Its comparison of a ciphertext's
//! hash is not constant-time: it may tell how far two hashes agree, which helps nobody to make a third.

use std::hint::black_box;
use std::sync::LazyLock;

use der::Decode;
use der::asn1::ObjectIdentifier;
use sm2::dsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use sm2::dsa::signature::{RandomizedSigner, Verifier};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::point::AffineCoordinates;
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pke::{Cipher, DecryptingKey, EncryptingKey};
use sm2::{ProjectivePoint, SecretKey};
use strongroom_core::generated::{EncryptionAlgorithmSpec, SigningAlgorithmSpec};
use strongroom_core::secret::{SecretArray, SecretBytes, constant_time_eq};
use strongroom_core::world::Rng;

use super::encoding::{self, Algorithm};
use super::{Handed, Message};
use crate::error::{Damaged, Error, ImportError};

const CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const KEY_ALGORITHM: Algorithm = Algorithm::on_curve(CURVE);

/// GM/T 0009: the identifier of whoever has not agreed on another.
const DEFAULT_ID: &str = "1234567812345678";

pub(crate) const SCALAR_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;

/// The group's order less one. A private key is smaller than this (GB/T 32918.1, 6.1): with this one nothing can be signed.
const FIRST_TOO_LARGE: [u8; SCALAR_BYTES] = [
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x72, 0x03, 0xdf,
    0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x22,
];

/// A public key.
pub(crate) struct PublicKey {
    /// The uncompressed point.
    point: Box<[u8]>,
    spki: Box<[u8]>,
    key: sm2::PublicKey,
    verifying: VerifyingKey,
    encrypting: EncryptingKey,
}

impl PublicKey {
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, Error> {
        Self::from_key(parse_spki(spki)?).ok_or(Error::Refused)
    }

    fn from_key(key: sm2::PublicKey) -> Option<Self> {
        let verifying = VerifyingKey::new(DEFAULT_ID, key).ok()?;
        let point: Box<[u8]> = key.to_sec1_point(false).as_bytes().into();
        let spki = encoding::spki(KEY_ALGORITHM, &point);
        Some(Self { point, spki, key, verifying, encrypting: EncryptingKey::new(key) })
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
        let message = signed(algorithm, message)?;
        let signature = Signature::from_der(signature).map_err(|_| Error::Refused)?;
        match message {
            Signed::Raw(message) => self.verifying.verify(message, &signature),
            Signed::Digest(digest) => self.verifying.verify_prehash(digest, &signature),
        }
        .map_err(|_| Error::Refused)
    }

    pub(crate) fn encrypt(
        &self,
        algorithm: EncryptionAlgorithmSpec,
        plaintext: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        check_encryption(algorithm)?;
        if plaintext.is_empty() {
            return Err(Error::DoesNotFit);
        }
        self.encrypting.encrypt_der(&mut Handed(rng), plaintext).map_err(|_| Error::Failed)
    }
}

/// The point of an SPKI. The library refuses what is not on the curve, and the point at infinity.
fn parse_spki(spki: &[u8]) -> Result<sm2::PublicKey, Error> {
    let point = encoding::public_key_bits(KEY_ALGORITHM, spki).ok_or(Error::Refused)?;
    sm2::PublicKey::from_sec1_bytes(point).map_err(|_| Error::Refused)
}

enum Signed<'a> {
    Raw(&'a [u8]),
    Digest(&'a [u8; DIGEST_BYTES]),
}

fn signed<'a>(algorithm: SigningAlgorithmSpec, message: Message<'a>) -> Result<Signed<'a>, Error> {
    if !matches!(algorithm, SigningAlgorithmSpec::Sm2Dsa) {
        return Err(Error::DoesNotFit);
    }
    match message {
        Message::Raw(message) => Ok(Signed::Raw(message)),
        Message::Digest(digest) => Ok(Signed::Digest(digest.try_into().map_err(|_| Error::DoesNotFit)?)),
        Message::ExternalMu(_) => Err(Error::DoesNotFit),
    }
}

fn check_encryption(algorithm: EncryptionAlgorithmSpec) -> Result<(), Error> {
    if matches!(algorithm, EncryptionAlgorithmSpec::Sm2Pke) { Ok(()) } else { Err(Error::DoesNotFit) }
}

/// A private key.
pub(crate) struct PrivateKey {
    /// Wiped when dropped.
    secret: SecretKey,
    /// These two are wiped by our `Drop`, because the library forgot to.
    signing: Box<SigningKey>,
    decrypting: Box<DecryptingKey>,
    public: PublicKey,
}

/// Overwrites dropped keys: the scalar 1, which is nobody's secret.
static BLANK: LazyLock<(SigningKey, DecryptingKey)> = LazyLock::new(|| {
    let mut one = [0; SCALAR_BYTES];
    one[SCALAR_BYTES - 1] = 1;
    let secret = SecretKey::from_slice(&one).expect("one is a scalar");
    let signing = SigningKey::new(DEFAULT_ID, &secret).expect("the identifier is short");
    (signing, DecryptingKey::new(secret))
});

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.blank();
    }
}

impl PrivateKey {
    fn blank(&mut self) {
        *self.signing = BLANK.0.clone();
        *self.decrypting = BLANK.1.clone();
        // As if somebody looked: a compiler must not leave the write out.
        black_box((&self.signing, &self.decrypting));
    }

    pub(crate) fn generate(rng: &dyn Rng) -> Result<Self, Error> {
        // A draw at or above the group's order is drawn again: one in 2^32, so that 16 in a row mean a broken generator.
        for _ in 0..16 {
            let scalar = SecretArray::<SCALAR_BYTES>::init(|scalar| rng.fill(scalar))?;
            if let Some(key) = Self::from_scalar(scalar.expose()) {
                return Ok(key);
            }
        }
        Err(Error::Failed)
    }

    pub(crate) fn from_stored(pkcs8: &[u8]) -> Result<Self, Damaged> {
        Self::from_pkcs8(pkcs8).ok_or(Damaged)
    }

    pub(crate) fn import(pkcs8: &[u8]) -> Result<Self, ImportError> {
        Self::from_pkcs8(pkcs8).ok_or(ImportError::NotOfThisSpec)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let outer = encoding::private_key_parts(KEY_ALGORITHM, pkcs8)?;
        let inner = encoding::ec_private_key_parts(CURVE, outer.private_key)?;
        let key = Self::from_scalar(inner.scalar.try_into().ok()?)?;
        let fits = [outer.public_key, inner.public_key].into_iter().flatten().all(|point| key.has_point(point));
        fits.then_some(key)
    }

    pub(crate) fn from_scalar(scalar: &[u8; SCALAR_BYTES]) -> Option<Self> {
        if constant_time_eq(scalar, &FIRST_TOO_LARGE) {
            return None;
        }
        // Zero and numbers from the group's order on are refused here.
        let secret = SecretKey::from_slice(scalar).ok()?;
        let signing = Box::new(SigningKey::new(DEFAULT_ID, &secret).ok()?);
        let decrypting = Box::new(DecryptingKey::new(secret.clone()));
        let public = PublicKey::from_key(secret.public_key())?;
        Some(Self { secret, signing, decrypting, public })
    }

    fn has_point(&self, point: &[u8]) -> bool {
        point == &*self.public.point || point == self.public.key.to_sec1_point(true).as_bytes()
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let scalar = SecretBytes::from_vec(self.secret.to_bytes().to_vec());
        let inner = encoding::ec_private_key(scalar.expose(), Some(&self.public.point));
        SecretBytes::copy_from(&encoding::pkcs8(KEY_ALGORITHM, &inner))
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        // The nonce is that of RFC 6979 with random bytes added: a bad generator alone does not give the key away.
        let signature: Signature = match signed(algorithm, message)? {
            Signed::Raw(message) => self.signing.try_sign_with_rng(&mut Handed(rng), message),
            Signed::Digest(digest) => self.signing.sign_prehash_with_rng(&mut Handed(rng), digest),
        }
        .map_err(|_| Error::Failed)?;
        Ok(signature.to_der().to_vec())
    }

    pub(crate) fn decrypt(&self, algorithm: EncryptionAlgorithmSpec, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        check_encryption(algorithm)?;
        let cipher: Cipher<'_> = Cipher::from_der(ciphertext).map_err(|_| Error::Refused)?;
        if cipher.c2().is_empty() {
            return Err(Error::Refused);
        }
        SecretBytes::init(cipher.c2().len(), |plaintext| {
            self.decrypting.decrypt_cipher_with_buf(&cipher, plaintext).map(drop).map_err(|_| Error::Refused)
        })
    }

    /// The raw shared secret: the x coordinate of the shared point, 32 bytes.
    pub(crate) fn agree(&self, peer_spki: &[u8]) -> Result<SecretBytes, Error> {
        let peer = parse_spki(peer_spki)?;
        // The group has prime order, and neither factor is zero: the product is no point at infinity.
        let shared = ProjectivePoint::from(*peer.as_affine()) * *self.secret.to_nonzero_scalar();
        Ok(SecretBytes::from_vec(shared.to_affine().x().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use sm3::{Digest, Sm3};

    use super::*;
    use crate::rng::SystemRng;
    use crate::testing::hex;

    const SIGNING: SigningAlgorithmSpec = SigningAlgorithmSpec::Sm2Dsa;
    const ENCRYPTION: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::Sm2Pke;

    /// GB/T 32918.5, annex A: the key, and Z ‖ M hashed.
    const SCALAR: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
    const E: &str = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640";
    /// GB/T 32918.5, annex A: r and s.
    const R: &str = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3";
    const S: &str = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

    fn published() -> PrivateKey {
        PrivateKey::from_scalar(&hex(SCALAR).try_into().expect("32 bytes")).expect("in range")
    }

    #[test]
    fn the_published_signature_verifies_as_message_and_as_digest() {
        let der = hex(&format!("3046 022100{R} 022100{S}"));
        let public = &published().public;
        assert_eq!(public.verify(SIGNING, Message::Raw(b"message digest"), &der), Ok(()));
        assert_eq!(public.verify(SIGNING, Message::Digest(&hex(E)), &der), Ok(()));
        assert_eq!(public.verify(SIGNING, Message::Raw(b"message digesT"), &der), Err(Error::Refused));
        let bare_digest = Sm3::digest(b"message digest");
        assert_eq!(public.verify(SIGNING, Message::Digest(&bare_digest), &der), Err(Error::Refused));
    }

    #[test]
    fn a_message_and_its_digest_with_z_have_the_same_signatures() {
        let key = published();
        let raw = key.sign(SIGNING, Message::Raw(b"message digest"), &SystemRng).expect("signs");
        assert_eq!(key.public.verify(SIGNING, Message::Digest(&hex(E)), &raw), Ok(()));
        let digest = key.sign(SIGNING, Message::Digest(&hex(E)), &SystemRng).expect("signs");
        assert_eq!(key.public.verify(SIGNING, Message::Raw(b"message digest"), &digest), Ok(()));
        assert_ne!(raw, digest, "hedged");
    }

    #[test]
    fn signatures_are_strict_der() {
        let public = &published().public;
        let refused = |der: &str| {
            let got = public.verify(SIGNING, Message::Raw(b"message digest"), &hex(der));
            assert_eq!(got, Err(Error::Refused), "{der}");
        };
        refused(&format!("{R}{S}"));
        refused(&format!("308146 022100{R} 022100{S}"));
        refused(&format!("3047 02220000{R} 022100{S}"));
        refused(&format!("3045 0220{R} 022100{S}"));
        refused(&format!("3046 022100{R} 022100{S} 00"));
        refused(&format!("3026 020100 022100{S}"));
        refused(&format!("3026 022100{R} 020100"));
        refused("3006 020101 020101");
    }

    #[test]
    fn scalars_are_in_range() {
        let order = hex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
        let import = |scalar: &[u8]| {
            PrivateKey::import(&encoding::pkcs8(KEY_ALGORITHM, &encoding::ec_private_key(scalar, None))).map(drop)
        };
        let (mut last, mut too_large) = (order.clone(), order.clone());
        last[31] -= 2;
        too_large[31] -= 1;
        assert_eq!(import(&last), Ok(()));
        let key = PrivateKey::from_scalar(&last.try_into().expect("32 bytes")).expect("in range");
        let signature = key.sign(SIGNING, Message::Raw(b"m"), &SystemRng).expect("signs");
        assert_eq!(key.public.verify(SIGNING, Message::Raw(b"m"), &signature), Ok(()));
        for bad in [&order[..], &too_large, &[0; 32], &[0xff; 32], &[1; 31], &[1; 33], &[]] {
            assert_eq!(import(bad), Err(ImportError::NotOfThisSpec), "{bad:02x?}");
        }
    }

    #[test]
    fn a_public_key_beside_the_private_one_must_fit() {
        let (key, other) = (published(), PrivateKey::generate(&SystemRng).expect("key"));
        let import = |point: Option<&[u8]>| {
            let inner = encoding::ec_private_key(&hex(SCALAR), point);
            PrivateKey::import(&encoding::pkcs8(KEY_ALGORITHM, &inner))
        };
        let compressed = key.public.key.to_sec1_point(true);
        for fitting in [None, Some(&*key.public.point), Some(compressed.as_bytes())] {
            assert_eq!(import(fitting).expect("fits").to_pkcs8(), key.to_pkcs8(), "one stored form");
        }
        assert!(import(Some(&other.public.point)).is_err());
    }

    /// The library refuses C1 off the curve, and a ciphertext of nothing is none.
    #[test]
    fn ciphertexts_are_well_formed() {
        let key = published();
        let good = key.public.encrypt(ENCRYPTION, b"m", &SystemRng).expect("encrypts");
        assert_eq!(key.decrypt(ENCRYPTION, &good).expect("ours").expose(), b"m");
        let zero_point = format!("302a 020100 020100 0420{} 040100", "00".repeat(32));
        let empty = format!("306d 022100{R} 022100{S} 0420{} 0400", "00".repeat(32));
        for bad in [zero_point, empty] {
            assert_eq!(key.decrypt(ENCRYPTION, &hex(&bad)).map(drop), Err(Error::Refused), "{bad}");
        }
    }

    #[test]
    fn dropped_keys_are_overwritten() {
        let mut key = published();
        assert_ne!(*key.signing, BLANK.0);
        key.blank();
        assert_eq!(*key.signing, BLANK.0);
        assert_eq!(*key.decrypting, BLANK.1);
    }
}
