//! The DER around keys: `SubjectPublicKeyInfo` (RFC 5280) and `PrivateKeyInfo` (RFC 5958).
//!
//! Foreign encodings are parsed here and strictly, because AWS-LC takes trailing bytes and spelled-out curve parameters;
//! the library gets the bare numbers or an encoding of ours.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, TagMode, TagNumber};
use pkcs8::PrivateKeyInfoRef;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// `id-ecPublicKey` (RFC 5480).
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// An algorithm as it stands before a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) parameters: Parameters,
}

/// What follows the algorithm's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    Absent,
    Null,
    /// A named curve; spelled-out curves are never accepted.
    Curve(ObjectIdentifier),
}

impl Algorithm {
    pub(crate) const fn bare(oid: &str) -> Self {
        Self { oid: ObjectIdentifier::new_unwrap(oid), parameters: Parameters::Absent }
    }

    pub(crate) const fn on_curve(curve: ObjectIdentifier) -> Self {
        Self { oid: EC_PUBLIC_KEY, parameters: Parameters::Curve(curve) }
    }

    fn is(&self, found: &AlgorithmIdentifierRef<'_>) -> bool {
        let parameters = match (self.parameters, found.parameters) {
            (Parameters::Absent, None) => true,
            (Parameters::Null, Some(any)) => any == AnyRef::NULL,
            (Parameters::Curve(curve), Some(any)) => any.decode_as::<ObjectIdentifier>() == Ok(curve),
            (Parameters::Absent, Some(_)) | (Parameters::Null | Parameters::Curve(_), None) => false,
        };
        found.oid == self.oid && parameters
    }

    fn to_der(self) -> Vec<u8> {
        let oid = tlv(OBJECT_IDENTIFIER, &[self.oid.as_bytes()]);
        match self.parameters {
            Parameters::Absent => tlv(SEQUENCE, &[&oid]),
            Parameters::Null => tlv(SEQUENCE, &[&oid, &[NULL, 0]]),
            Parameters::Curve(curve) => tlv(SEQUENCE, &[&oid, &tlv(OBJECT_IDENTIFIER, &[curve.as_bytes()])]),
        }
    }
}

/// The key bits of a `SubjectPublicKeyInfo` that is of `algorithm` and nothing more.
pub(crate) fn public_key_bits(algorithm: Algorithm, spki: &[u8]) -> Option<&[u8]> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    if !algorithm.is(&info.algorithm) {
        return None;
    }
    info.subject_public_key.as_bytes()
}

/// A `SubjectPublicKeyInfo`.
pub(crate) fn spki(algorithm: Algorithm, key_bits: &[u8]) -> Box<[u8]> {
    tlv(SEQUENCE, &[&algorithm.to_der(), &tlv(BIT_STRING, &[&[0], key_bits])]).into()
}

/// The parts of a `PrivateKeyInfo` that matter.
pub(crate) struct PrivateKeyParts<'a> {
    /// The contents of its `privateKey`.
    pub(crate) private_key: &'a [u8],
    /// The bits of its `publicKey` (version 2).
    pub(crate) public_key: Option<&'a [u8]>,
}

/// The parts of a `PrivateKeyInfo` that is of `algorithm` and nothing more.
pub(crate) fn private_key_parts(algorithm: Algorithm, pkcs8: &[u8]) -> Option<PrivateKeyParts<'_>> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).ok()?;
    if !algorithm.is(&info.algorithm) {
        return None;
    }
    let public_key = match info.public_key {
        Some(bits) => Some(bits.as_bytes()?),
        None => None,
    };
    Some(PrivateKeyParts { private_key: info.private_key.as_bytes(), public_key })
}

/// A `PrivateKeyInfo` of version 1.
pub(crate) fn pkcs8(algorithm: Algorithm, private_key: &[u8]) -> Zeroizing<Vec<u8>> {
    let private_key = secret_tlv(OCTET_STRING, &[private_key]);
    secret_tlv(SEQUENCE, &[&[INTEGER, 1, 0], &algorithm.to_der(), &private_key])
}

/// The parts of an `ECPrivateKey` (RFC 5915).
pub(crate) struct EcPrivateKeyParts<'a> {
    pub(crate) scalar: &'a [u8],
    pub(crate) public_key: Option<&'a [u8]>,
}

