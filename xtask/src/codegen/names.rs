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

/// `AWSAccountId` → `aws_account_id`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let after_lower = at > 0 && !chars[at - 1].is_ascii_uppercase();
        let before_lower = at > 0 && chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `KeyIdType` → `KEY_ID_TYPE`.
pub(crate) fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `statusType` → `StatusType`.
pub(crate) fn upper_camel(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// `KeyId` → `keyId`, `AWSAccountId` → `aWSAccountId`: how messages and audit records write members.
pub(crate) fn lower_camel(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_lowercase() + rest
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

    #[test]
    fn members() {
        for (name, field, path) in [
            ("KeyId", "key_id", "keyId"),
            ("AWSAccountId", "aws_account_id", "aWSAccountId"),
            ("CloudHsmClusterId", "cloud_hsm_cluster_id", "cloudHsmClusterId"),
            ("Id", "id", "id"),
        ] {
            assert_eq!((snake(name).as_str(), lower_camel(name).as_str()), (field, path));
        }
        assert_eq!(constant("ReEncryptInput"), "RE_ENCRYPT_INPUT");
    }
}
