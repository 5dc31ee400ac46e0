//! Every spec, usage, operation, algorithm and message type, from the lists: each combination succeeds or has its own error.

use serde_json::{Value, json};
use strongroom_core::generated::{
    EncryptionAlgorithmSpec, KeySpec, KeyUsage, MacAlgorithmSpec, MessageType, OpName, SigningAlgorithmSpec,
};
use strongroom_core::spec::{self, KeyClass, digest_bytes, facts};

use crate::fixtures::{blob, smallest};
use crate::kms::{OWNER, TestKey, TestKms, expect_code};

/// One key of every spec and usage that exist.
fn every_key(kms: &TestKms) -> Vec<TestKey> {
    let pairs = KeySpec::ALL.iter().flat_map(|spec| facts(*spec).usages.iter().map(|usage| (*spec, *usage)));
    pairs.map(|(spec, usage)| kms.create_key(spec, usage)).collect()
}

#[test]
fn specs_and_usages_that_do_not_fit_are_refused() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL {
        let region = if *spec == KeySpec::Sm2 { "cn-north-1" } else { "us-east-1" };
        for usage in KeyUsage::ALL {
            let body = json!({"KeySpec": spec.as_str(), "KeyUsage": usage.as_str()});
            let answer = kms.call_as(OWNER, region, OpName::CreateKey, &body);
            if facts(*spec).usages.contains(usage) {
                let metadata = &answer.unwrap()["KeyMetadata"];
                assert_eq!(metadata["KeySpec"], spec.as_str());
                assert_eq!(
                    metadata.get("CustomerMasterKeySpec").is_some(),
                    facts(*spec).customer_master_key_spec.is_some()
                );
            } else {
                let text = format!("KeyUsage {usage} is not compatible with KeySpec {spec}.");
                assert_eq!(answer, Err(("ValidationException".into(), Some(text))));
            }
        }
        let answer = kms.call_as(OWNER, region, OpName::CreateKey, &json!({"KeySpec": spec.as_str()}));
        if *spec == KeySpec::SymmetricDefault {
            assert!(answer.is_ok());
        } else {
            let text = "You must specify a KeyUsage value for an asymmetric CMK.".to_owned();
            assert_eq!(answer, Err(("ValidationException".into(), Some(text))), "{spec}");
        }
    }
}

#[test]
fn specs_are_offered_where_aws_offers_them() {
    let kms = TestKms::new();
    for spec in KeySpec::ALL {
        for region in ["us-east-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1"] {
            let body = json!({"KeySpec": spec.as_str(), "KeyUsage": facts(*spec).usages[0].as_str()});
            let answer = kms.call_as(OWNER, region, OpName::CreateKey, &body);
            let offered = facts(*spec).offered.is_in(region.parse().unwrap());
            expect_code(&answer, (!offered).then_some("UnsupportedOperationException"), &format!("{spec} in {region}"));
        }
    }
}

/// The error that comes first: usage, then algorithm.
fn usage_or_algorithm(key: &TestKey, usage: KeyUsage, fits: bool) -> Option<&'static str> {
    (key.usage != usage || !fits).then_some("InvalidKeyUsageException")
}

#[test]
fn every_key_against_every_signing_algorithm_and_message_type() {
    let kms = TestKms::new();
    let mut combinations = 0;
    for key in every_key(&kms) {
        for algorithm in SigningAlgorithmSpec::ALL {
            for message_type in MessageType::ALL {
                let fits = facts(key.spec).signing.contains(algorithm);
                let message = match message_type {
                    MessageType::Raw => vec![7; 100],
                    MessageType::Digest => vec![7; digest_bytes(*algorithm).unwrap_or(32)],
                    MessageType::ExternalMu => vec![7; 64],
                };
                let request = json!({
                    "SigningAlgorithm": algorithm.as_str(),
                    "MessageType": message_type.as_str(),
                    "Message": blob(&message),
                });
                let code = usage_or_algorithm(&key, KeyUsage::SignVerify, fits)
                    .or((!takes(*algorithm, *message_type)).then_some("ValidationException"));
                let what = format!("{} {} {algorithm} {message_type}", key.spec, key.usage);
                let signed = kms.with_key(&key, OpName::Sign, &request);
                expect_code(&signed, code, &what);
                let mut request = request;
                request["Signature"] = signed.as_ref().map_or_else(|_| blob(b"x"), |made| made["Signature"].clone());
                expect_code(&kms.with_key(&key, OpName::Verify, &request), code, &what);
                if signed.is_ok() {
                    request["Message"] = blob(&vec![8; message.len()]);
                    let refused = Err(("KMSInvalidSignatureException".into(), None));
                    assert_eq!(kms.with_key(&key, OpName::Verify, &request), refused, "{what}");
                    request["Message"] = blob(&vec![7; message.len() + 1]);
                    let code = if *message_type == MessageType::Raw {
                        "KMSInvalidSignatureException"
                    } else {
                        "ValidationException"
                    };
                    expect_code(&kms.with_key(&key, OpName::Verify, &request), Some(code), &what);
                }
                combinations += 1;
            }
        }
        let foreign = json!({"SigningAlgorithm": "SYMMETRIC_DEFAULT", "Message": blob(b"x")});
        expect_code(&kms.with_key(&key, OpName::Sign, &foreign), Some("InvalidKeyUsageException"), "SYMMETRIC_DEFAULT");
    }
    assert_eq!(combinations, every_key(&kms).len() * SigningAlgorithmSpec::ALL.len() * MessageType::ALL.len());
}