/// The parts of an `ECPrivateKey` whose curve, when it says one, is `curve`.
pub(crate) fn ec_private_key_parts(curve: ObjectIdentifier, der: &[u8]) -> Option<EcPrivateKeyParts<'_>> {
    let mut reader = SliceReader::new(der).ok()?;
    let parts = reader.sequence(|inner| {
        let version = u8::decode(inner)?;
        let scalar = <&OctetStringRef>::decode(inner)?.as_bytes();
        let named = inner.context_specific::<ObjectIdentifier>(TagNumber(0), TagMode::Explicit)?;
        let public = inner.context_specific::<BitStringRef<'_>>(TagNumber(1), TagMode::Explicit)?;
        Ok::<_, der::Error>((version, scalar, named, public))
    });
    let (version, scalar, named, public) = parts.ok()?;
    reader.finish().ok()?;
    if version != 1 || named.is_some_and(|named| named != curve) {
        return None;
    }
    let public_key = match public {
        Some(bits) => Some(bits.as_bytes()?),
        None => None,
    };
    Some(EcPrivateKeyParts { scalar, public_key })
}

/// An `ECPrivateKey`, with its public point when one is given.
pub(crate) fn ec_private_key(scalar: &[u8], public_point: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let scalar = secret_tlv(OCTET_STRING, &[scalar]);
    let public = public_point.map(|point| tlv(CONTEXT_1_CONSTRUCTED, &[&tlv(BIT_STRING, &[&[0], point])]));
    secret_tlv(SEQUENCE, &[&[INTEGER, 1, 1], &scalar, public.as_deref().unwrap_or_default()])
}

/// The seed in a private key of ML-DSA (RFC 9881) or ML-KEM (RFC 9935), with the expanded key where it is there too.
///
/// A key without its seed is refused: the seed is what we store, and it cannot be computed back.
pub(crate) fn seed_and_expanded(der: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    match *der.first()? {
        CONTEXT_0 => {
            let mut reader = SliceReader::new(der).ok()?;
            let seed = reader.context_specific::<&OctetStringRef>(TagNumber(0), TagMode::Implicit).ok()??;
            reader.finish().ok()?;
            Some((seed.as_bytes(), None))
        }
        SEQUENCE => {
            let mut reader = SliceReader::new(der).ok()?;
            let parts = reader.sequence(|inner| {
                Ok::<_, der::Error>((<&OctetStringRef>::decode(inner)?, <&OctetStringRef>::decode(inner)?))
            });
            let (seed, expanded) = parts.ok()?;
            reader.finish().ok()?;
            Some((seed.as_bytes(), Some(expanded.as_bytes())))
        }
        _ => None,
    }
}

/// A private key of ML-DSA or ML-KEM in seed form: `[0] IMPLICIT OCTET STRING`.
pub(crate) fn seed(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    secret_tlv(CONTEXT_0, &[seed])
}

/// The form that holds the expanded key too.
#[cfg(test)]
pub(crate) fn seed_with(seed: &[u8], expanded: &[u8]) -> Zeroizing<Vec<u8>> {
    secret_tlv(SEQUENCE, &[&octet_string(seed), &octet_string(expanded)])
}

/// An `RSAPrivateKey` of two factors from its eight numbers after the version, given without leading zeros.
pub(crate) fn rsa_private_key(version: u8, numbers: [&[u8]; 8]) -> Zeroizing<Vec<u8>> {
    let numbers = numbers.map(|number| {
        let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
        secret_tlv(INTEGER, &[sign, number])
    });
    let version: &[u8] = &[INTEGER, 1, version];
    let parts: Vec<&[u8]> = std::iter::once(version).chain(numbers.iter().map(|number| number.as_slice())).collect();
    secret_tlv(SEQUENCE, &parts)
}

/// An `OCTET STRING` and nothing more (the private key of RFC 8410).
pub(crate) fn octet_string_contents(der: &[u8]) -> Option<&[u8]> {
    Some(<&OctetStringRef>::from_der(der).ok()?.as_bytes())
}

