//! Writes the few DER forms that published vectors leave out around their numbers.
//!
//! Written apart from the crate's own encoder, so that a mistake there does not meet itself here.

use strongroom_core::generated::KeySpec;

pub(crate) const EC_PUBLIC_KEY: &str = "06072a8648ce3d0201";

/// The curve of `spec` as a DER object identifier, and the bytes of its scalars.
pub(crate) fn curve(spec: KeySpec) -> (Vec<u8>, usize) {
    let (oid, len) = match spec.as_str() {
        "ECC_NIST_P256" => ("06082a8648ce3d030107", 32),
        "ECC_NIST_P384" => ("06052b81040022", 48),
        "ECC_NIST_P521" => ("06052b81040023", 66),
        "ECC_SECG_P256K1" => ("06052b8104000a", 32),
        "SM2" => ("06082a811ccf5501822d", 32),
        other => panic!("{other} has no curve"),
    };
    (crate::hex(oid), len)
}

/// The object identifier of a post-quantum `spec`.
fn pq_algorithm(spec: KeySpec) -> Vec<u8> {
    let oid = match spec.as_str() {
        "ML_DSA_44" => "0609608648016503040311",
        "ML_DSA_65" => "0609608648016503040312",
        "ML_DSA_87" => "0609608648016503040313",
        "ML_KEM_512" => "0609608648016503040401",
        "ML_KEM_768" => "0609608648016503040402",
        "ML_KEM_1024" => "0609608648016503040403",
        other => panic!("{other} is not post-quantum"),
    };
    crate::hex(oid)
}

/// PKCS#8 with an `ECPrivateKey` that holds the scalar alone.
pub(crate) fn ec_pkcs8(spec: KeySpec, scalar: &[u8]) -> Vec<u8> {
    let (curve, len) = curve(spec);
    let leading_zeros = scalar.iter().take_while(|byte| **byte == 0).count();
    let significant = &scalar[leading_zeros..];
    let padded = [vec![0; len.saturating_sub(significant.len())], significant.to_vec()].concat();
    let ec_private_key = tlv(0x30, &[&[2, 1, 1], &tlv(0x04, &[&padded])]);
    let algorithm = tlv(0x30, &[&crate::hex(EC_PUBLIC_KEY), &curve]);
    tlv(0x30, &[&[2, 1, 0], &algorithm, &tlv(0x04, &[&ec_private_key])])
}

/// A `SubjectPublicKeyInfo` around an encoded point.
pub(crate) fn ec_spki(spec: KeySpec, point: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&crate::hex(EC_PUBLIC_KEY), &curve(spec).0]);
    tlv(0x30, &[&algorithm, &tlv(0x03, &[&[0], point])])
}

/// A `SubjectPublicKeyInfo` of `rsaEncryption` around an `RSAPublicKey`.
pub(crate) fn rsa_spki(rsa_public_key: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&crate::hex("06092a864886f70d010101"), &[5, 0]]);
    tlv(0x30, &[&algorithm, &tlv(0x03, &[&[0], rsa_public_key])])
}

/// A `SubjectPublicKeyInfo` around a post-quantum public key.
pub(crate) fn pq_spki(spec: KeySpec, key: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x30, &[&pq_algorithm(spec)]), &tlv(0x03, &[&[0], key])])
}

/// PKCS#8 around a post-quantum private key in both forms: the seed and what was expanded from it.
pub(crate) fn pq_pkcs8(spec: KeySpec, seed: &[u8], expanded: &[u8]) -> Vec<u8> {
    let both = tlv(0x30, &[&tlv(0x04, &[seed]), &tlv(0x04, &[expanded])]);
    tlv(0x30, &[&[2, 1, 0], &tlv(0x30, &[&pq_algorithm(spec)]), &tlv(0x04, &[&both])])
}

/// PKCS#8 around an Ed25519 seed (RFC 8410).
pub(crate) fn ed25519_pkcs8(seed: &[u8]) -> Vec<u8> {
    let private_key = tlv(0x04, &[&tlv(0x04, &[seed])]);
    tlv(0x30, &[&[2, 1, 0], &tlv(0x30, &[&crate::hex("06032b6570")]), &private_key])
}

/// `SEQUENCE { INTEGER, INTEGER, rest }` of unsigned numbers.
pub(crate) fn two_integers_and(a: &[u8], b: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    let octets: Vec<_> = rest.iter().map(|octets| tlv(0x04, &[octets])).collect();
    tlv(0x30, &[&integer(a), &integer(b), &octets.concat()])
}

/// The two `INTEGER`s of a signature, with tag and length.
pub(crate) fn two_integers(signature: &[u8]) -> (&[u8], &[u8]) {
    let start = if signature[1] == 0x81 { 3 } else { 2 };
    let r_end = start + 2 + usize::from(signature[start + 1]);
    (&signature[start..r_end], &signature[r_end..])
}

/// The bytes of the `BIT STRING` at the end of a `SubjectPublicKeyInfo` on a curve, its tag and length included.
pub(crate) fn bit_string_len(ec_spki: &[u8]) -> usize {
    let outer = if ec_spki[1] == 0x81 { 3 } else { 2 };
    ec_spki.len() - outer - 2 - usize::from(ec_spki[outer + 1])
}

fn integer(unsigned: &[u8]) -> Vec<u8> {
    let zeros = unsigned.iter().take_while(|byte| **byte == 0).count();
    let significant = if zeros == unsigned.len() { &[0] } else { &unsigned[zeros..] };
    let sign: &[u8] = if significant[0] & 0x80 == 0 { &[] } else { &[0] };
    tlv(0x02, &[sign, significant])
}

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let len = u16::try_from(value.len()).expect("a short value").to_be_bytes();
    let header = match value.len() {
        0..=0x7f => vec![tag, len[1]],
        0x80..=0xff => vec![tag, 0x81, len[1]],
        _ => vec![tag, 0x82, len[0], len[1]],
    };
    [header, value].concat()
}
