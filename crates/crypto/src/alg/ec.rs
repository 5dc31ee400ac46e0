//! ECDSA (FIPS 186-5) and ECDH (SP 800-56A) on the NIST curves, ECDSA on secp256k1. Signatures are DER.
//!
//! Each curve has exactly one hash.

use std::sync::OnceLock;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin, EcPublicKeyCompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey,
};
use der::asn1::ObjectIdentifier;
use strongroom_core::generated::SigningAlgorithmSpec;
use strongroom_core::secret::SecretBytes;

use super::encoding::{self, Algorithm};
use super::rsa::import_digest;
use super::{Message, get_or_try_init};
use crate::error::{Damaged, Error, ImportError};

/// The curves that the service offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    P256k1,
}

impl Curve {
    const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
            Self::P256k1 => "1.3.132.0.10",
        })
    }

    const fn key_algorithm(self) -> Algorithm {
        Algorithm::on_curve(self.oid())
    }

    /// Bytes of a scalar or a coordinate.
    pub(crate) const fn scalar_bytes(self) -> usize {
        match self {
            Self::P256 | Self::P256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
            Self::P256k1 => &ECDSA_P256K1_SHA256_ASN1_SIGNING,
        }
    }

    const fn verifying(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
            Self::P256k1 => &ECDSA_P256K1_SHA256_ASN1,
        }
    }

    const fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::P256 | Self::P256k1 => &digest::SHA256,
            Self::P384 => &digest::SHA384,
            Self::P521 => &digest::SHA512,
        }
    }

    /// secp256k1 has no KEY_AGREEMENT in the API.
    const fn agreement(self) -> Option<&'static agreement::Algorithm> {
        match self {
            Self::P256 => Some(&ECDH_P256),
            Self::P384 => Some(&ECDH_P384),
            Self::P521 => Some(&ECDH_P521),
            Self::P256k1 => None,
        }
    }

    const fn fits(self, algorithm: SigningAlgorithmSpec) -> bool {
        match self {
            Self::P256 | Self::P256k1 => matches!(algorithm, SigningAlgorithmSpec::EcdsaSha256),
            Self::P384 => matches!(algorithm, SigningAlgorithmSpec::EcdsaSha384),
            Self::P521 => matches!(algorithm, SigningAlgorithmSpec::EcdsaSha512),
        }
    }
}

/// A public key.
pub(crate) struct PublicKey {
    curve: Curve,
    spki: Box<[u8]>,
    verifying: ParsedPublicKey,
}

impl PublicKey {
    pub(crate) fn from_spki(curve: Curve, spki: &[u8]) -> Result<Self, Error> {
        let point = encoding::public_key_bits(curve.key_algorithm(), spki).ok_or(Error::Refused)?;
        if !is_point_encoding(curve, point) {
            return Err(Error::Refused);
        }
        Self::from_point(curve, point)
    }

    fn from_point(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        // The library checks that the point is on the curve.
        let verifying = ParsedPublicKey::new(curve.verifying(), point).map_err(|_| Error::Refused)?;
        Ok(Self { curve, spki: encoding::spki(curve.key_algorithm(), point), verifying })
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
        if !self.curve.fits(algorithm) {
            return Err(Error::DoesNotFit);
        }
        match message {
            Message::Raw(message) => self.verifying.verify_sig(message, signature),
            Message::Digest(bytes) => {
                self.verifying.verify_digest_sig(&import_digest(bytes, self.curve.digest())?, signature)
            }
            Message::ExternalMu(_) => return Err(Error::DoesNotFit),
        }
        .map_err(|_| Error::Refused)
    }
}

/// Whether `bits` are a point in uncompressed or compressed form (SEC 1, 2.3.3): not the point at infinity, and not the
/// hybrid form, which RFC 5480 forbids.
fn is_point_encoding(curve: Curve, bits: &[u8]) -> bool {
    match bits.first() {
        Some(4) => bits.len() == 1 + 2 * curve.scalar_bytes(),
        Some(2 | 3) => bits.len() == 1 + curve.scalar_bytes(),
        Some(_) | None => false,
    }
}

