//! Every spec through the public verbs. Published vectors are in `tests/`.

use std::collections::HashMap;
use std::sync::LazyLock;

use strongroom_core::generated::{EncryptionAlgorithmSpec, KeyUsage, SigningAlgorithmSpec};
use strongroom_core::spec::facts;

use super::*;
use crate::digest;
use crate::rng::SystemRng;

/// One key per spec for all tests: RSA keys take their time.
static KEYS: LazyLock<HashMap<KeySpec, Material>> =
    LazyLock::new(|| KeySpec::ALL.iter().map(|spec| (*spec, fresh(*spec))).collect());

fn key(spec: KeySpec) -> &'static Material {
    &KEYS[&spec]
}

fn fresh(spec: KeySpec) -> Material {
    Material::generate(spec, SymmetricSuite::Aes, &SystemRng).expect("generates")
}

fn specs_with(usage: KeyUsage) -> impl Iterator<Item = KeySpec> {
    KeySpec::ALL.iter().copied().filter(move |spec| facts(*spec).usages.contains(&usage))
}

fn stored(material: &Material) -> SecretBytes {
    material.to_stored().expect("encodes")
}

/// Behaviours 3.7 and 3.8, and the stored forms.
#[test]
fn encodings_have_their_lengths() {
    check(KeySpec::SymmetricDefault, None, 32);
    check(KeySpec::Hmac224, None, 28);
    check(KeySpec::Hmac256, None, 32);
    check(KeySpec::Hmac384, None, 48);
    check(KeySpec::Hmac512, None, 64);
    check(KeySpec::EccNistP256, Some((91, 138)), 138);
    check(KeySpec::EccNistP384, Some((120, 185)), 185);
    check(KeySpec::EccNistP521, Some((158, 241)), 241);
    check(KeySpec::EccSecgP256k1, Some((88, 135)), 135);
    check(KeySpec::EccNistEdwards25519, Some((44, 48)), 48);
    check(KeySpec::MlDsa44, Some((1334, 54)), 32);
    check(KeySpec::MlDsa65, Some((1974, 54)), 32);
    check(KeySpec::MlDsa87, Some((2614, 54)), 32);
    check(KeySpec::MlKem512, Some((822, 86)), 64);
    check(KeySpec::MlKem768, Some((1206, 86)), 64);
    check(KeySpec::MlKem1024, Some((1590, 86)), 64);
    check(KeySpec::Sm2, Some((91, 138)), 138);
    for (spec, public) in [(KeySpec::Rsa2048, 294), (KeySpec::Rsa3072, 422), (KeySpec::Rsa4096, 550)] {
        assert_eq!(key(spec).public_key_spki().expect("a pair").len(), public);
        assert_eq!(key(spec).private_key_pkcs8(), key(spec).to_stored());
    }

    #[track_caller]
    fn check(spec: KeySpec, pair: Option<(usize, usize)>, stored_bytes: usize) {
        let key = key(spec);
        assert_eq!(key.public_key_spki().map(|spki| spki.len()).ok(), pair.map(|(public, _)| public));
        assert_eq!(key.private_key_pkcs8().map(|pkcs8| pkcs8.len()).ok(), pair.map(|(_, private)| private));
        assert_eq!(stored(key).len(), stored_bytes);
    }
}

#[test]
fn what_is_stored_comes_back() {
    for spec in KeySpec::ALL {
        let bytes = stored(key(*spec));
        let again = Material::from_stored(*spec, &bytes).expect("our own");
        assert_eq!(stored(&again), bytes, "{spec}");
        assert_eq!(again.public_key_spki(), key(*spec).public_key_spki(), "{spec}");
        assert_eq!(again.private_key_pkcs8(), key(*spec).private_key_pkcs8(), "{spec}");
        assert_eq!(again.spec(), *spec);
        let cut = SecretBytes::copy_from(&bytes.expose()[1..]);
        assert_eq!(Material::from_stored(*spec, &cut).map(drop), Err(Damaged), "{spec}");
        let empty = SecretBytes::copy_from(&[]);
        assert_eq!(Material::from_stored(*spec, &empty).map(drop), Err(Damaged), "{spec}");
    }
}

