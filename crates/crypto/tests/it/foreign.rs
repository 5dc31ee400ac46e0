//! Keys that other programs made, and bad ones: what an import takes and what it refuses.

use std::collections::HashMap;

use serde_json::Value;
use strongroom_core::generated::KeySpec;
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::material::{ImportError, Material, Message, SymmetricSuite};
use strongroom_crypto::rng::SystemRng;

use crate::{der, hex, import};

#[test]
fn foreign_keys() {
    let keys: Value = serde_json::from_str(include_str!("../vectors/foreign-keys.json")).expect("JSON");
    let keys = keys["keys"].as_array().expect("rows");
    assert_eq!(keys.len(), 83);
    let mut wrong = vec![];
    for key in keys {
        let text = |name: &str| key[name].as_str();
        let (name, spec) = (text("name").expect("a name"), text("keySpec").expect("a spec").parse().expect("a spec"));
        let imported = import(spec, &hex(text("pkcs8").expect("hex digits")));
        let expect = match text("expect") {
            Some("key") => Ok(hex(text("spki").expect("hex digits"))),
            Some("weak") => Err(ImportError::Weak),
            Some("not of this spec") => Err(ImportError::NotOfThisSpec),
            other => panic!("{name}: expects {other:?}"),
        };
        let got = imported.as_ref().map(|key| key.public_key_spki().unwrap()).map_err(|error| *error);
        let stable = imported.is_err() || imported.as_ref().is_ok_and(is_stored_and_found);
        if got != expect || !stable {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether the stored form opens to the same key.
fn is_stored_and_found(key: &Material) -> bool {
    let stored = key.to_stored().unwrap();
    let again = Material::from_stored(key.spec(), &stored).expect("what we stored");
    again.public_key_spki() == key.public_key_spki() && again.to_stored() == Ok(stored)
}

/// A bit flipped anywhere in an encoding gives an error or another key, never a panic and never the same key by two names.
#[test]
fn flipped_bits() {
    let keys: Value = serde_json::from_str(include_str!("../vectors/foreign-keys.json")).expect("JSON");
    let sound = keys["keys"].as_array().expect("rows").iter().filter(|key| key["expect"] == "key");
    for key in sound {
        let spec: KeySpec = key["keySpec"].as_str().expect("a spec").parse().expect("a spec");
        let rsa = matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096);
        let pkcs8 = hex(key["pkcs8"].as_str().expect("hex digits"));
        let original = import(spec, &pkcs8).expect("sound").to_stored().unwrap();
        // A damaged RSA key costs two primality tests; the framing and the borders of the numbers are in the first bytes.
        let bits = if rsa { 40 * 8 } else { pkcs8.len() * 8 };
        for bit in 0..bits {
            let mut touched = pkcs8.clone();
            touched[bit / 8] ^= 1 << (bit % 8);
            if let Ok(imported) = import(spec, &touched) {
                let same = imported.to_stored().unwrap() == original;
                assert!(!same, "{} as {spec}: bit {bit} does not matter", key["name"]);
            }
        }
    }
}

/// Beside its seed, the published expanded key is taken when it fits, and refused when it does not.
#[test]
fn ml_kem_keys_with_seed_and_expanded_key() {
    let vectors: Value =
        serde_json::from_str(include_str!("../vectors/acvp-ML-KEM-keyGen-FIPS203.json")).expect("JSON");
    for vector in vectors["vectors"].as_array().expect("rows") {
        let part = |name: &str| hex(vector[name].as_str().expect("hex digits"));
        let spec: KeySpec = vector["parameterSet"].as_str().expect("a name").replace('-', "_").parse().expect("a spec");
        let seed = [part("d"), part("z")].concat();
        let imported = import(spec, &der::pq_pkcs8(spec, &seed, &part("dk"))).expect("published");
        assert_eq!(imported.to_stored().unwrap().expose(), seed);
        let mut other = part("dk");
        *other.last_mut().expect("a key") ^= 1;
        assert_eq!(import(spec, &der::pq_pkcs8(spec, &seed, &other)).err(), Some(ImportError::NotOfThisSpec));
    }
}

#[test]
fn raw_material_has_exactly_its_length() {
    use KeySpec as K;
    let rows = [
        (K::SymmetricDefault, SymmetricSuite::Aes, 32),
        (K::SymmetricDefault, SymmetricSuite::Sm4, 16),
        (K::Hmac224, SymmetricSuite::Aes, 28),
        (K::Hmac256, SymmetricSuite::Aes, 32),
        (K::Hmac384, SymmetricSuite::Aes, 48),
        (K::Hmac512, SymmetricSuite::Aes, 64),
    ];
    for (spec, suite, bytes) in rows {
        for len in 0..=80 {
            let imported = Material::import(spec, suite, &SecretBytes::from_vec(vec![7; len]));
            assert_eq!(imported.is_ok(), len == bytes, "{spec} {suite:?} {len}");
        }
    }
}

/// What other programs signed, encrypted, agreed and encapsulated with these keys is good here.
#[test]
fn foreign_results() {
    let parse = |json| serde_json::from_str::<Value>(json).expect("JSON");
    let keys = parse(include_str!("../vectors/foreign-keys.json"));
    let results = parse(include_str!("../vectors/foreign-results.json"));
    let keys: HashMap<_, _> =
        keys["keys"].as_array().expect("rows").iter().map(|key| (key["name"].as_str().expect("a name"), key)).collect();
    let results = results["results"].as_array().expect("rows");
    assert_eq!(results.len(), 48);
    for result in results {
        let text = |name: &str| result[name].as_str().expect(name);
        let key = keys[text("key")];
        let spec = key["keySpec"].as_str().expect("a spec").parse().expect("a spec");
        let key = import(spec, &hex(key["pkcs8"].as_str().expect("hex digits"))).expect("sound");
        let name = format!("{} {}", text("key"), text("algorithm"));
        let (input, output) = (hex(text("input")), hex(text("output")));
        match text("operation") {
            "sign" => {
                let (algorithm, message) = (text("algorithm").parse().expect("an algorithm"), Message::Raw(&input));
                assert_eq!(key.verify(algorithm, message, &output), Ok(()), "{name}");
                if result["deterministic"] == true {
                    assert_eq!(key.sign(algorithm, message, &SystemRng), Ok(output), "{name}");
                }
            }
            "encrypt" => {
                let opened = key.decrypt(text("algorithm").parse().expect("an algorithm"), &output).expect(&name);
                assert_eq!(opened.expose(), input, "{name}");
            }
            "agree" => assert_eq!(key.agree(&input).expect(&name).expose(), output, "{name}"),
            "encapsulate" => assert_eq!(key.decapsulate(&output).expect(&name).expose(), input, "{name}"),
            other => panic!("{name}: {other}?"),
        }
    }
}
