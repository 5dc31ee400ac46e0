//! Tokens of an issuer of our own: what is taken, and what is not.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use strongroom_core::generated::KeySpec;
use strongroom_core::world::SeededRng;
use strongroom_crypto::material::{Material, SymmetricSuite};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const ISSUER: &str = "https://issuer.example";

struct Issuer {
    key: EncodingKey,
    jwk: Value,
}

/// A P-256 key pair, as JWT libraries take it.
fn issuer(seed: u64, kid: &str) -> Issuer {
    let rng = SeededRng::new(seed);
    let pair = Material::generate(KeySpec::EccNistP256, SymmetricSuite::Aes, &rng).expect("a key pair");
    let spki = pair.public_key_spki().expect("public");
    // The uncompressed point ends the structure (RFC 5480).
    let (x, y) = spki[spki.len() - 64..].split_at(32);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    });
    let pkcs8 = pair.private_key_pkcs8().expect("private");
    Issuer { key: EncodingKey::from_ec_der(pkcs8.expose()), jwk }
}

fn keys(issuers: &[&Issuer]) -> JwkSet {
    let keys: Vec<&Value> = issuers.iter().map(|issuer| &issuer.jwk).collect();
    serde_json::from_value(json!({ "keys": keys })).expect("a key set")
}

fn claims() -> Value {
    let now = NOW.as_secs();
    json!({"iss": ISSUER, "sub": "alice", "aud": "app", "iat": now - 10, "nbf": now - 10, "exp": now + 600})
}

fn token(issuer: &Issuer, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(Into::into), ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &issuer.key).expect("signs")
}

fn verify(token: &str, keys: &JwkSet) -> Result<Claims, Refusal> {
    Unverified::read(token)?.verify(keys, &["app".into(), "other".into()], NOW)
}

#[test]
fn a_good_token_says_who_its_holder_is() {
    let own = issuer(1, "one");
    let mut told = claims();
    told["amr"] = json!(["mfa"]);
    told["https://aws.amazon.com/tags"] =
        json!({"principal_tags": {"team": ["blue"], "env": "prod"}, "transitive_tag_keys": ["team"]});
    told["https://aws.amazon.com/source_identity"] = json!("alice@example");
    let read = verify(&token(&own, Some("one"), &told), &keys(&[&own])).expect("good");
    assert_eq!((read.issuer.as_str(), read.subject.as_str(), read.audience.as_str()), (ISSUER, "alice", "app"));
    let tags: Vec<_> = read.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
    assert_eq!(tags, [("env", "prod"), ("team", "blue")]);
    assert_eq!((read.methods, read.transitive), (vec!["mfa".to_owned()], vec!["team".to_owned()]));
    assert_eq!(read.source_identity.as_deref(), Some("alice@example"));
    // Without a key id every fitting key is tried.
    let other = issuer(2, "two");
    assert!(verify(&token(&own, None, &claims()), &keys(&[&other, &own])).is_ok());
}

#[test]
fn claims_are_asked_one_by_one() {
    let own = issuer(1, "one");
    let now = NOW.as_secs();
    let check = |claim: &str, value: Option<Value>, expect: Refusal| {
        let mut told = claims();
        match value {
            Some(value) => told[claim] = value,
            None => drop(told.as_object_mut().expect("an object").remove(claim)),
        }
        assert_eq!(verify(&token(&own, Some("one"), &told), &keys(&[&own])), Err(expect), "{claim}");
    };
    check("exp", Some(json!(now)), Refusal::Expired { now, expired: now });
    check("exp", Some(json!(now - 1)), Refusal::Expired { now, expired: now - 1 });
    check("exp", None, Refusal::MissingClaim("exp"));
    check("exp", Some(json!("soon")), Refusal::BadClaim("exp"));
    check("exp", Some(json!(1e300)), Refusal::BadClaim("exp"));
    check("iat", None, Refusal::MissingClaim("iat"));
    check("iat", Some(json!(now + 301)), Refusal::NotYet);
    check("nbf", Some(json!(now + 301)), Refusal::NotYet);
    check("aud", None, Refusal::MissingClaim("aud"));
    check("aud", Some(json!("elsewhere")), Refusal::Audience);
    check("aud", Some(json!(["elsewhere", 7])), Refusal::BadClaim("aud"));
    check("azp", Some(json!("elsewhere")), Refusal::Audience);
    check("sub", None, Refusal::MissingClaim("sub"));
    check("sub", Some(json!("")), Refusal::BadClaim("sub"));
    check("iss", None, Refusal::MissingClaim("iss"));
    check("amr", Some(json!(1)), Refusal::BadClaim("amr"));
    check(TAGS, Some(json!([])), Refusal::BadClaim(TAGS));
    check(TAGS, Some(json!({"principal_tags": {"a": ["b", "c"]}})), Refusal::BadClaim(TAGS));
    check(TAGS, Some(json!({"principal_tags": {"": "b"}})), Refusal::BadClaim(TAGS));
}