#[test]
fn no_two_keys_are_alike() {
    for spec in KeySpec::ALL.iter().filter(|spec| !matches!(family(**spec), Family::Rsa(_))) {
        assert_ne!(stored(&fresh(*spec)), stored(&fresh(*spec)), "{spec}");
    }
}

/// The seed of a failing test replays where the libraries take our generator.
#[test]
fn a_seeded_generator_makes_the_same_keys() {
    use strongroom_core::world::SeededRng;
    let ours = |spec: &&KeySpec| !matches!(family(**spec), Family::Rsa(_) | Family::Ec(_));
    for spec in KeySpec::ALL.iter().filter(ours) {
        let make = || Material::generate(*spec, SymmetricSuite::Aes, &SeededRng::new(7)).expect("generates");
        assert_eq!(stored(&make()), stored(&make()), "{spec}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    for spec in KeySpec::ALL {
        assert_eq!(format!("{:?}", key(*spec)), format!("Material({spec})"));
    }
    assert_eq!(format!("{:?}", Message::Raw(b"attack")), "Raw(..)");
}

#[test]
fn the_suite_decides_the_length_of_symmetric_keys() {
    let spec = KeySpec::SymmetricDefault;
    for (suite, len) in [(SymmetricSuite::Aes, 32), (SymmetricSuite::Sm4, 16)] {
        let made = Material::generate(spec, suite, &SystemRng).expect("generates");
        assert_eq!(stored(&made).len(), len);
        for bytes in [0, 15, 16, 17, 24, 31, 32, 33, 64] {
            let foreign = SecretBytes::copy_from(&vec![7; bytes]);
            assert_eq!(Material::import(spec, suite, &foreign).is_ok(), bytes == len, "{suite:?} {bytes}");
        }
        assert!(made.deriving_key().is_ok());
    }
    assert_eq!(key(KeySpec::Hmac256).deriving_key().map(drop), Err(Error::DoesNotFit));
}

/// Every form of message that `algorithm` takes.
fn forms<'a>(algorithm: SigningAlgorithmSpec, raw: &'a [u8], digest: &'a [u8]) -> Vec<Message<'a>> {
    use SigningAlgorithmSpec as S;
    match algorithm {
        S::RsassaPssSha256
        | S::RsassaPssSha384
        | S::RsassaPssSha512
        | S::RsassaPkcs1V15Sha256
        | S::RsassaPkcs1V15Sha384
        | S::RsassaPkcs1V15Sha512
        | S::EcdsaSha256
        | S::EcdsaSha384
        | S::EcdsaSha512
        | S::Sm2Dsa => vec![Message::Raw(raw), Message::Digest(digest)],
        S::Ed25519Sha512 => vec![Message::Raw(raw)],
        S::Ed25519PhSha512 => vec![Message::Digest(digest)],
        S::MlDsaShake256 => vec![Message::Raw(raw), Message::ExternalMu(digest)],
    }
}

/// The digest of `raw` for `algorithm`; for SM2 and ML-DSA some bytes of the right length.
fn digest_for(algorithm: SigningAlgorithmSpec, raw: &[u8]) -> Vec<u8> {
    use SigningAlgorithmSpec as S;
    match algorithm {
        S::RsassaPssSha256 | S::RsassaPkcs1V15Sha256 | S::EcdsaSha256 | S::Sm2Dsa => digest::sha256(raw).to_vec(),
        S::RsassaPssSha384 | S::RsassaPkcs1V15Sha384 | S::EcdsaSha384 => digest::sha384(raw).to_vec(),
        S::RsassaPssSha512
        | S::RsassaPkcs1V15Sha512
        | S::EcdsaSha512
        | S::Ed25519Sha512
        | S::Ed25519PhSha512
        | S::MlDsaShake256 => digest::sha512(raw).to_vec(),
    }
}

#[test]
fn signatures_verify_and_nothing_else_does() {
    for spec in specs_with(KeyUsage::SignVerify) {
        let public = key(spec).to_public_key().expect("a pair");
        for algorithm in facts(spec).signing {
            let digest = digest_for(*algorithm, b"message");
            for message in forms(*algorithm, b"message", &digest) {
                let label = format!("{spec} {algorithm} {message:?}");
                let signature = key(spec).sign(*algorithm, message, &SystemRng).expect(&label);
                assert_eq!(key(spec).verify(*algorithm, message, &signature), Ok(()), "{label}");
                assert_eq!(public.verify(*algorithm, message, &signature), Ok(()), "{label}");
                refuses_changes(key(spec), *algorithm, message, &signature, &label);
            }
        }
    }

    #[track_caller]
    fn refuses_changes(
        key: &Material,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        signature: &[u8],
        label: &str,
    ) {
        let refused =
            |signature: &[u8]| assert_eq!(key.verify(algorithm, message, signature), Err(Error::Refused), "{label}");
        for byte in (0..signature.len()).step_by(1 + signature.len() / 100) {
            let mut touched = signature.to_vec();
            touched[byte] ^= 1 << (byte % 8);
            refused(&touched);
        }
        refused(&signature[..signature.len() - 1]);
        refused(&[signature, &[0]].concat());
        refused(&[]);
        let (mut other_raw, mut other_digest) = (vec![], vec![]);
        let other = match message {
            Message::Raw(bytes) => {
                other_raw.extend_from_slice(&[bytes, b"!"].concat());
                Message::Raw(&other_raw)
            }
            Message::Digest(bytes) | Message::ExternalMu(bytes) => {
                other_digest.extend_from_slice(bytes);
                other_digest[0] ^= 1;
                if matches!(message, Message::Digest(_)) {
                    Message::Digest(&other_digest)
                } else {
                    Message::ExternalMu(&other_digest)
                }
            }
        };
        assert_eq!(key.verify(algorithm, other, signature), Err(Error::Refused), "{label}");
    }
}

/// Behaviours 3.3: the message type may differ between Sign and Verify as long as the digest is the same.
#[test]
fn a_message_and_its_digest_have_the_same_signatures() {
    for spec in specs_with(KeyUsage::SignVerify) {
        for algorithm in facts(spec).signing {
            let digest = digest_for(*algorithm, b"message");
            let [raw @ Message::Raw(_), hashed @ Message::Digest(_)] = forms(*algorithm, b"message", &digest)[..]
            else {
                continue;
            };
            if matches!(algorithm, SigningAlgorithmSpec::Sm2Dsa) {
                continue; // Its digest is bound to the key: tested with the family.
            }
            let signature = key(spec).sign(*algorithm, raw, &SystemRng).expect("signs");
            assert_eq!(key(spec).verify(*algorithm, hashed, &signature), Ok(()), "{spec} {algorithm}");
            let signature = key(spec).sign(*algorithm, hashed, &SystemRng).expect("signs");
            assert_eq!(key(spec).verify(*algorithm, raw, &signature), Ok(()), "{spec} {algorithm}");
        }
    }
}

#[test]
fn signatures_have_their_lengths() {
    use SigningAlgorithmSpec as S;
    check(KeySpec::Rsa2048, S::RsassaPssSha512, 256);
    check(KeySpec::Rsa3072, S::RsassaPkcs1V15Sha256, 384);
    check(KeySpec::Rsa4096, S::RsassaPssSha384, 512);
    check(KeySpec::EccNistEdwards25519, S::Ed25519Sha512, 64);
    check(KeySpec::MlDsa44, S::MlDsaShake256, 2420);
    check(KeySpec::MlDsa65, S::MlDsaShake256, 3309);
    check(KeySpec::MlDsa87, S::MlDsaShake256, 4627);

    #[track_caller]
    fn check(spec: KeySpec, algorithm: SigningAlgorithmSpec, bytes: usize) {
        let signature = key(spec).sign(algorithm, Message::Raw(b"message"), &SystemRng).expect("signs");
        assert_eq!(signature.len(), bytes);
    }
}

#[test]
fn a_digest_of_another_length_does_not_fit() {
    for spec in specs_with(KeyUsage::SignVerify) {
        for algorithm in facts(spec).signing {
            let right = digest_for(*algorithm, b"");
            for len in [0, 1, 20, 28, 31, 32, 33, 48, 63, 64, 65, 128] {
                let bytes = vec![7; len];
                for message in forms(*algorithm, b"message", &bytes) {
                    if matches!(message, Message::Raw(_)) || len == right.len() {
                        continue;
                    }
                    let refused = key(spec).sign(*algorithm, message, &SystemRng);
                    assert_eq!(refused, Err(Error::DoesNotFit), "{spec} {algorithm} {len}");
                    let refused = key(spec).verify(*algorithm, message, &[7; 64]);
                    assert!(refused.is_err(), "{spec} {algorithm} {len}");
                }
            }
        }
    }
}

/// What the table of specs does not offer is refused, in every verb; and the forms of message that an algorithm lacks.
#[test]
fn what_does_not_fit_is_refused() {
    for spec in KeySpec::ALL {
        let (key, row) = (key(*spec), facts(*spec));
        for algorithm in SigningAlgorithmSpec::ALL {
            let digest = digest_for(*algorithm, b"message");
            let fitting = forms(*algorithm, b"message", &digest);
            for message in [Message::Raw(b"message"), Message::Digest(&digest), Message::ExternalMu(&digest)] {
                let same_form = |other: &Message<'_>| std::mem::discriminant(other) == std::mem::discriminant(&message);
                let fits = row.signing.contains(algorithm) && fitting.iter().any(same_form);
                let signed = key.sign(*algorithm, message, &SystemRng);
                assert_eq!(signed.is_ok(), fits, "{spec} {algorithm} {message:?}");
                if !fits {
                    assert_eq!(signed, Err(Error::DoesNotFit), "{spec} {algorithm} {message:?}");
                    assert_eq!(key.verify(*algorithm, message, &[0; 64]), Err(Error::DoesNotFit), "{spec} {algorithm}");
                }
            }
        }
        for algorithm in EncryptionAlgorithmSpec::ALL {
            // Symmetric keys encrypt through their deriving key.
            let fits = row.encryption.contains(algorithm) && *spec != KeySpec::SymmetricDefault;
            let encrypted = key.encrypt(*algorithm, b"message", &SystemRng);
            assert_eq!(encrypted.is_ok(), fits, "{spec} {algorithm}");
            if !fits {
                assert_eq!(encrypted, Err(Error::DoesNotFit), "{spec} {algorithm}");
                assert_eq!(key.decrypt(*algorithm, &[0; 256]), Err(Error::DoesNotFit), "{spec} {algorithm}");
            }
        }
        for algorithm in MacAlgorithmSpec::ALL {
            assert_eq!(key.mac(*algorithm, b"message").is_ok(), row.mac.contains(algorithm), "{spec} {algorithm}");
            if !row.mac.contains(algorithm) {
                assert_eq!(
                    key.verify_mac(*algorithm, b"message", &[0; 32]),
                    Err(Error::DoesNotFit),
                    "{spec} {algorithm}"
                );
            }
        }
        if row.agreement.is_empty() {
            assert_eq!(key.agree(&[0; 91]), Err(Error::DoesNotFit), "{spec}");
        }
        if row.encapsulation.is_empty() {
            assert_eq!(key.encapsulate().map(drop), Err(Error::DoesNotFit), "{spec}");
            assert_eq!(key.decapsulate(&[0; 768]), Err(Error::DoesNotFit), "{spec}");
        }
    }
}

#[test]
fn macs_verify_and_nothing_else_does() {
    for spec in specs_with(KeyUsage::GenerateVerifyMac) {
        for algorithm in facts(spec).mac {
            let mac = key(spec).mac(*algorithm, b"message").expect("fits");
            assert_eq!(mac.len(), stored(key(spec)).len());
            assert_eq!(key(spec).verify_mac(*algorithm, b"message", &mac), Ok(()));
            let refused = |message: &[u8], mac: &[u8]| {
                assert_eq!(key(spec).verify_mac(*algorithm, message, mac), Err(Error::Refused), "{spec}");
            };
            for bit in 0..mac.len() * 8 {
                let mut touched = mac.clone();
                touched[bit / 8] ^= 1 << (bit % 8);
                refused(b"message", &touched);
            }
            refused(b"Message", &mac);
            refused(b"message", &mac[..mac.len() - 1]);
            refused(b"message", &[mac.as_slice(), &[0]].concat());
            refused(b"message", &[]);
        }
    }
}

#[test]
fn ciphertexts_open_and_nothing_else_does() {
    for spec in specs_with(KeyUsage::EncryptDecrypt).filter(|spec| *spec != KeySpec::SymmetricDefault) {
        for algorithm in facts(spec).encryption {
            let max = strongroom_core::spec::max_plaintext_bytes(spec, *algorithm).expect("a limit");
            for len in [1, 32, max] {
                let plaintext = vec![0xa5; len];
                let ciphertext = key(spec).encrypt(*algorithm, &plaintext, &SystemRng).expect("fits");
                let opened = key(spec).decrypt(*algorithm, &ciphertext).expect("ours");
                assert_eq!(opened.expose(), plaintext, "{spec} {algorithm} {len}");
                assert_ne!(key(spec).encrypt(*algorithm, &plaintext, &SystemRng), Ok(ciphertext), "randomized");
            }
            let ciphertext = key(spec).encrypt(*algorithm, b"secret", &SystemRng).expect("fits");
            let refused = |ciphertext: &[u8]| {
                assert_eq!(key(spec).decrypt(*algorithm, ciphertext), Err(Error::Refused), "{spec} {algorithm}");
            };
            for byte in (0..ciphertext.len()).step_by(7) {
                let mut touched = ciphertext.clone();
                touched[byte] ^= 1 << (byte % 8);
                refused(&touched);
            }
            for len in 0..ciphertext.len() {
                refused(&ciphertext[..len]);
            }
            refused(&[ciphertext.as_slice(), &[0]].concat());
        }
    }
}

#[test]
fn plaintexts_that_are_too_long_do_not_fit() {
    for spec in [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096] {
        for algorithm in facts(spec).encryption {
            let max = strongroom_core::spec::max_plaintext_bytes(spec, *algorithm).expect("a limit");
            let too_long = vec![7; max + 1];
            assert_eq!(
                key(spec).encrypt(*algorithm, &too_long, &SystemRng),
                Err(Error::DoesNotFit),
                "{spec} {algorithm}"
            );
        }
    }
    let empty = key(KeySpec::Sm2).encrypt(EncryptionAlgorithmSpec::Sm2Pke, b"", &SystemRng);
    assert_eq!(empty, Err(Error::DoesNotFit));
}

#[test]
fn both_sides_agree() {
    for spec in specs_with(KeyUsage::KeyAgreement) {
        let (a, b) = (fresh(spec), fresh(spec));
        let (a_spki, b_spki) = (a.public_key_spki().expect("a pair"), b.public_key_spki().expect("a pair"));
        let secret = a.agree(&b_spki).expect("on the curve");
        assert_eq!(secret, b.agree(&a_spki).expect("on the curve"), "{spec}");
        let coordinate_bytes = if spec == KeySpec::EccNistP384 {
            48
        } else if spec == KeySpec::EccNistP521 {
            66
        } else {
            32
        };
        assert_eq!(secret.len(), coordinate_bytes, "{spec}");
        assert_ne!(secret, a.agree(&a_spki).expect("on the curve"), "{spec}");
    }
}

#[test]
fn peers_that_are_none_are_refused() {
    for spec in specs_with(KeyUsage::KeyAgreement) {
        let spki = key(spec).public_key_spki().expect("a pair");
        let refused = |peer: &[u8]| assert_eq!(key(spec).agree(peer), Err(Error::Refused), "{spec}");
        refused(&[]);
        refused(&spki[..spki.len() - 1]);
        refused(&[spki.as_slice(), &[0]].concat());
        let mut off_the_curve = spki.clone();
        *off_the_curve.last_mut().expect("not empty") ^= 1;
        refused(&off_the_curve);
        for other in KeySpec::ALL.iter().filter(|other| **other != spec) {
            if let Ok(foreign) = key(*other).public_key_spki() {
                refused(&foreign);
            }
        }
        // The bare point, without the algorithm before it.
        let point_at = spki.len()
            - if spec == KeySpec::EccNistP521 { 133 } else { 2 * key(spec).agree(&spki).expect("ours").len() + 1 };
        assert_eq!(spki[point_at], 4);
        refused(&spki[point_at..]);
        // The hybrid form, and the zero byte that is the point at infinity at the length of a point.
        for first in [0, 5, 6, 7] {
            let mut other_form = spki.clone();
            other_form[point_at] = first;
            refused(&other_form);
        }
        let mut identity = spki.clone();
        identity[point_at..].fill(0);
        identity[point_at] = 4;
        refused(&identity);
    }
}

#[test]
fn encapsulated_secrets_come_out() {
    for (spec, ciphertext_bytes) in [(KeySpec::MlKem512, 768), (KeySpec::MlKem768, 1088), (KeySpec::MlKem1024, 1568)] {
        let (ciphertext, secret) = key(spec).encapsulate().expect("fits");
        assert_eq!((ciphertext.len(), secret.len()), (ciphertext_bytes, 32));
        assert_eq!(key(spec).decapsulate(&ciphertext).expect("right length"), secret);
        let (other, other_secret) = key(spec).to_public_key().expect("a pair").encapsulate().expect("fits");
        assert_eq!(key(spec).decapsulate(&other).expect("right length"), other_secret);
        assert_ne!(secret, other_secret);

        // Implicit rejection: another secret, always the same.
        for byte in (0..ciphertext_bytes).step_by(97) {
            let mut touched = ciphertext.clone();
            touched[byte] ^= 1;
            let rejected = key(spec).decapsulate(&touched).expect("right length");
            assert_ne!(rejected, secret);
            assert_eq!(rejected, key(spec).decapsulate(&touched).expect("right length"));
        }
        assert_ne!(fresh(spec).decapsulate(&ciphertext).expect("right length"), secret);
        for len in [0, 1, ciphertext_bytes - 1, ciphertext_bytes + 1, 6144] {
            assert_eq!(key(spec).decapsulate(&vec![0; len]), Err(Error::Refused), "{spec} {len}");
        }
    }
}

#[test]
fn foreign_material_becomes_the_same_key() {
    for spec in KeySpec::ALL {
        let foreign = key(*spec).private_key_pkcs8().unwrap_or_else(|_| stored(key(*spec)));
        let import = |spec: KeySpec, bytes: &[u8]| {
            Material::import(spec, SymmetricSuite::Aes, &SecretBytes::copy_from(bytes)).map(|key| stored(&key))
        };
        assert_eq!(import(*spec, foreign.expose()), Ok(stored(key(*spec))), "{spec}");

        let refused = Err(ImportError::NotOfThisSpec);
        let bytes = foreign.expose();
        assert_eq!(import(*spec, &[bytes, &[0]].concat()), refused, "{spec}: trailing byte");
        assert_eq!(import(*spec, &bytes[..bytes.len() - 1]), refused, "{spec}: cut");
        assert_eq!(import(*spec, &[]), refused, "{spec}: nothing");
        let all_zero_pkcs8 = vec![0; bytes.len()];
        if key(*spec).public_key_spki().is_ok() {
            assert_eq!(import(*spec, &all_zero_pkcs8), refused, "{spec}: zeros");
        }
        for other in KeySpec::ALL.iter().filter(|other| *other != spec) {
            // Raw keys are any bytes of the right length.
            let same_form = key(*other).public_key_spki().is_err() && stored(key(*other)).len() == bytes.len();
            assert_eq!(import(*other, bytes).is_ok(), same_form, "{spec} as {other}");
        }
    }
}

/// A flipped bit in the frame of a PKCS#8 is noticed, or it hits what the key does not depend on: never a panic, and never
/// another key of a public key that was said beside it.
#[test]
fn damaged_imports_do_not_panic() {
    let mut accepted = 0;
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistEdwards25519, KeySpec::MlDsa44, KeySpec::MlKem512, KeySpec::Sm2]
    {
        let pkcs8 = key(spec).private_key_pkcs8().expect("a pair");
        for bit in 0..pkcs8.len() * 8 {
            let mut touched = pkcs8.expose().to_vec();
            touched[bit / 8] ^= 1 << (bit % 8);
            let imported = Material::import(spec, SymmetricSuite::Aes, &SecretBytes::from_vec(touched));
            accepted += usize::from(imported.is_ok());
            if let (Ok(imported), KeySpec::EccNistP256 | KeySpec::Sm2) = (imported, spec) {
                panic!("bit {bit}: {imported:?} does not fit the public key beside it");
            }
        }
    }
    // The seeds of the other three are any bytes.
    assert_eq!(accepted, (32 + 32 + 64) * 8);
}