/// Behaviours 3.3.
fn takes(algorithm: SigningAlgorithmSpec, message_type: MessageType) -> bool {
    use SigningAlgorithmSpec as S;
    match message_type {
        MessageType::Raw => algorithm != S::Ed25519PhSha512,
        MessageType::Digest => !matches!(algorithm, S::Ed25519Sha512 | S::MlDsaShake256),
        MessageType::ExternalMu => algorithm == S::MlDsaShake256,
    }
}

#[test]
fn every_key_against_every_mac_algorithm() {
    let kms = TestKms::new();
    for key in every_key(&kms) {
        for algorithm in MacAlgorithmSpec::ALL {
            let fits = facts(key.spec).mac.contains(algorithm);
            let code = usage_or_algorithm(&key, KeyUsage::GenerateVerifyMac, fits);
            let mut request = json!({"MacAlgorithm": algorithm.as_str(), "Message": blob(b"message")});
            let what = format!("{} {algorithm}", key.spec);
            let made = kms.with_key(&key, OpName::GenerateMac, &request);
            expect_code(&made, code, &what);
            request["Mac"] = made.as_ref().map_or_else(|_| blob(b"x"), |made| made["Mac"].clone());
            expect_code(&kms.with_key(&key, OpName::VerifyMac, &request), code, &what);
            if made.is_ok() {
                request["Message"] = blob(b"another");
                let refused = Err(("KMSInvalidMacException".into(), None));
                assert_eq!(kms.with_key(&key, OpName::VerifyMac, &request), refused, "{what}");
            }
        }
    }
}

#[test]
fn every_key_against_every_encryption_algorithm() {
    let kms = TestKms::new();
    let keys = every_key(&kms);
    for key in &keys {
        for algorithm in EncryptionAlgorithmSpec::ALL {
            let fits = facts(key.spec).encryption.contains(algorithm);
            let code = usage_or_algorithm(key, KeyUsage::EncryptDecrypt, fits);
            let what = format!("{} {} {algorithm}", key.spec, key.usage);
            let encrypt = |bytes: usize| {
                let plaintext = blob(&vec![7; bytes]);
                let request = json!({"EncryptionAlgorithm": algorithm.as_str(), "Plaintext": plaintext});
                kms.with_key(key, OpName::Encrypt, &request)
            };
            let made = encrypt(16);
            expect_code(&made, code, &what);
            let Some(max) = spec::max_plaintext_bytes(key.spec, *algorithm).filter(|_| made.is_ok()) else {
                let request = json!({"EncryptionAlgorithm": algorithm.as_str(), "CiphertextBlob": blob(&[7; 256])});
                // A symmetric ciphertext is read before the key is asked.
                let code = match algorithm {
                    EncryptionAlgorithmSpec::SymmetricDefault => Some("InvalidCiphertextException"),
                    EncryptionAlgorithmSpec::RsaesOaepSha1
                    | EncryptionAlgorithmSpec::RsaesOaepSha256
                    | EncryptionAlgorithmSpec::Sm2Pke => code,
                };
                expect_code(&kms.with_key(key, OpName::Decrypt, &request), code, &what);
                continue;
            };
            let request = json!({
                "EncryptionAlgorithm": algorithm.as_str(), "CiphertextBlob": made.unwrap()["CiphertextBlob"]
            });
            let opened = kms.with_key(key, OpName::Decrypt, &request).unwrap();
            assert_eq!(opened["Plaintext"], blob(&[7; 16]), "{what}");
            assert!(encrypt(max).is_ok(), "{what}: {max} bytes");
            expect_code(&encrypt(max + 1), Some("ValidationException"), &format!("{what}: {} bytes", max + 1));
        }
    }
    re_encrypt_everywhere(&kms, &keys);
}