#[test]
fn what_another_signed_or_nobody_is_refused() {
    let (own, other) = (issuer(1, "one"), issuer(2, "one"));
    let good = token(&own, Some("one"), &claims());
    let set = keys(&[&own]);
    assert_eq!(verify(&token(&other, Some("one"), &claims()), &set), Err(Refusal::Signature), "another key");
    assert_eq!(verify(&token(&own, Some("none"), &claims()), &set), Err(Refusal::NoKey), "an unknown key");
    assert_eq!(verify(&good, &keys(&[])), Err(Refusal::NoKey));

    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let mut told = claims();
    told["sub"] = json!("mallory");
    let forged = part(&told);
    assert_eq!(verify(&format!("{}.{forged}.{}", parts[0], parts[2]), &set), Err(Refusal::Signature), "forged");
    assert_eq!(verify(&format!("{}.{}.", parts[0], parts[1]), &set), Err(Refusal::Signature), "no signature");
    for algorithm in ["none", "None", "HS256", "ES512", "EdDSA", ""] {
        let header = part(&json!({"alg": algorithm, "kid": "one"}));
        let text = format!("{header}.{}.{}", parts[1], parts[2]);
        assert_eq!(verify(&text, &set), Err(Refusal::Algorithm), "{algorithm}");
    }
    let header = part(&json!({"alg": "RS256", "kid": "one"}));
    assert_eq!(verify(&format!("{header}.{}.{}", parts[1], parts[2]), &set), Err(Refusal::NoKey), "another type");
    let header = part(&json!({"alg": "ES256", "kid": "one", "crit": ["b64"]}));
    assert_eq!(verify(&format!("{header}.{}.{}", parts[1], parts[2]), &set), Err(Refusal::Algorithm), "crit");
}

#[test]
fn an_hmac_under_the_public_key_is_refused() {
    let own = issuer(1, "one");
    let public = own.jwk["x"].as_str().expect("a text").to_owned();
    let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
    let text = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(public.as_bytes())).expect("signs");
    assert_eq!(verify(&text, &keys(&[&own])), Err(Refusal::Algorithm));
    // Nor where the issuer publishes a symmetric key.
    let symmetric = Issuer { key: own.key, jwk: json!({"kty": "oct", "kid": "one", "k": public}) };
    assert_eq!(verify(&text, &keys(&[&symmetric])), Err(Refusal::Algorithm));
    assert_eq!(verify(&token(&symmetric, Some("one"), &claims()), &keys(&[&symmetric])), Err(Refusal::NoKey));
}

#[test]
fn what_is_no_token_is_malformed() {
    let deep = URL_SAFE_NO_PAD.encode("[".repeat(100_000));
    for text in ["", ".", "..", "a.b", "a.b.c", "e30.e30.e30", "e30.e30.e30.e30", &format!("{deep}.{deep}.{deep}")] {
        assert_eq!(Unverified::read(text).map(drop), Err(Refusal::Malformed), "{text:.20}");
    }
}