#[test]
fn public_keys_are_parsed_strictly() {
    for spec in KeySpec::ALL {
        let Ok(spki) = key(*spec).public_key_spki() else {
            assert_eq!(PublicKey::from_spki(*spec, &[]).map(drop), Err(Error::DoesNotFit), "{spec}");
            continue;
        };
        assert_eq!(PublicKey::from_spki(*spec, &spki).expect("our own").spki(), spki, "{spec}");
        let refused = |bytes: &[u8]| {
            assert_eq!(PublicKey::from_spki(*spec, bytes).map(drop), Err(Error::Refused), "{spec}");
        };
        refused(&[]);
        refused(&[spki.as_slice(), &[0]].concat());
        refused(&spki[..spki.len() - 1]);
        for other in KeySpec::ALL.iter().filter(|other| *other != spec) {
            if let Ok(foreign) = key(*other).public_key_spki() {
                refused(&foreign);
            }
        }
    }
}

/// A handle is shared by all calls at once.
#[test]
fn material_may_be_used_by_many_threads() {
    fn check<T: Send + Sync>() {}
    check::<Material>();
    check::<PublicKey>();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for spec in [KeySpec::Rsa2048, KeySpec::EccNistP256, KeySpec::EccNistEdwards25519, KeySpec::MlDsa44] {
                    for algorithm in facts(spec).signing {
                        let digest = digest_for(*algorithm, b"message");
                        for message in forms(*algorithm, b"message", &digest) {
                            let fresh_handles = Material::from_stored(spec, &stored(key(spec))).expect("our own");
                            let signature = key(spec).sign(*algorithm, message, &SystemRng).expect("signs");
                            assert_eq!(fresh_handles.verify(*algorithm, message, &signature), Ok(()));
                        }
                    }
                }
            });
        }
    });
}