/// An `OCTET STRING`.
pub(crate) fn octet_string(contents: &[u8]) -> Zeroizing<Vec<u8>> {
    secret_tlv(OCTET_STRING, &[contents])
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const CONTEXT_0: u8 = 0x80;
const CONTEXT_1_CONSTRUCTED: u8 = 0xa1;

fn secret_tlv(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(tlv(tag, parts))
}

/// Tag, length, and the parts as value. One allocation, so that no unwiped copy stays behind.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(4 + len);
    out.push(tag);
    let [high, low] = u16::try_from(len).expect("no key has 64 KiB").to_be_bytes();
    match len {
        0..=0x7f => out.push(low),
        0x80..=0xff => out.extend_from_slice(&[0x81, low]),
        0x100.. => out.extend_from_slice(&[0x82, high, low]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    const ED25519: Algorithm = Algorithm::bare("1.3.101.112");

    /// RFC 8410, sections 10.1 and 10.3.
    #[test]
    fn published_encodings() {
        let public = hex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        let spki_der = hex("302a300506032b6570032100 19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        assert_eq!(spki(ED25519, &public).to_vec(), spki_der);
        assert_eq!(public_key_bits(ED25519, &spki_der), Some(public.as_slice()));

        let secret = hex("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
        let pkcs8_der =
            hex("302e020100300506032b657004220420 d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
        assert_eq!(pkcs8(ED25519, &octet_string(&secret)).to_vec(), pkcs8_der);
        let with_attributes_and_public_key =
            hex("3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842\
             a01f301d060a2a864886f70d01090914310f0c0d437572646c6520436861697273\
             81210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        for der in [pkcs8_der, with_attributes_and_public_key] {
            let parts = private_key_parts(ED25519, &der).expect("published");
            assert_eq!(octet_string_contents(parts.private_key), Some(secret.as_slice()));
            assert!(parts.public_key.is_none_or(|bits| bits == public));
        }
    }

    #[test]
    fn what_is_not_exactly_the_encoding_is_refused() {
        let good = spki(ED25519, &[7; 32]).to_vec();
        let trailing = [good.as_slice(), &[0]].concat();
        let cut = &good[..good.len() - 1];
        let mut unused_bits = good.clone();
        unused_bits[11] = 1;
        for bad in [trailing.as_slice(), cut, &unused_bits, &[]] {
            assert_eq!(public_key_bits(ED25519, bad), None);
        }
        let null = Algorithm { parameters: Parameters::Null, ..ED25519 };
        assert_eq!(public_key_bits(null, &good), None);
        assert_eq!(public_key_bits(ED25519, &spki(null, &[7; 32])), None);
        assert_eq!(public_key_bits(Algorithm::bare("1.3.101.113"), &good), None);

        let good = pkcs8(ED25519, &octet_string(&[7; 32])).to_vec();
        assert!(private_key_parts(ED25519, &good).is_some());
        assert!(private_key_parts(ED25519, &[good.as_slice(), &[0]].concat()).is_none());
        assert!(private_key_parts(null, &good).is_none());
    }

    #[test]
    fn ec_private_keys_say_their_own_curve_or_none() {
        let (p256, p384) = ("1.2.840.10045.3.1.7", "1.3.132.0.34");
        let (p256, p384) = (ObjectIdentifier::new_unwrap(p256), ObjectIdentifier::new_unwrap(p384));
        let with_curve = hex("3010 020101 04010a a008 0608 2a8648ce3d0301 07");
        let with_curve = [&[0x30, 0x12], &with_curve[2..8], &[0xa0, 0x0a], &with_curve[10..]].concat();
        let parts = ec_private_key_parts(p256, &with_curve).expect("its own curve");
        assert_eq!((parts.scalar, parts.public_key), (&[10_u8][..], None));
        assert!(ec_private_key_parts(p384, &with_curve).is_none());
        let plain = ec_private_key(&[1, 2], Some(&[4, 5]));
        let parts = ec_private_key_parts(p256, &plain).expect("our own");
        assert_eq!((parts.scalar, parts.public_key), (&[1_u8, 2][..], Some(&[4_u8, 5][..])));
        assert!(ec_private_key_parts(p256, &[plain.as_slice(), &[0]].concat()).is_none());
    }

    /// AWS-LC would take curve parameters that are spelled out; whoever can choose a generator can forge (CVE-2020-0601).
    #[test]
    fn curves_have_names() {
        let p256 = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        let spelled_out = tlv(SEQUENCE, &[&[INTEGER, 1, 1]]);
        let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[EC_PUBLIC_KEY.as_bytes()]), &spelled_out]);
        let spki = tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], &[4; 65]])]);
        assert_eq!(public_key_bits(Algorithm::on_curve(p256), &spki), None);
        let pkcs8 = tlv(SEQUENCE, &[&[INTEGER, 1, 0], &algorithm, &octet_string(&[1])]);
        assert!(private_key_parts(Algorithm::on_curve(p256), &pkcs8).is_none());
        let implicit = Algorithm { oid: EC_PUBLIC_KEY, parameters: Parameters::Null };
        assert!(private_key_parts(Algorithm::on_curve(p256), &super::pkcs8(implicit, &[1])).is_none());
    }

    #[test]
    fn seeds() {
        assert_eq!(seed_and_expanded(&seed(&[7; 64])), Some((&[7_u8; 64][..], None)));
        let both = seed_with(&[1], &[2, 3]);
        assert_eq!(seed_and_expanded(&both), Some((&[1_u8][..], Some(&[2_u8, 3][..]))));
        assert_eq!(seed_and_expanded(&octet_string(&[7; 64])), None);
        assert_eq!(seed_and_expanded(&[seed(&[7; 64]).as_slice(), &[0]].concat()), None);
        assert_eq!(seed_and_expanded(&[both.as_slice(), &[0]].concat()), None);
        assert_eq!(seed_and_expanded(&[]), None);
    }
}
