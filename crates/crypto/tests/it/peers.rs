//! Public keys that are none: refused whoever brings them, and never with a panic.

use proptest::prelude::*;
use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_crypto::material::{Error, Material, Message, SymmetricSuite};
use strongroom_crypto::public::PublicKey;
use strongroom_crypto::rng::SystemRng;

use crate::der::{self, tlv};
use crate::{hex, import, laws};

const ON_CURVES: [KeySpec; 5] =
    [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1, KeySpec::Sm2];

fn generate(spec: KeySpec) -> Material {
    Material::generate(spec, SymmetricSuite::Aes, &SystemRng).expect("entropy")
}

/// That neither parsing nor agreement takes `spki`.
#[track_caller]
fn is_refused(key: &Material, spki: &[u8], what: &str) {
    let spec = key.spec();
    assert_eq!(PublicKey::from_spki(spec, spki).err(), Some(Error::Refused), "{spec}: {what}");
    if spec != KeySpec::EccSecgP256k1 {
        assert_eq!(key.agree(spki).err(), Some(Error::Refused), "{spec}: {what}");
    }
}

#[test]
fn points_that_are_none() {
    for spec in ON_CURVES {
        let key = generate(spec);
        let spki = key.public_key_spki().unwrap();
        let point_len = 1 + 2 * der::curve(spec).1;
        let point = spki[spki.len() - point_len..].to_vec();
        assert_eq!(der::ec_spki(spec, &point), spki, "{spec}: the point was found");
        let (x, y) = point[1..].split_at(point_len / 2);
        let with = |form: u8, x: &[u8], y: &[u8]| [&[form], x, y].concat();
        let mut off_curve = point.clone();
        *off_curve.last_mut().expect("a point") ^= 1;
        let parity = y.last().expect("a coordinate") & 1;
        for (what, bad) in [
            ("nothing", vec![]),
            ("the point at infinity", vec![0]),
            ("a form and no coordinates", vec![4]),
            ("a point off the curve", off_curve),
            ("the coordinates swapped", with(4, y, x)),
            ("the origin", with(4, &vec![0; x.len()], &vec![0; x.len()])),
            ("coordinates above the prime", with(4, &vec![0xff; x.len()], &vec![0xff; x.len()])),
            ("the hybrid form", with(6 + parity, x, y)),
            ("an unknown form", with(5, x, y)),
            ("no form", point[1..].to_vec()),
            ("a byte less", point[..point_len - 1].to_vec()),
            ("a byte more", [point.as_slice(), &[0]].concat()),
            ("the compressed form with two coordinates", with(2 + parity, x, y)),
            ("a compressed x above the prime", [&[2], vec![0xff; x.len()].as_slice()].concat()),
        ] {
            is_refused(&key, &der::ec_spki(spec, &bad), what);
        }
    }
}

#[test]
fn algorithms_that_are_others() {
    for spec in ON_CURVES {
        let key = generate(spec);
        let spki = key.public_key_spki().unwrap();
        // SEQUENCE { SEQUENCE { id-ecPublicKey, curve }, BIT STRING }
        let bits = spki.len() - der::bit_string_len(&spki);
        let bit_string = &spki[bits..];
        let curve = der::curve(spec).0;
        let algorithm = |oid: &str, parameters: &[u8]| tlv(0x30, &[&tlv(0x30, &[&hex(oid), parameters]), bit_string]);
        assert_eq!(algorithm(der::EC_PUBLIC_KEY, &curve), spki, "{spec}: the parts were found");
        for (what, bad) in [
            ("no curve", algorithm(der::EC_PUBLIC_KEY, &[])),
            ("NULL for a curve", algorithm(der::EC_PUBLIC_KEY, &[5, 0])),
            ("the curve twice", algorithm(der::EC_PUBLIC_KEY, &curve.repeat(2))),
            ("a curve in brackets", algorithm(der::EC_PUBLIC_KEY, &tlv(0x30, &[&curve]))),
            ("id-ecDH", algorithm("06052b8104010c", &curve)),
            ("rsaEncryption", algorithm("06092a864886f70d010101", &curve)),
            ("an indefinite length", [&[0x30, 0x80], &spki[if spki[1] > 0x80 { 3 } else { 2 }..], &[0, 0]].concat()),
            ("a byte after the end", [spki.as_slice(), &[0]].concat()),
            ("a private key", key.private_key_pkcs8().unwrap().expose().to_vec()),
        ] {
            is_refused(&key, &bad, what);
        }
        for other in ON_CURVES.into_iter().filter(|other| *other != spec) {
            is_refused(&key, &algorithm(der::EC_PUBLIC_KEY, &der::curve(other).0), "another curve's name");
        }
    }
}