/// Bare bytes are the same key as their encoding, and what import refuses is refused here.
#[test]
fn bare_material_is_the_same_key() {
    for spec in KeySpec::ALL {
        let key = key(*spec);
        let bare = |bytes: &[u8]| Material::from_bare(*spec, SymmetricSuite::Aes, &SecretBytes::copy_from(bytes));
        let encoded = key.private_key_pkcs8().unwrap_or_else(|_| stored(key));
        assert_eq!(stored(&bare(encoded.expose()).expect("as imported")), stored(key), "{spec}");
        if facts(*spec).usages.contains(&KeyUsage::EncapsulateDecapsulate) || spec.as_str().starts_with("ML_DSA") {
            assert_eq!(stored(&bare(stored(key).expose()).expect("a seed")), stored(key), "{spec}");
        }
        for bad in [&[][..], &[1; 3], &[0xff; 66]] {
            assert!(bare(bad).is_err(), "{spec}");
        }
        if let Ok(spki) = key.public_key_spki() {
            let spec_of_another = key.has_public_key(&[7; 32]);
            assert!(key.has_public_key(&spki[spki.len() - 32..]) && !spec_of_another, "{spec}");
            assert!(!key.has_public_key(&[]), "{spec}");
        }
    }
}

/// RFC 8037, appendix A.1: an Ed25519 key as its bare seed, and its public half.
#[test]
fn a_published_seed_has_its_public_key() {
    let seed = crate::testing::hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let point = crate::testing::hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let spec = KeySpec::EccNistEdwards25519;
    let key = Material::from_bare(spec, SymmetricSuite::Aes, &SecretBytes::copy_from(&seed)).expect("a seed");
    assert!(key.has_public_key(&point));
    // The smallest scalars: their points are the curves' generators.
    for (spec, len) in [(KeySpec::EccNistP256, 32), (KeySpec::EccNistP521, 66), (KeySpec::Sm2, 32)] {
        let mut one = vec![0; len];
        let take = |bytes: &[u8]| Material::from_bare(spec, SymmetricSuite::Aes, &SecretBytes::copy_from(bytes));
        assert!(take(&one).is_err(), "{spec}: zero");
        one[len - 1] = 1;
        assert!(take(&one).is_ok(), "{spec}: one");
    }
}
