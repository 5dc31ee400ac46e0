//! Sample vectors of NIST's Automated Cryptographic Validation Program, a handful of each kind.

use serde_json::Value;
use shake::{ExtendableOutput, Shake256, Update};
use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::mac::HmacSha256Key;
use strongroom_crypto::material::{Material, Message};
use strongroom_crypto::public::PublicKey;

use crate::{der, hex};

fn load(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

fn rows<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().filter(|rows| !rows.is_empty()).expect("rows")
}

#[track_caller]
fn bytes(value: &Value, name: &str) -> Vec<u8> {
    hex(value[name].as_str().expect("hex digits"))
}

fn spec(value: &Value) -> KeySpec {
    let name = value["parameterSet"].as_str().expect("a parameter set");
    name.replace('-', "_").parse().expect("a key spec of the same name")
}

fn from_seed(spec: KeySpec, seed: Vec<u8>) -> Material {
    Material::from_stored(spec, &SecretBytes::from_vec(seed)).expect("a seed")
}

#[test]
fn ml_dsa_keys_from_seeds() {
    let vectors = load(include_str!("../vectors/acvp-ML-DSA-keyGen-FIPS204.json"));
    for vector in rows(&vectors, "vectors") {
        let spec = spec(vector);
        let key = from_seed(spec, bytes(vector, "seed"));
        assert_eq!(key.public_key_spki().unwrap(), der::pq_spki(spec, &bytes(vector, "pk")), "{}", vector["tcId"]);
    }
}

/// These vectors sign μ = SHAKE256(SHAKE256(pk) ‖ M) without a context, which only an external μ can express.
#[test]
fn ml_dsa_signatures() {
    let vectors = load(include_str!("../vectors/acvp-ML-DSA-sigVer-FIPS204.json"));
    for group in rows(&vectors, "groups") {
        let (spec, public) = (spec(group), bytes(group, "pk"));
        let key = PublicKey::from_spki(spec, &der::pq_spki(spec, &public)).expect("a sound key");
        for test in rows(group, "tests") {
            let mu = shake256(&[&shake256(&[&public]), &bytes(test, "message")]);
            let verified =
                key.verify(SigningAlgorithmSpec::MlDsaShake256, Message::ExternalMu(&mu), &bytes(test, "signature"));
            assert_eq!(Some(verified.is_ok()), test["testPassed"].as_bool(), "{} {}", test["tcId"], test["reason"]);
        }
    }
}

fn shake256(parts: &[&[u8]]) -> [u8; 64] {
    let mut state = Shake256::default();
    parts.iter().for_each(|part| state.update(part));
    let mut out = [0; 64];
    state.finalize_xof_into(&mut out);
    out
}

#[test]
fn ml_kem_keys_from_seeds() {
    let vectors = load(include_str!("../vectors/acvp-ML-KEM-keyGen-FIPS203.json"));
    for vector in rows(&vectors, "vectors") {
        let spec = spec(vector);
        let key = from_seed(spec, [bytes(vector, "d"), bytes(vector, "z")].concat());
        assert_eq!(key.public_key_spki().unwrap(), der::pq_spki(spec, &bytes(vector, "ek")), "{}", vector["tcId"]);
    }
}

/// Decapsulation under keys whose seed is not published: by the library that decapsulates for us.
#[test]
fn ml_kem_decapsulation() {
    use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};

    let vectors = load(include_str!("../vectors/acvp-ML-KEM-encapDecap-FIPS203.json"));
    for group in rows(&vectors, "groups") {
        let algorithm = match spec(group) {
            KeySpec::MlKem512 => &ML_KEM_512,
            KeySpec::MlKem768 => &ML_KEM_768,
            KeySpec::MlKem1024 => &ML_KEM_1024,
            other => panic!("{other} is not ML-KEM"),
        };
        let key = DecapsulationKey::new(algorithm, &bytes(group, "dk")).expect("a sound key");
        for test in rows(group, "tests") {
            let secret = key.decapsulate(Ciphertext::from(bytes(test, "c").as_slice())).expect("32 bytes");
            assert_eq!(secret.as_ref(), bytes(test, "k"), "{} {}", test["tcId"], test["reason"]);
        }
    }
}

/// The counter mode of SP 800-108 with HMAC-SHA-256 and a 32-bit counter before the fixed data.
#[test]
fn counter_kdf() {
    let vectors = load(include_str!("../vectors/acvp-KDF-1.0.json"));
    for vector in rows(&vectors, "vectors") {
        let key = HmacSha256Key::new(&bytes(vector, "keyIn"));
        let (fixed, expect) = (bytes(vector, "fixedData"), bytes(vector, "keyOut"));
        let blocks = (1..=u32::try_from(expect.len().div_ceil(32)).expect("few blocks"))
            .flat_map(|counter| key.sign(&[&counter.to_be_bytes(), &fixed]));
        assert_eq!(blocks.take(expect.len()).collect::<Vec<_>>(), expect, "{}", vector["tcId"]);
    }
}
