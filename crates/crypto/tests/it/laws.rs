//! What holds of every key spec, for random inputs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use proptest::prelude::*;
use proptest::test_runner::Config;
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, KeyUsage, MacAlgorithmSpec, SigningAlgorithmSpec};
use strongroom_core::spec::{KeyClass, digest_bytes, facts, max_plaintext_bytes};
use strongroom_crypto::derived::{DoesNotOpen, MessageNonce};
use strongroom_crypto::material::{Error, ImportError, Material, Message, SymmetricSuite};
use strongroom_crypto::public::PublicKey;
use strongroom_crypto::rng::SystemRng;

use crate::import;

/// Few cases, because each runs over every spec; no file of old failures beside the source.
pub(crate) fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// The `which`th key of `spec`; RSA keys take long to make, so all tests share them.
pub(crate) fn key(spec: KeySpec, which: u8) -> Arc<Material> {
    type Keys = Mutex<HashMap<(KeySpec, u8), Arc<OnceLock<Arc<Material>>>>>;
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let mut keys = KEYS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let key = Arc::clone(keys.entry((spec, which)).or_default());
    drop(keys);
    Arc::clone(key.get_or_init(|| {
        Arc::new(Material::generate(spec, SymmetricSuite::Aes, &SystemRng).expect("entropy and memory"))
    }))
}

fn specs_of(usage: KeyUsage) -> impl Iterator<Item = KeySpec> {
    KeySpec::ALL.iter().copied().filter(move |spec| facts(*spec).usages.contains(&usage))
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut touched = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    touched[bit / 8] ^= 1 << (bit % 8);
    touched
}

/// The forms of message that an algorithm takes, made from random bytes.
fn forms(algorithm: SigningAlgorithmSpec, bytes: &[u8; 64]) -> Vec<Message<'_>> {
    let digest = digest_bytes(algorithm).map(|len| Message::Digest(&bytes[..len]));
    match algorithm {
        SigningAlgorithmSpec::Ed25519Sha512 => vec![Message::Raw(bytes)],
        SigningAlgorithmSpec::Ed25519PhSha512 => digest.into_iter().collect(),
        SigningAlgorithmSpec::MlDsaShake256 => vec![Message::Raw(bytes), Message::ExternalMu(bytes)],
        SigningAlgorithmSpec::RsassaPssSha256
        | SigningAlgorithmSpec::RsassaPssSha384
        | SigningAlgorithmSpec::RsassaPssSha512
        | SigningAlgorithmSpec::RsassaPkcs1V15Sha256
        | SigningAlgorithmSpec::RsassaPkcs1V15Sha384
        | SigningAlgorithmSpec::RsassaPkcs1V15Sha512
        | SigningAlgorithmSpec::EcdsaSha256
        | SigningAlgorithmSpec::EcdsaSha384
        | SigningAlgorithmSpec::EcdsaSha512
        | SigningAlgorithmSpec::Sm2Dsa => digest.into_iter().chain([Message::Raw(bytes)]).collect(),
    }
}

