//! Tokens of identity providers (RFC 7519): read, verified with the provider's keys (RFC 7517), and turned into claims.
//!
//! # Invariants
//! - The algorithm is one of [`ALGORITHMS`], all of them with public keys: a token cannot choose `none` or an HMAC under a public
//!   key.
//! - Nothing of a token is believed before its signature was good, but the issuer, by which its keys are found.
//! - Time is handed in.
//!
//! # Not here
//! Where keys come from (`issuers`), and what a claim allows.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use strongroom_core::key::Tag;
use strongroom_core::world::Timestamp;

/// What a token may be signed with.
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// How far the issuer's clock may be ahead of ours, in seconds.
const SKEW_SECS: i64 = 300;

/// Tags that a token may bring.
const TAGS_MAX: usize = 50;

/// Keys of a set that are tried for a token that names none.
const TRIED_MAX: usize = 16;

/// Why a token is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a token in the compact form, or a header or claim of another type.
    #[error("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")]
    Malformed,
    /// An algorithm that is not taken.
    #[error("The algorithm of the ID Token is not supported")]
    Algorithm,
    /// None of the issuer's keys is the one that signed.
    #[error(
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
    )]
    NoKey,
    /// The signature is not good.
    #[error("The signature of the ID Token is not valid")]
    Signature,
    /// A claim is missing.
    #[error("Missing a required claim: {0}")]
    MissingClaim(&'static str),
    /// A claim is there and of the wrong kind.
    #[error("The claim {0} is not valid")]
    BadClaim(&'static str),
    /// For somebody else.
    #[error("Incorrect token audience")]
    Audience,
    /// Its time has not come.
    #[error("Token is not yet valid")]
    NotYet,
    /// Its time is over.
    #[error("Token expired: current date/time {now} must be before the expiration date/time {expired}")]
    Expired {
        /// In seconds since the epoch.
        now: i64,
        /// In seconds since the epoch.
        expired: i64,
    },
}

/// A token, not yet believed.
#[derive(Clone, Debug)]
pub struct Unverified<'a> {
    text: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
    issuer: String,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
    /// The audience that the account's provider takes: `azp` when there is one, else `aud`.
    pub audience: String,
    /// `amr`
    pub methods: Vec<String>,
    /// Session tags.
    pub tags: Vec<Tag>,
    /// Keys of those that are handed on.
    pub transitive: Vec<String>,
    /// The source identity.
    pub source_identity: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Reads header and issuer.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Algorithm`], [`Refusal::MissingClaim`].
    pub fn read(text: &'a str) -> Result<Self, Refusal> {
        let (header, rest) = text.split_once('.').ok_or(Refusal::Malformed)?;
        let (payload, signature) = rest.split_once('.').ok_or(Refusal::Malformed)?;
        if signature.contains('.') {
            return Err(Refusal::Malformed);
        }
        let header = object(header)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Refusal::Malformed)?;
        let algorithm: Algorithm = algorithm.parse().map_err(|_| Refusal::Algorithm)?;
        if !ALGORITHMS.contains(&algorithm) || header.get("crit").is_some() {
            return Err(Refusal::Algorithm);
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Refusal::Malformed),
        };
        let issuer = text_of(&object(payload)?, "iss")?;
        Ok(Self { text, algorithm, key_id, issuer })
    }

    /// Who claims to have made it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the signature and the claims that every token needs.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::NoKey`] may go away with newer keys.
    pub fn verify(&self, keys: &JwkSet, client_ids: &[String], now: Timestamp) -> Result<Claims, Refusal> {
        let named = |key: &&Jwk| self.key_id.is_none() || key.common.key_id == self.key_id;
        let candidates = keys.keys.iter().filter(named).filter(|key| fits(key, self.algorithm)).take(TRIED_MAX);
        let mut validation = Validation::new(self.algorithm);
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        validation.required_spec_claims = HashSet::new();
        let mut refusal = Refusal::NoKey;
        for key in candidates {
            let Ok(key) = DecodingKey::from_jwk(key) else { continue };
            match jsonwebtoken::decode::<Value>(self.text, &key, &validation) {
                Ok(token) => return self.claims(&token.claims, client_ids, now),
                Err(_) => refusal = Refusal::Signature,
            }
        }
        Err(refusal)
    }

    fn claims(&self, claims: &Value, client_ids: &[String], now: Timestamp) -> Result<Claims, Refusal> {
        let issuer = text_of(claims, "iss")?;
        if issuer != self.issuer {
            return Err(Refusal::BadClaim("iss"));
        }
        let now = now.as_secs();
        let expired = moment(claims, "exp")?.ok_or(Refusal::MissingClaim("exp"))?;
        let issued = moment(claims, "iat")?.ok_or(Refusal::MissingClaim("iat"))?;
        let begins = moment(claims, "nbf")?.unwrap_or(issued);
        if issued > now.saturating_add(SKEW_SECS) || begins > now.saturating_add(SKEW_SECS) {
            return Err(Refusal::NotYet);
        }
        if now >= expired {
            return Err(Refusal::Expired { now, expired });
        }
        let audiences = texts(claims, "aud")?.ok_or(Refusal::MissingClaim("aud"))?;
        let party = match claims.get("azp") {
            None => None,
            Some(_) => Some(text_of(claims, "azp")?),
        };
        // Google's tokens name the client in `azp`; it is what the provider must know then, as AWS has it.
        let offered = party.as_slice().iter().chain(if party.is_none() { &audiences[..] } else { &[] });
        let audience = offered.into_iter().find(|audience| client_ids.contains(audience)).cloned();
        Ok(Claims {
            audience: audience.ok_or(Refusal::Audience)?,
            subject: text_of(claims, "sub")?,
            methods: texts(claims, "amr")?.unwrap_or_default(),
            tags: tags(claims)?,
            transitive: transitive(claims)?,
            source_identity: match claims.get("https://aws.amazon.com/source_identity") {
                None => None,
                Some(Value::String(identity)) if (2..=64).contains(&identity.len()) => Some(identity.clone()),
                Some(_) => return Err(Refusal::BadClaim("https://aws.amazon.com/source_identity")),
            },
            issuer,
        })
    }
}