/// From every key that encrypts to every other of its Region.
fn re_encrypt_everywhere(kms: &TestKms, keys: &[TestKey]) {
    let able = || keys.iter().filter(|key| key.usage == KeyUsage::EncryptDecrypt);
    let algorithm = |key: &TestKey| facts(key.spec).encryption[0].as_str();
    for from in able() {
        let request = json!({"EncryptionAlgorithm": algorithm(from), "Plaintext": blob(b"moved")});
        let made = kms.with_key(from, OpName::Encrypt, &request).unwrap();
        for to in able().filter(|to| to.region == from.region) {
            let request = json!({
                "CiphertextBlob": made["CiphertextBlob"],
                "SourceKeyId": from.id, "SourceEncryptionAlgorithm": algorithm(from),
                "DestinationKeyId": to.id, "DestinationEncryptionAlgorithm": algorithm(to),
            });
            let moved = kms.call_as(OWNER, from.region, OpName::ReEncrypt, &request).unwrap();
            assert_eq!((&moved["SourceKeyId"], &moved["KeyId"]), (&json!(from.arn), &json!(to.arn)));
            let symmetric = |key: &TestKey| facts(key.spec).class == KeyClass::Symmetric;
            assert_eq!(moved.get("SourceKeyMaterialId").is_some(), symmetric(from));
            assert_eq!(moved.get("DestinationKeyMaterialId").is_some(), symmetric(to));
            let request = json!({"EncryptionAlgorithm": algorithm(to), "CiphertextBlob": moved["CiphertextBlob"]});
            assert_eq!(kms.with_key(to, OpName::Decrypt, &request).unwrap()["Plaintext"], blob(b"moved"));
        }
    }
}

#[test]
fn every_key_against_agreement_encapsulation_and_data_keys() {
    let kms = TestKms::new();
    let keys = every_key(&kms);
    for key in &keys {
        let what = format!("{} {}", key.spec, key.usage);
        let usage = |usage: KeyUsage| (key.usage != usage).then_some("InvalidKeyUsageException");
        let call = |op: OpName, request: &Value| kms.with_key(key, op, request);

        let public = call(OpName::GetPublicKey, &json!({}));
        let asymmetric = facts(key.spec).class == KeyClass::Asymmetric;
        if asymmetric {
            let lists =
                ["EncryptionAlgorithms", "SigningAlgorithms", "KeyAgreementAlgorithms", "EncapsulationAlgorithms"];
            let public = public.as_ref().unwrap();
            assert_eq!(lists.iter().filter(|list| public.get(**list).is_some()).count(), 1, "{what}");
        } else {
            assert_eq!(public, Err(("UnsupportedOperationException".into(), None)), "{what}");
        }

        let peer = keys.iter().find(|peer| peer.usage == KeyUsage::KeyAgreement && peer.spec == key.spec);
        let peer = peer.map(|peer| kms.with_key(peer, OpName::GetPublicKey, &json!({})).unwrap()["PublicKey"].clone());
        let request = json!({"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer.unwrap_or_else(|| blob(b"x"))});
        expect_code(&call(OpName::DeriveSharedSecret, &request), usage(KeyUsage::KeyAgreement), &what);
        if key.usage == KeyUsage::KeyAgreement {
            for bad in [blob(b"x"), public.as_ref().map_or_else(|_| blob(b"y"), |key| cut(&key["PublicKey"]))] {
                let request = json!({"KeyAgreementAlgorithm": "ECDH", "PublicKey": bad});
                expect_code(&call(OpName::DeriveSharedSecret, &request), Some("ValidationException"), &what);
            }
        }

        let kem = KeyUsage::EncapsulateDecapsulate;
        let made = call(OpName::Encapsulate, &json!({"EncapsulationAlgorithm": "ML_KEM"}));
        expect_code(&made, usage(kem), &what);
        let ciphertext = made.as_ref().map_or_else(|_| blob(b"x"), |made| made["SharedSecretCiphertextBlob"].clone());
        let request = json!({"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext});
        let opened = call(OpName::Decapsulate, &request);
        expect_code(&opened, usage(kem), &what);
        if let (Ok(made), Ok(opened)) = (made, opened) {
            assert_eq!(made["SharedSecret"], opened["SharedSecret"], "{what}");
            let request = json!({"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": cut(&ciphertext)});
            expect_code(&call(OpName::Decapsulate, &request), Some("InvalidCiphertextException"), &what);
        }

        let code = usage(KeyUsage::EncryptDecrypt)
            .or((key.spec != KeySpec::SymmetricDefault).then_some("InvalidKeyUsageException"));
        for op in [
            OpName::GenerateDataKey,
            OpName::GenerateDataKeyWithoutPlaintext,
            OpName::GenerateDataKeyPair,
            OpName::GenerateDataKeyPairWithoutPlaintext,
        ] {
            expect_code(&call(op, &smallest(op, "")), code, &format!("{op} {what}"));
        }
    }
}

/// The same bytes without the last one.
fn cut(value: &Value) -> Value {
    let bytes = crate::fixtures::bytes(value);
    blob(&bytes[..bytes.len() - 1])
}
