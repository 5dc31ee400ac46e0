//! Tokens of identity providers: reading and verifying take anything without a panic, nobody but the issuer makes a token that is
//! taken, and what is taken is what its claims say.
//!
//! The input is text. `token` begins a line with a token as it came; `header` and `claims` those with the parts of one that the
//! issuer's key signs, whatever they say; `keys` one with a key set of somebody else.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use strongroom_core::generated::KeySpec;
use strongroom_core::world::{SeededRng, Timestamp};
use strongroom_crypto::material::{Material, SymmetricSuite};
use strongroom_service::jwt::{Claims, Refusal, Unverified};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const HEADER: &str = r#"{"alg":"ES256","kid":"one"}"#;
const SKEW_SECS: f64 = 300.0;
/// The end of the year 9999.
const LATEST_SECS: f64 = 253_402_300_799.0;

/// The issuer's key, and the set that it publishes.
static ISSUER: LazyLock<(EncodingKey, JwkSet)> = LazyLock::new(|| {
    let pair = Material::generate(KeySpec::EccNistP256, SymmetricSuite::Aes, &SeededRng::new(1)).expect("a key pair");
    let spki = pair.public_key_spki().expect("public");
    // The uncompressed point ends the structure (RFC 5480).
    let [x, y] = [64, 32].map(|from_end| URL_SAFE_NO_PAD.encode(&spki[spki.len() - from_end..][..32]));
    let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256", "x": x, "y": y});
    let set = serde_json::from_value(json!({ "keys": [key] })).expect("a key set");
    (EncodingKey::from_ec_der(pair.private_key_pkcs8().expect("private").expose()), set)
});

static CLIENTS: LazyLock<[String; 2]> = LazyLock::new(|| ["app", "other"].map(str::to_owned));

fuzz_target!(|text: &str| {
    let (_, own_keys) = &*ISSUER;
    let (mut header, mut claims, mut foreign_keys) = (HEADER, None, JwkSet { keys: Vec::new() });
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("token", token)) => {
                if let Ok(claims) = verify(token, own_keys, &CLIENTS[..], NOW) {
                    panic!("nobody signed it: {claims:?}");
                }
                let _ = verify(token, &foreign_keys, &CLIENTS[..], NOW);
            }
            Some(("header", text)) => header = text,
            Some(("claims", text)) => claims = Some(text),
            Some(("keys", text)) => foreign_keys = serde_json::from_str(text).unwrap_or(foreign_keys),
            _ => {}
        }
    }
    if let Some(claims) = claims {
        check_signed(header, claims, &foreign_keys);
    }
});

/// A token that the issuer signed.
fn check_signed(header: &str, claims: &str, foreign_keys: &JwkSet) {
    let (own, own_keys) = &*ISSUER;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), own, Algorithm::ES256).expect("signs");
    let token = format!("{message}.{signature}");
    let Ok(taken) = verify(&token, own_keys, &CLIENTS[..], NOW) else { return };
    check_header(&serde_json::from_str(header).expect("it was read"));
    let said: Value = serde_json::from_str(claims).expect("they were read");
    check_claims(&taken, &said);

    assert!(verify(&token, foreign_keys, &CLIENTS[..], NOW).is_err(), "with keys of others");
    assert_eq!(verify(&token, own_keys, &[], NOW), Err(Refusal::Audience), "for nobody's client");
    let end = said["exp"].as_f64().expect("a number");
    if end < LATEST_SECS {
        let late = Timestamp::from_millis(end as i64 * 1000);
        assert!(matches!(verify(&token, own_keys, &CLIENTS[..], late), Err(Refusal::Expired { .. })), "at its end");
    }
    let mut forged = signature.into_bytes();
    forged[0] = if forged[0] == b'A' { b'B' } else { b'A' };
    let forged = format!("{message}.{}", String::from_utf8(forged).expect("ASCII"));
    assert_eq!(verify(&forged, own_keys, &CLIENTS[..], NOW), Err(Refusal::Signature), "another signature");
}

fn verify(token: &str, keys: &JwkSet, clients: &[String], now: Timestamp) -> Result<Claims, Refusal> {
    Unverified::read(token)?.verify(keys, clients, now)
}

fn check_header(header: &Value) {
    assert_eq!(header["alg"], "ES256", "the key makes no other signature");
    assert!(header.get("crit").is_none() && header.get("kid").is_none_or(|id| id == "one"), "{header}");
}

/// What was taken, against what was said.
fn check_claims(taken: &Claims, said: &Value) {
    let now = NOW.as_secs() as f64;
    let moment = |name: &str| said[name].as_f64();
    assert!(said["iss"] == *taken.issuer && said["sub"] == *taken.subject && !taken.subject.is_empty());
    assert!(moment("exp").is_some_and(|exp| exp > now), "expired");
    assert!(moment("iat").is_some_and(|iat| iat < now + SKEW_SECS + 1.0), "issued in the future");
    assert!(moment("nbf").is_none_or(|nbf| nbf < now + SKEW_SECS + 1.0), "not yet valid");
    let offered = said.get("azp").unwrap_or(&said["aud"]);
    let is_offered = *offered == *taken.audience
        || offered.as_array().is_some_and(|all| all.iter().any(|one| *one == *taken.audience));
    assert!(is_offered && CLIENTS.contains(&taken.audience), "for {}", taken.audience);
    let tags = said.get("https://aws.amazon.com/tags").and_then(|claim| claim["principal_tags"].as_object());
    assert_eq!(taken.tags.len(), tags.map_or(0, serde_json::Map::len));
    for tag in &taken.tags {
        let value = &tags.expect("there are some")[&tag.key];
        assert!(*value == *tag.value || value.as_array().is_some_and(|one| one.len() == 1 && one[0] == *tag.value));
    }
    let identity = said.get("https://aws.amazon.com/source_identity").and_then(Value::as_str);
    assert_eq!(taken.source_identity.as_deref(), identity);
}