/// A private key.
pub(crate) struct PrivateKey {
    curve: Curve,
    pair: EcdsaKeyPair,
    public: PublicKey,
    /// The library has other handles for agreement; made when first needed.
    agreeing: OnceLock<agreement::PrivateKey>,
}

impl PrivateKey {
    pub(crate) fn generate(curve: Curve) -> Result<Self, Error> {
        Self::from_pair(curve, EcdsaKeyPair::generate(curve.signing()).map_err(|_| Error::Failed)?)
    }

    pub(crate) fn from_stored(curve: Curve, pkcs8: &[u8]) -> Result<Self, Damaged> {
        let pair = EcdsaKeyPair::from_pkcs8(curve.signing(), pkcs8).map_err(|_| Damaged)?;
        Self::from_pair(curve, pair).map_err(|_| Damaged)
    }

    pub(crate) fn import(curve: Curve, pkcs8: &[u8]) -> Result<Self, ImportError> {
        let refused = ImportError::NotOfThisSpec;
        let outer = encoding::private_key_parts(curve.key_algorithm(), pkcs8).ok_or(refused)?;
        let inner = encoding::ec_private_key_parts(curve.oid(), outer.private_key).ok_or(refused)?;
        if inner.scalar.len() != curve.scalar_bytes() {
            return Err(refused);
        }
        // The library computes the public key; zero and numbers from the group's order on are refused there.
        let ours = encoding::pkcs8(curve.key_algorithm(), &encoding::ec_private_key(inner.scalar, None));
        let key = Self::from_stored(curve, &ours).map_err(|_| refused)?;
        let fits = [outer.public_key, inner.public_key].into_iter().flatten().all(|point| key.has_point(point));
        if fits { Ok(key) } else { Err(refused) }
    }

    /// Takes a bare scalar.
    pub(crate) fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<Self, ImportError> {
        Self::import(curve, &encoding::pkcs8(curve.key_algorithm(), &encoding::ec_private_key(scalar, None)))
    }

    fn from_pair(curve: Curve, pair: EcdsaKeyPair) -> Result<Self, Error> {
        let public = PublicKey::from_point(curve, pair.public_key().as_ref())?;
        Ok(Self { curve, pair, public, agreeing: OnceLock::new() })
    }

    fn has_point(&self, point: &[u8]) -> bool {
        let compressed = || {
            let compressed: Result<EcPublicKeyCompressedBin<'_>, _> = self.pair.public_key().as_be_bytes();
            compressed.is_ok_and(|compressed| compressed.as_ref() == point)
        };
        self.pair.public_key().as_ref() == point || compressed()
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// With the public key in it, always: the library would leave it out of a key that came without.
    pub(crate) fn to_pkcs8(&self) -> Result<SecretBytes, Error> {
        let inner = encoding::ec_private_key(self.scalar()?.as_ref(), Some(self.pair.public_key().as_ref()));
        Ok(SecretBytes::copy_from(&encoding::pkcs8(self.curve.key_algorithm(), &inner)))
    }

    fn scalar(&self) -> Result<EcPrivateKeyBin<'static>, Error> {
        self.pair.private_key().as_be_bytes().map_err(|_| Error::Failed)
    }

    pub(crate) fn sign(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>) -> Result<Vec<u8>, Error> {
        if !self.curve.fits(algorithm) {
            return Err(Error::DoesNotFit);
        }
        let signature = match message {
            Message::Raw(message) => self.pair.sign(&SystemRandom::new(), message),
            Message::Digest(bytes) => self.pair.sign_digest(&import_digest(bytes, self.curve.digest())?),
            Message::ExternalMu(_) => return Err(Error::DoesNotFit),
        };
        Ok(signature.map_err(|_| Error::Failed)?.as_ref().to_vec())
    }

