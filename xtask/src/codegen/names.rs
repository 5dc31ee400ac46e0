//! Rust names from the model's names.

/// `RSA_2048` → `Rsa2048`, `SM2PKE` → `Sm2Pke`, `ECC_SECG_P256K1` → `EccSecgP256k1`; names that are UpperCamel stay.
pub(crate) fn variant(value: &str) -> String {
    if value.chars().any(|c| c.is_ascii_lowercase()) {
        return value.to_owned();
    }
    match value {
        // `Self` is a keyword.
        "SELF" => "SelfAccount".to_owned(),
        _ => value.split('_').map(word).collect(),
    }
}

fn word(upper: &str) -> String {
    // Two words that the model writes without a border.
    if let Some(rest) = upper.strip_prefix("SM2").filter(|rest| !rest.is_empty()) {
        return format!("Sm2{}", word(rest));
    }
    let (first, rest) = upper.split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants() {
        for (value, expect) in [
            ("RSA_2048", "Rsa2048"),
            ("ECC_SECG_P256K1", "EccSecgP256k1"),
            ("ECC_NIST_EDWARDS25519", "EccNistEdwards25519"),
            ("RSASSA_PKCS1_V1_5_SHA_256", "RsassaPkcs1V15Sha256"),
            ("SM2", "Sm2"),
            ("SM2PKE", "Sm2Pke"),
            ("PendingReplicaDeletion", "PendingReplicaDeletion"),
            ("AWS", "Aws"),
            ("SELF", "SelfAccount"),
        ] {
            assert_eq!(variant(value), expect);
        }
    }
}