/// The same form around other bytes.
fn reform<'a>(message: Message<'_>, bytes: &'a [u8]) -> Message<'a> {
    match message {
        Message::Raw(_) => Message::Raw(bytes),
        Message::Digest(digest) => Message::Digest(&bytes[..digest.len()]),
        Message::ExternalMu(_) => Message::ExternalMu(bytes),
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn a_signature_is_of_its_message_and_key(bytes: [u8; 64], bit: usize, extra: u8) {
        for spec in specs_of(KeyUsage::SignVerify) {
            let (ours, other) = (key(spec, 0), key(spec, 1));
            let public = PublicKey::from_spki(spec, &ours.public_key_spki().unwrap()).unwrap();
            for &algorithm in facts(spec).signing {
                for message in forms(algorithm, &bytes) {
                    let name = format!("{spec} {algorithm} {message:?}");
                    let signature = ours.sign(algorithm, message, &SystemRng).expect(&name);
                    prop_assert_eq!(ours.verify(algorithm, message, &signature), Ok(()), "{}", name);
                    prop_assert_eq!(public.verify(algorithm, message, &signature), Ok(()), "{}", name);

                    let refused = Err(Error::Refused);
                    prop_assert_eq!(other.verify(algorithm, message, &signature), refused, "{}", name);
                    let touched = flip(&bytes, bit % 256);
                    prop_assert_eq!(ours.verify(algorithm, reform(message, &touched), &signature), refused, "{}", name);
                    prop_assert_eq!(ours.verify(algorithm, message, &flip(&signature, bit)), refused, "{}", name);
                    prop_assert_eq!(ours.verify(algorithm, message, &signature[1..]), refused, "{}", name);
                    let cut = &signature[..bit % signature.len()];
                    prop_assert_eq!(ours.verify(algorithm, message, cut), refused, "{}", name);
                    let longer = [signature.as_slice(), &[extra]].concat();
                    prop_assert_eq!(ours.verify(algorithm, message, &longer), refused, "{}", name);
                }
            }
        }
    }

    /// Sign RAW and verify DIGEST of the same message, and the other way round.
    #[test]
    fn a_message_and_its_digest_are_one(message: Vec<u8>) {
        use SigningAlgorithmSpec as S;
        use strongroom_crypto::digest::{sha256, sha384, sha512};
        let digest = |algorithm| match algorithm {
            S::RsassaPssSha256 | S::RsassaPkcs1V15Sha256 | S::EcdsaSha256 => Some(sha256(&message).to_vec()),
            S::RsassaPssSha384 | S::RsassaPkcs1V15Sha384 | S::EcdsaSha384 => Some(sha384(&message).to_vec()),
            S::RsassaPssSha512 | S::RsassaPkcs1V15Sha512 | S::EcdsaSha512 => Some(sha512(&message).to_vec()),
            // The first hashes twice, the others have no digest or, for SM2, one over the signer's identity too.
            S::Ed25519PhSha512 | S::Ed25519Sha512 | S::MlDsaShake256 | S::Sm2Dsa => None,
        };
        for spec in specs_of(KeyUsage::SignVerify) {
            let key = key(spec, 0);
            for &algorithm in facts(spec).signing {
                let Some(digest) = digest(algorithm) else { continue };
                let (raw, digest) = (Message::Raw(&message), Message::Digest(&digest));
                for (signed, verified) in [(raw, digest), (digest, raw)] {
                    let signature = key.sign(algorithm, signed, &SystemRng).expect("signs");
                    prop_assert_eq!(key.verify(algorithm, verified, &signature), Ok(()), "{} {}", spec, algorithm);
                }
            }
        }
    }

    #[test]
    fn a_mac_is_of_its_message_and_key(message: Vec<u8>, bit: usize) {
        for spec in specs_of(KeyUsage::GenerateVerifyMac) {
            let (ours, other) = (key(spec, 0), key(spec, 1));
            for &algorithm in facts(spec).mac {
                let mac = ours.mac(algorithm, &message).expect("a MAC");
                let length = match algorithm {
                    MacAlgorithmSpec::HmacSha224 => 28,
                    MacAlgorithmSpec::HmacSha256 => 32,
                    MacAlgorithmSpec::HmacSha384 => 48,
                    MacAlgorithmSpec::HmacSha512 => 64,
                };
                prop_assert_eq!(mac.len(), length);
                prop_assert_eq!(ours.verify_mac(algorithm, &message, &mac), Ok(()));
                let refused = Err(Error::Refused);
                prop_assert_eq!(other.verify_mac(algorithm, &message, &mac), refused);
                prop_assert_eq!(ours.verify_mac(algorithm, &message, &flip(&mac, bit)), refused);
                prop_assert_eq!(ours.verify_mac(algorithm, &message, &mac[..bit % mac.len()]), refused);
                prop_assert_eq!(ours.verify_mac(algorithm, &[message.as_slice(), &[0]].concat(), &mac), refused);
            }
        }
    }

    #[test]
    fn what_was_encrypted_decrypts(bytes in prop::collection::vec(any::<u8>(), 1025), len: usize, bit: usize) {
        for spec in specs_of(KeyUsage::EncryptDecrypt) {
            let (ours, other) = (key(spec, 0), key(spec, 1));
            for &algorithm in facts(spec).encryption {
                if algorithm == EncryptionAlgorithmSpec::SymmetricDefault {
                    continue;
                }
                let max = max_plaintext_bytes(spec, algorithm).expect("the pair exists");
                for len in [1, 1 + len % max, max] {
                    let name = format!("{spec} {algorithm} {len}");
                    let ciphertext = ours.encrypt(algorithm, &bytes[..len], &SystemRng).expect(&name);
                    let opened = ours.decrypt(algorithm, &ciphertext).expect(&name);
                    prop_assert_eq!(opened.expose(), &bytes[..len]);
                    let refused = Some(Error::Refused);
                    prop_assert_eq!(other.decrypt(algorithm, &ciphertext).err(), refused, "{}", name);
                    prop_assert_eq!(ours.decrypt(algorithm, &flip(&ciphertext, bit)).err(), refused, "{}", name);
                    prop_assert_eq!(ours.decrypt(algorithm, &ciphertext[1..]).err(), refused, "{}", name);
                    let cut = &ciphertext[..bit % ciphertext.len()];
                    prop_assert_eq!(ours.decrypt(algorithm, cut).err(), refused, "{}", name);
                    let longer = [ciphertext.as_slice(), &[0]].concat();
                    prop_assert_eq!(ours.decrypt(algorithm, &longer).err(), refused, "{}", name);
                }
                let too_long = ours.encrypt(algorithm, &bytes[..=max], &SystemRng);
                prop_assert_eq!(too_long.err(), (spec != KeySpec::Sm2).then_some(Error::DoesNotFit));
            }
        }
    }

    #[test]
    fn two_keys_agree(bit: usize) {
        for spec in specs_of(KeyUsage::KeyAgreement) {
            let (ours, theirs) = (key(spec, 0), key(spec, 1));
            let (our_spki, their_spki) = (ours.public_key_spki().unwrap(), theirs.public_key_spki().unwrap());
            let secret = ours.agree(&their_spki).expect("agrees");
            let bytes = match spec {
                KeySpec::EccNistP384 => 48,
                KeySpec::EccNistP521 => 66,
                _ => 32,
            };
            prop_assert_eq!(secret.len(), bytes, "{}", spec);
            prop_assert_eq!(&secret, &theirs.agree(&our_spki).expect("agrees"), "{}", spec);
            // A flipped bit leaves the curve, or names another key or algorithm.
            let refused = Some(Error::Refused);
            prop_assert_eq!(ours.agree(&flip(&their_spki, bit)).err(), refused, "{} {}", spec, bit);
            prop_assert_eq!(ours.agree(&their_spki[..bit % their_spki.len()]).err(), refused, "{}", spec);
            prop_assert_eq!(ours.agree(&[their_spki.as_slice(), &[0]].concat()).err(), refused, "{}", spec);
            for foreign in KeySpec::ALL.iter().filter(|foreign| **foreign != spec) {
                if let Ok(spki) = key(*foreign, 0).public_key_spki() {
                    prop_assert_eq!(ours.agree(&spki).err(), refused, "{} {}", spec, foreign);
                }
            }
        }
    }

    #[test]
    fn what_was_encapsulated_decapsulates(bit: usize) {
        for spec in specs_of(KeyUsage::EncapsulateDecapsulate) {
            let (ours, other) = (key(spec, 0), key(spec, 1));
            let (ciphertext, secret) = ours.to_public_key().unwrap().encapsulate().expect("encapsulates");
            let length = match spec {
                KeySpec::MlKem512 => 768,
                KeySpec::MlKem768 => 1088,
                _ => 1568,
            };
            prop_assert_eq!((ciphertext.len(), secret.len()), (length, 32), "{}", spec);
            prop_assert_eq!(&ours.decapsulate(&ciphertext).expect("ours"), &secret, "{}", spec);
            // Implicit rejection: a secret, always the same, and another one.
            for rejected in [ours.decapsulate(&flip(&ciphertext, bit)), other.decapsulate(&ciphertext)] {
                prop_assert_ne!(&rejected.expect("any ciphertext of the right length"), &secret, "{}", spec);
            }
            let touched = flip(&ciphertext, bit);
            prop_assert_eq!(ours.decapsulate(&touched).unwrap(), ours.decapsulate(&touched).unwrap(), "{}", spec);
            let refused = Some(Error::Refused);
            prop_assert_eq!(ours.decapsulate(&ciphertext[1..]).err(), refused, "{}", spec);
            prop_assert_eq!(ours.decapsulate(&[ciphertext.as_slice(), &[0]].concat()).err(), refused, "{}", spec);
            prop_assert_eq!(ours.decapsulate(&[]).err(), refused, "{}", spec);
        }
    }
}

/// Every pair that the table of specs does not have is refused as one that does not fit, whatever is asked.
#[test]
fn spec_and_algorithm_are_one_table() {
    let (rng, digest) = (&SystemRng, [7; 64]);
    for &spec in KeySpec::ALL {
        let (key, row) = (key(spec, 0), facts(spec));
        for &algorithm in SigningAlgorithmSpec::ALL {
            let fitting = if row.signing.contains(&algorithm) { forms(algorithm, &digest) } else { vec![] };
            let same_form = |a: Message<'_>, b: Message<'_>| std::mem::discriminant(&a) == std::mem::discriminant(&b);
            let length = digest_bytes(algorithm).unwrap_or(32);
            for message in [Message::Raw(b"message"), Message::Digest(&digest[..length]), Message::ExternalMu(&digest)]
            {
                let name = format!("{spec} {algorithm} {message:?}");
                let fits = fitting.iter().any(|form| same_form(*form, message));
                let signed = key.sign(algorithm, message, rng);
                let verified = key.verify(algorithm, message, &[0; 64]);
                assert_eq!(signed.err(), (!fits).then_some(Error::DoesNotFit), "{name}");
                assert_eq!(verified, Err(if fits { Error::Refused } else { Error::DoesNotFit }), "{name}");
            }
        }
        for &algorithm in MacAlgorithmSpec::ALL {
            let fits = row.mac.contains(&algorithm);
            assert_eq!(key.mac(algorithm, b"message").is_ok(), fits, "{spec} {algorithm}");
            let verified = key.verify_mac(algorithm, b"message", &[0; 32]);
            assert_eq!(verified, Err(if fits { Error::Refused } else { Error::DoesNotFit }), "{spec} {algorithm}");
        }
        for &algorithm in EncryptionAlgorithmSpec::ALL {
            let fits = row.encryption.contains(&algorithm) && algorithm != EncryptionAlgorithmSpec::SymmetricDefault;
            let encrypted = key.encrypt(algorithm, b"message", rng);
            assert_eq!(encrypted.err(), (!fits).then_some(Error::DoesNotFit), "{spec} {algorithm}");
            let decrypted = key.decrypt(algorithm, &[0; 256]).err();
            assert_eq!(decrypted, Some(if fits { Error::Refused } else { Error::DoesNotFit }), "{spec} {algorithm}");
        }
        let has = |usage| row.usages.contains(&usage);
        let not = |usage| Some(if has(usage) { Error::Refused } else { Error::DoesNotFit });
        assert_eq!(key.agree(&[]).err(), not(KeyUsage::KeyAgreement), "{spec}");
        assert_eq!(key.decapsulate(&[]).err(), not(KeyUsage::EncapsulateDecapsulate), "{spec}");
        assert_eq!(key.encapsulate().is_ok(), has(KeyUsage::EncapsulateDecapsulate), "{spec}");
        assert_eq!(key.deriving_key().is_ok(), spec == KeySpec::SymmetricDefault, "{spec}");
    }
}

/// Digests and message representatives have one length each.
#[test]
fn digests_have_the_length_of_their_hash() {
    let bytes = [7; 65];
    for spec in specs_of(KeyUsage::SignVerify) {
        let key = key(spec, 0);
        for &algorithm in facts(spec).signing {
            for len in 0..bytes.len() {
                let right = digest_bytes(algorithm) == Some(len);
                check(&key, algorithm, Message::Digest(&bytes[..len]), right);
                let right = algorithm == SigningAlgorithmSpec::MlDsaShake256 && len == 64;
                check(&key, algorithm, Message::ExternalMu(&bytes[..len]), right);
            }
        }
    }

    #[track_caller]
    fn check(key: &Material, algorithm: SigningAlgorithmSpec, message: Message<'_>, right: bool) {
        if !right {
            let not = Error::DoesNotFit;
            assert_eq!(key.sign(algorithm, message, &SystemRng).err(), Some(not), "{key:?} {algorithm} {message:?}");
            assert_eq!(key.verify(algorithm, message, &[0; 64]), Err(not), "{key:?} {algorithm} {message:?}");
        }
    }
}

/// Lengths that follow from the standards (behaviours 3.7 and 3.8).
#[test]
fn encodings_have_their_length() {
    use KeySpec as K;
    for (spec, spki, pkcs8, stored) in [
        (K::Rsa2048, 294, None, None),
        (K::Rsa3072, 422, None, None),
        (K::Rsa4096, 550, None, None),
        (K::EccNistP256, 91, Some(138), None),
        (K::EccNistP384, 120, Some(185), None),
        (K::EccNistP521, 158, Some(241), None),
        (K::EccSecgP256k1, 88, Some(135), None),
        (K::EccNistEdwards25519, 44, Some(48), None),
        (K::MlDsa44, 1334, Some(54), Some(32)),
        (K::MlDsa65, 1974, Some(54), Some(32)),
        (K::MlDsa87, 2614, Some(54), Some(32)),
        (K::MlKem512, 822, Some(86), Some(64)),
        (K::MlKem768, 1206, Some(86), Some(64)),
        (K::MlKem1024, 1590, Some(86), Some(64)),
        (K::Sm2, 91, Some(138), None),
    ] {
        let key = key(spec, 0);
        assert_eq!(key.public_key_spki().unwrap().len(), spki, "{spec}");
        let private = key.private_key_pkcs8().unwrap();
        assert!(pkcs8.is_none_or(|len| private.len() == len), "{spec}: {}", private.len());
        assert!(stored.is_none_or(|len| key.to_stored().unwrap().len() == len), "{spec}");
    }
}

/// A key comes back from its stored form and from its PKCS#8, and no other asymmetric spec takes either.
#[test]
fn keys_survive_their_encodings() {
    for &spec in KeySpec::ALL {
        let ours = key(spec, 0);
        let stored = ours.to_stored().unwrap();
        let again = Material::from_stored(spec, &stored).expect("what we stored");
        assert_eq!(again.to_stored().unwrap(), stored, "{spec}");
        assert_eq!(again.public_key_spki(), ours.public_key_spki(), "{spec}");
        assert_eq!(format!("{ours:?}"), format!("Material({spec})"));

        let Ok(pkcs8) = ours.private_key_pkcs8() else {
            assert!(ours.public_key_spki().is_err(), "{spec}");
            continue;
        };
        let imported = import(spec, pkcs8.expose()).expect("what we exported");
        assert_eq!(imported.to_stored().unwrap(), stored, "{spec}");
        let spki = ours.public_key_spki().unwrap();
        assert_eq!(PublicKey::from_spki(spec, &spki).unwrap().spki(), spki, "{spec}");
        let pairs = KeySpec::ALL.iter().filter(|other| facts(**other).class == KeyClass::Asymmetric);
        for &other in pairs.filter(|other| **other != spec) {
            let error = import(other, pkcs8.expose()).expect_err("a key of another spec");
            assert_eq!(error, ImportError::NotOfThisSpec, "{spec} as {other}");
            assert!(PublicKey::from_spki(other, &spki).is_err(), "{spec} as {other}");
        }
    }
}

/// The symmetric suites through the material's own key.
#[test]
fn symmetric_material_seals() {
    for suite in [SymmetricSuite::Aes, SymmetricSuite::Sm4] {
        let generate = || Material::generate(KeySpec::SymmetricDefault, suite, &SystemRng).expect("entropy");
        let (ours, other) = (generate(), generate());
        assert_eq!(ours.to_stored().unwrap().len(), suite.material_bytes());
        let nonce = MessageNonce::random(&SystemRng).expect("entropy");
        let mut sealed = vec![];
        ours.deriving_key().unwrap().seal(b"label", &nonce, b"aad", b"message", &mut sealed);
        let again = Material::from_stored(KeySpec::SymmetricDefault, &ours.to_stored().unwrap()).expect("stored");
        let open = |key: &Material| key.deriving_key().unwrap().open(b"label", &nonce, b"aad", &sealed);
        assert_eq!(open(&again).expect("the same key").expose(), b"message");
        assert_eq!(open(&other).err(), Some(DoesNotOpen));
    }
}
