//! Material as people write it: hex, base64, PEM, JWK.

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use strongroom_core::generated::KeySpec;
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::material::{ImportError, Material, RsaNumbers, SymmetricSuite};
use zeroize::Zeroizing;

use super::model::{JwkText, MaterialText};
use crate::config::SecretText;

/// What is wrong with material, and in which field.
pub(super) type Wrong = (&'static str, String);

fn wrong<T>(field: &'static str, problem: impl Into<String>) -> Result<T, Wrong> {
    Err((field, problem.into()))
}

/// The material that the text means.
pub(super) fn read(text: &MaterialText, spec: KeySpec, suite: SymmetricSuite) -> Result<Material, Wrong> {
    let refused = |field| {
        move |error: ImportError| {
            (
                field,
                match error {
                    ImportError::NotOfThisSpec => format!("this is no material of {spec}"),
                    ImportError::Weak => "this material is known to be weak".to_owned(),
                },
            )
        }
    };
    let bare =
        |field, bytes: Result<SecretBytes, Wrong>| Material::from_bare(spec, suite, &bytes?).map_err(refused(field));
    match (&text.hex, &text.base64, &text.pem, &text.jwk) {
        (Some(hex), None, None, None) => bare("hex", read_hex(hex)),
        (None, Some(text), None, None) => bare("base64", read_base64(text, &STANDARD, "base64")),
        (None, None, Some(pem), None) => Material::import(spec, suite, &read_pem(pem)?).map_err(refused("pem")),
        (None, None, None, Some(jwk)) => read_jwk(jwk, spec, suite, refused("jwk")),
        (_, _, _, _) => wrong("", "one of hex, base64, pem and jwk is needed, and only one"),
    }
}

fn exposed(secret: &SecretText) -> &[u8] {
    secret.0.expose()
}

/// Digits of any case; white space and colons between them do not count.
fn read_hex(text: &SecretText) -> Result<SecretBytes, Wrong> {
    let mut digits = Zeroizing::new(Vec::with_capacity(exposed(text).len()));
    for byte in exposed(text).iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b':') {
        match char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()) {
            Some(digit) => digits.push(digit),
            None => return wrong("hex", "hex digits are needed"),
        }
    }
    if digits.len() % 2 != 0 {
        return wrong("hex", "an even number of hex digits is needed");
    }
    Ok(SecretBytes::from_vec(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
}

fn read_base64(text: &SecretText, engine: &GeneralPurpose, field: &'static str) -> Result<SecretBytes, Wrong> {
    let compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(exposed(text).iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    match engine.decode(&*compact) {
        Ok(bytes) => Ok(SecretBytes::from_vec(bytes)),
        Err(_) => wrong(field, "this is not base64 as it should be"),
    }
}

fn read_pem(text: &SecretText) -> Result<SecretBytes, Wrong> {
    match PrivatePkcs8KeyDer::from_pem_slice(exposed(text)) {
        Ok(key) => Ok(SecretBytes::copy_from(key.secret_pkcs8_der())),
        Err(_) => wrong(
            "pem",
            "an unencrypted PKCS#8 key (BEGIN PRIVATE KEY) is needed; `openssl pkcs8 -topk8 -nocrypt` makes one of others",
        ),
    }
}

/// `kty` and `crv` of the JWK that holds material of a spec.
fn jwk_type(spec: KeySpec) -> (&'static str, Option<&'static str>) {
    match spec {
        KeySpec::SymmetricDefault | KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
            ("oct", None)
        }
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => ("RSA", None),
        KeySpec::EccNistP256 => ("EC", Some("P-256")),
        KeySpec::EccNistP384 => ("EC", Some("P-384")),
        KeySpec::EccNistP521 => ("EC", Some("P-521")),
        KeySpec::EccSecgP256k1 => ("EC", Some("secp256k1")),
        KeySpec::Sm2 => ("EC", Some("SM2")),
        KeySpec::EccNistEdwards25519 => ("OKP", Some("Ed25519")),
        KeySpec::MlDsa44
        | KeySpec::MlDsa65
        | KeySpec::MlDsa87
        | KeySpec::MlKem512
        | KeySpec::MlKem768
        | KeySpec::MlKem1024 => ("AKP", None),
    }
}

fn read_jwk(
    jwk: &JwkText,
    spec: KeySpec,
    suite: SymmetricSuite,
    refused: impl Fn(ImportError) -> Wrong,
) -> Result<Material, Wrong> {
    let (kty, crv) = jwk_type(spec);
    if jwk.kty != kty || crv.is_some() && jwk.crv.as_deref() != crv {
        let curve = crv.map(|crv| format!(" and crv {crv}")).unwrap_or_default();
        return wrong("jwk.kty", format!("material of {spec} has kty {kty}{curve}"));
    }
    let number = |field: &'static str, text: &Option<SecretText>| match text {
        Some(text) => read_base64(text, &URL_SAFE_NO_PAD, field),
        None => wrong(field, "this field is missing"),
    };
    let (material, public) = match kty {
        "RSA" => {
            let numbers = RsaNumbers {
                n: number("jwk.n", &jwk.n)?,
                e: number("jwk.e", &jwk.e)?,
                d: number("jwk.d", &jwk.d)?,
                p: number("jwk.p", &jwk.p)?,
                q: number("jwk.q", &jwk.q)?,
                dp: number("jwk.dp", &jwk.dp)?,
                dq: number("jwk.dq", &jwk.dq)?,
                qi: number("jwk.qi", &jwk.qi)?,
            };
            return Material::from_rsa_numbers(spec, &numbers).map_err(refused);
        }
        "oct" => (number("jwk.k", &jwk.k)?, Vec::new()),
        "AKP" => (number("jwk.priv", &jwk.private)?, public("jwk.pub", &[&jwk.public])?),
        _ => (number("jwk.d", &jwk.d)?, public("jwk.x", &[&jwk.x, &jwk.y])?),
    };
    let material = Material::from_bare(spec, suite, &material).map_err(refused)?;
    if !public.is_empty() && !material.has_public_key(&public) {
        return wrong("jwk", "the public and the private half do not belong together");
    }
    Ok(material)
}

/// The public numbers, one behind the other; nothing when they are not given.
fn public(field: &'static str, parts: &[&Option<String>]) -> Result<Vec<u8>, Wrong> {
    let mut bytes = Vec::new();
    for part in parts.iter().filter_map(|part| part.as_deref()) {
        match URL_SAFE_NO_PAD.decode(part) {
            Ok(more) => bytes.extend(more),
            Err(_) => return wrong(field, "this is not base64 as it should be"),
        }
    }
    Ok(bytes)
}
