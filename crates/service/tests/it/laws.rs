//! Laws for random inputs, over every spec, through the wire: what goes in comes out, and one flipped bit is refused.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyUsage, OpName};
use strongroom_core::spec::facts;

use crate::fixtures::{blob, bytes};
use crate::kms::TestKms;

/// Random cases for one key: enough to find what is wrong for many inputs, few enough for RSA in a debug build.
const CASES: u32 = 12;

fn for_random<S: Strategy>(strategy: S, law: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&strategy, law).unwrap_or_else(|failure| panic!("{failure}"));
}

fn message(max: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..=max)
}

fn flipped(good: &[u8], bit: prop::sample::Index) -> Vec<u8> {
    let bit = bit.index(good.len() * 8);
    let mut bad = good.to_vec();
    bad[bit / 8] ^= 1 << (bit % 8);
    bad
}

#[test]
fn what_is_encrypted_is_decrypted() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL.iter().filter(|spec| facts(**spec).usages.contains(&KeyUsage::EncryptDecrypt)) {
        let key = kms.create_key(*spec, KeyUsage::EncryptDecrypt);
        for algorithm in facts(*spec).encryption {
            let name = algorithm.as_str();
            for_random((message(190), any::<prop::sample::Index>()), |(plaintext, bit)| {
                let request = json!({"Plaintext": blob(&plaintext), "EncryptionAlgorithm": name});
                let made = kms.with_key(&key, OpName::Encrypt, &request).unwrap();
                let ciphertext = bytes(&made["CiphertextBlob"]);
                let open = |ciphertext: &[u8]| {
                    let request = json!({"CiphertextBlob": blob(ciphertext), "EncryptionAlgorithm": name});
                    kms.with_key(&key, OpName::Decrypt, &request)
                };
                prop_assert_eq!(&open(&ciphertext).unwrap()["Plaintext"], &blob(&plaintext));
                let refused = Err(("InvalidCiphertextException".to_owned(), None));
                prop_assert_eq!(open(&flipped(&ciphertext, bit)), refused);
                Ok(())
            });
        }
    }
}

#[test]
fn what_is_signed_verifies() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL.iter().filter(|spec| facts(**spec).usages.contains(&KeyUsage::SignVerify)) {
        let key = kms.create_key(*spec, KeyUsage::SignVerify);
        for algorithm in facts(*spec).signing {
            let name = algorithm.as_str();
            let raw = name != "ED25519_PH_SHA_512";
            let message_type = if raw { "RAW" } else { "DIGEST" };
            for_random((message(300), any::<prop::sample::Index>()), |(message, bit)| {
                let message = if raw { message } else { vec![message[0]; 64] };
                let mut request = json!({
                    "Message": blob(&message), "SigningAlgorithm": name, "MessageType": message_type
                });
                let made = kms.with_key(&key, OpName::Sign, &request).unwrap();
                request["Signature"] = made["Signature"].clone();
                prop_assert!(kms.with_key(&key, OpName::Verify, &request).is_ok());
                let refused = Err(("KMSInvalidSignatureException".to_owned(), None));
                request["Signature"] = blob(&flipped(&bytes(&made["Signature"]), bit));
                prop_assert_eq!(&kms.with_key(&key, OpName::Verify, &request), &refused);
                request["Signature"] = made["Signature"].clone();
                request["Message"] = blob(&flipped(&message, bit));
                prop_assert_eq!(&kms.with_key(&key, OpName::Verify, &request), &refused);
                Ok(())
            });
        }
    }
}

#[test]
fn what_is_encapsulated_is_decapsulated() {
    let kms = TestKms::new();
    for spec in [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024] {
        let key = kms.create_key(spec, KeyUsage::EncapsulateDecapsulate);
        for_random(any::<prop::sample::Index>(), |bit| {
            let made = kms.with_key(&key, OpName::Encapsulate, &json!({"EncapsulationAlgorithm": "ML_KEM"})).unwrap();
            let ciphertext = bytes(&made["SharedSecretCiphertextBlob"]);
            let open = |ciphertext: &[u8]| {
                let request =
                    json!({"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob(ciphertext)});
                kms.with_key(&key, OpName::Decapsulate, &request).unwrap()["SharedSecret"].clone()
            };
            prop_assert_eq!(&open(&ciphertext), &made["SharedSecret"]);
            // Implicit rejection: a changed ciphertext gives some other secret.
            prop_assert_ne!(&open(&flipped(&ciphertext, bit)), &made["SharedSecret"]);
            Ok(())
        });
    }
}