/// ECDSA and SM2 signatures have one encoding: what a lenient parser would take is refused.
#[test]
fn signatures_in_other_encodings() {
    for spec in ON_CURVES {
        let key = generate(spec);
        let algorithm = strongroom_core::spec::facts(spec).signing[0];
        let message = Message::Raw(b"message");
        let signature = key.sign(algorithm, message, &SystemRng).expect("signs");
        assert_eq!(key.verify(algorithm, message, &signature), Ok(()));
        let (r, s) = der::two_integers(&signature);
        let of = |parts: &[&[u8]]| tlv(0x30, parts);
        let zero_before = |integer: &[u8]| tlv(0x02, &[&[0], &integer[2..]]);
        for (what, bad) in [
            ("nothing", vec![]),
            ("an empty sequence", of(&[])),
            ("one number", of(&[r])),
            ("three numbers", of(&[r, s, s])),
            ("the numbers swapped", of(&[s, r])),
            ("a zero before r", of(&[&zero_before(r), s])),
            ("a zero before s", of(&[r, &zero_before(s)])),
            ("r is zero", of(&[&[2, 1, 0], s])),
            ("s is zero", of(&[r, &[2, 1, 0]])),
            ("r is negative", of(&[&[2, 1, 0xff], s])),
            ("r is empty", of(&[&[2, 0], s])),
            ("a set in place of the sequence", [&[0x31], &signature[1..]].concat()),
            ("a long form of a short length", long_form(&signature)),
            ("a byte after the end", [signature.as_slice(), &[0]].concat()),
            ("a byte inside after s", of(&[r, s, &[0]])),
            ("the bare numbers", [&r[2..], &s[2..]].concat()),
        ] {
            assert_eq!(key.verify(algorithm, message, &bad), Err(Error::Refused), "{spec}: {what}");
        }
    }

    /// The outer length with one byte more than it needs.
    fn long_form(signature: &[u8]) -> Vec<u8> {
        match signature[1] {
            0x81 => [&[0x30, 0x82, 0], &signature[2..]].concat(),
            short => [&[0x30, 0x81, short], &signature[2..]].concat(),
        }
    }
}

proptest! {
    #![proptest_config(laws::config(32))]

    /// Bytes that are no key, no ciphertext and no signature give an error.
    #[test]
    fn noise(noise in prop::collection::vec(any::<u8>(), 0..3000)) {
        for &spec in KeySpec::ALL {
            prop_assert!(PublicKey::from_spki(spec, &noise).is_err(), "{}", spec);
            let key = laws::key(spec, 0);
            let is_pair = key.public_key_spki().is_ok();
            prop_assert!(!is_pair || import(spec, &noise).is_err(), "{}", spec);
            for &algorithm in strongroom_core::generated::EncryptionAlgorithmSpec::ALL {
                prop_assert!(key.decrypt(algorithm, &noise).is_err(), "{}", spec);
            }
            for &algorithm in SigningAlgorithmSpec::ALL {
                prop_assert!(key.verify(algorithm, Message::Raw(b"message"), &noise).is_err(), "{}", spec);
            }
            prop_assert!(key.agree(&noise).is_err(), "{}", spec);
        }
    }

    /// A public key with bytes changed, lost or added is refused or is another one.
    #[test]
    fn damage(at: prop::sample::Index, value: u8, cut: prop::sample::Index, extra in prop::collection::vec(any::<u8>(), 1..9)) {
        for &spec in KeySpec::ALL {
            let Ok(spki) = laws::key(spec, 0).public_key_spki() else { continue };
            let mut touched = spki.clone();
            touched[at.index(spki.len())] = value;
            if let Ok(parsed) = PublicKey::from_spki(spec, &touched) {
                prop_assert_eq!(parsed.spki(), &touched, "{}: another encoding of the same", spec);
            }
            prop_assert!(PublicKey::from_spki(spec, &spki[..cut.index(spki.len())]).is_err(), "{}", spec);
            prop_assert!(PublicKey::from_spki(spec, &[spki.as_slice(), &extra].concat()).is_err(), "{}", spec);
        }
    }
}