/// Whether a key can have made a signature of this algorithm.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_for_signing = !matches!(&key.common.public_key_use, Some(usage) if *usage != PublicKeyUse::Signature);
    let is_named = key.common.key_algorithm.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let curve = if algorithm == Algorithm::ES256 {
        Some(EllipticCurve::P256)
    } else if algorithm == Algorithm::ES384 {
        Some(EllipticCurve::P384)
    } else {
        None
    };
    let is_of_type = match (&key.algorithm, curve) {
        (AlgorithmParameters::RSA(_), None) => true,
        (AlgorithmParameters::EllipticCurve(parameters), Some(curve)) => parameters.curve == curve,
        _ => false,
    };
    is_for_signing && is_named && is_of_type
}

fn object(part: &str) -> Result<Value, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)?;
    if value.is_object() { Ok(value) } else { Err(Refusal::Malformed) }
}

fn text_of(claims: &Value, name: &'static str) -> Result<String, Refusal> {
    match claims.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(Refusal::BadClaim(name)),
        None => Err(Refusal::MissingClaim(name)),
    }
}

/// One text or several.
fn texts(claims: &Value, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
        Some(Value::Array(items)) => {
            let item = |item: &Value| item.as_str().map(str::to_owned).ok_or(Refusal::BadClaim(name));
            items.iter().map(item).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(Refusal::BadClaim(name)),
    }
}

/// Seconds since the epoch; fractions are cut off.
fn moment(claims: &Value, name: &'static str) -> Result<Option<i64>, Refusal> {
    const LATEST: f64 = 253_402_300_799.0;
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(secs), _) => Ok(Some(secs)),
            #[expect(clippy::cast_possible_truncation, reason = "within the range that was just asked for")]
            (None, Some(secs)) if (0.0..=LATEST).contains(&secs) => Ok(Some(secs as i64)),
            (None, _) => Err(Refusal::BadClaim(name)),
        },
        Some(_) => Err(Refusal::BadClaim(name)),
    }
}

const TAGS: &str = "https://aws.amazon.com/tags";

/// `{"principal_tags": {"team": ["blue"]}, …}`: one value for each key.
fn tags(claims: &Value) -> Result<Vec<Tag>, Refusal> {
    let bad = || Refusal::BadClaim(TAGS);
    let Some(claim) = claims.get(TAGS) else { return Ok(Vec::new()) };
    let principal_tags = claim.get("principal_tags").and_then(Value::as_object).ok_or_else(bad)?;
    let tag = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::String(value) => value,
            Value::Array(values) => match &values[..] {
                [Value::String(value)] => value,
                _ => return Err(bad()),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Err(bad()),
        };
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if fits { Ok(Tag { key: key.clone(), value: value.clone() }) } else { Err(bad()) }
    };
    if principal_tags.len() > TAGS_MAX {
        return Err(bad());
    }
    principal_tags.iter().map(tag).collect()
}

fn transitive(claims: &Value) -> Result<Vec<String>, Refusal> {
    let Some(claim) = claims.get(TAGS) else { return Ok(Vec::new()) };
    Ok(texts(claim, "transitive_tag_keys").map_err(|_| Refusal::BadClaim(TAGS))?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