    /// The raw shared secret: the x coordinate at its full length.
    pub(crate) fn agree(&self, peer_spki: &[u8]) -> Result<SecretBytes, Error> {
        let algorithm = self.curve.agreement().ok_or(Error::DoesNotFit)?;
        let point = encoding::public_key_bits(self.curve.key_algorithm(), peer_spki).ok_or(Error::Refused)?;
        if !is_point_encoding(self.curve, point) {
            return Err(Error::Refused);
        }
        let key = get_or_try_init(&self.agreeing, || {
            agreement::PrivateKey::from_private_key(algorithm, self.scalar()?.as_ref()).map_err(|_| Error::Failed)
        })?;
        let peer = agreement::UnparsedPublicKey::new(algorithm, point);
        agreement::agree(key, peer, Error::Refused, |secret| Ok(SecretBytes::copy_from(secret)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    const CURVES: [Curve; 4] = [Curve::P256, Curve::P384, Curve::P521, Curve::P256k1];

    /// SEC 2: the order of each group.
    fn order(curve: Curve) -> Vec<u8> {
        hex(match curve {
            Curve::P256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            Curve::P384 => {
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            }
            Curve::P521 => {
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa\
                 51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
            }
            Curve::P256k1 => "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        })
    }

    fn import(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<PrivateKey, ImportError> {
        let inner = encoding::ec_private_key(scalar, point);
        PrivateKey::import(curve, &encoding::pkcs8(curve.key_algorithm(), &inner))
    }

    #[test]
    fn scalars_are_in_range() {
        for curve in CURVES {
            let order = order(curve);
            let bytes = curve.scalar_bytes();
            let mut last = order.clone();
            *last.last_mut().expect("not empty") -= 1;
            let mut one = vec![0; bytes];
            one[bytes - 1] = 1;
            for good in [&one, &last] {
                let key = import(curve, good, None).expect("in range");
                assert_eq!(key.scalar().expect("encodes").as_ref(), good);
            }
            let mut above = order.clone();
            *above.last_mut().expect("not empty") += 1;
            let short = &one[1..];
            let long = [&[0], one.as_slice()].concat();
            for bad in [&vec![0; bytes], &order, &above, &vec![0xff; bytes], short, &long, &[]] {
                assert!(import(curve, bad, None).is_err(), "{curve:?} {bad:02x?}");
            }
        }
    }

    #[test]
    fn a_public_key_beside_the_private_one_must_fit() {
        for curve in CURVES {
            let (key, other) = (PrivateKey::generate(curve).expect("key"), PrivateKey::generate(curve).expect("key"));
            let scalar = key.scalar().expect("encodes");
            let point = key.pair.public_key().as_ref();
            let compressed: EcPublicKeyCompressedBin<'_> = key.pair.public_key().as_be_bytes().expect("encodes");
            for fitting in [None, Some(point), Some(compressed.as_ref())] {
                let imported = import(curve, scalar.as_ref(), fitting).expect("fits");
                assert_eq!(imported.to_pkcs8(), key.to_pkcs8(), "one stored form");
            }
            let foreign = other.pair.public_key().as_ref();
            assert!(import(curve, scalar.as_ref(), Some(foreign)).is_err());
            assert!(import(curve, scalar.as_ref(), Some(&[])).is_err());
        }
    }

    /// Our encoding is the one that the library writes.
    #[test]
    fn the_stored_form_is_the_usual_one() {
        for curve in CURVES {
            let key = PrivateKey::generate(curve).expect("key");
            assert_eq!(key.to_pkcs8().expect("encodes").expose(), key.pair.to_pkcs8v1().expect("encodes").as_ref());
        }
    }

    #[test]
    fn compressed_peers_are_the_same_peers() {
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            let (key, peer) = (PrivateKey::generate(curve).expect("key"), PrivateKey::generate(curve).expect("key"));
            let compressed: EcPublicKeyCompressedBin<'_> = peer.pair.public_key().as_be_bytes().expect("encodes");
            let compressed = encoding::spki(curve.key_algorithm(), compressed.as_ref());
            assert_eq!(key.agree(&compressed), key.agree(peer.public.spki()));
            assert!(key.agree(&compressed).is_ok());
        }
    }
}
