//! What each key spec can do: one exhaustive table (behaviours 3.1), from which metadata, checks and tests read.
//!
//! The order of algorithms is the order in which AWS lists them; clients take the first.

use crate::generated::{
    CustomerMasterKeySpec, DataKeyPairSpec, EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec,
    KeyAgreementAlgorithmSpec, KeySpec, KeyUsage, MacAlgorithmSpec, SigningAlgorithmSpec,
};
use crate::ids::Region;

/// The three classes between which an alias cannot move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// Symmetric encryption.
    Symmetric,
    /// HMAC.
    Hmac,
    /// A key pair.
    Asymmetric,
}

/// Where a spec is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// In every Region.
    Everywhere,
    /// In the China Regions alone.
    ChinaOnly,
    /// In every Region but the China Regions.
    OutsideChina,
}

impl Offered {
    /// Whether the spec is offered in `region`.
    pub fn is_in(self, region: Region) -> bool {
        match self {
            Self::Everywhere => true,
            Self::ChinaOnly => region.is_china(),
            Self::OutsideChina => !region.is_china(),
        }
    }
}

/// One row of the table. An algorithm list is used when its usage is the key's.
#[derive(Clone, Copy, Debug)]
pub struct SpecFacts {
    /// Symmetric, HMAC or a pair.
    pub class: KeyClass,
    /// The usages a key of this spec may have.
    pub usages: &'static [KeyUsage],
    /// For `ENCRYPT_DECRYPT`.
    pub encryption: &'static [EncryptionAlgorithmSpec],
    /// For `SIGN_VERIFY`.
    pub signing: &'static [SigningAlgorithmSpec],
    /// For `GENERATE_VERIFY_MAC`.
    pub mac: &'static [MacAlgorithmSpec],
    /// For `KEY_AGREEMENT`.
    pub agreement: &'static [KeyAgreementAlgorithmSpec],
    /// For `ENCAPSULATE_DECAPSULATE`.
    pub encapsulation: &'static [EncapsulationAlgorithmSpec],
    /// The deprecated twin of the spec, where the old enum has the value.
    pub customer_master_key_spec: Option<CustomerMasterKeySpec>,
    /// Where AWS offers it.
    pub offered: Offered,
}

const NONE: SpecFacts = SpecFacts {
    class: KeyClass::Asymmetric,
    usages: &[],
    encryption: &[],
    signing: &[],
    mac: &[],
    agreement: &[],
    encapsulation: &[],
    customer_master_key_spec: None,
    offered: Offered::Everywhere,
};

const fn rsa(old: CustomerMasterKeySpec) -> SpecFacts {
    use SigningAlgorithmSpec as S;
    SpecFacts {
        usages: &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify],
        encryption: &[EncryptionAlgorithmSpec::RsaesOaepSha1, EncryptionAlgorithmSpec::RsaesOaepSha256],
        signing: &[
            S::RsassaPkcs1V15Sha256,
            S::RsassaPkcs1V15Sha384,
            S::RsassaPkcs1V15Sha512,
            S::RsassaPssSha256,
            S::RsassaPssSha384,
            S::RsassaPssSha512,
        ],
        customer_master_key_spec: Some(old),
        ..NONE
    }
}

const fn nist_curve(signing: &'static [SigningAlgorithmSpec], old: CustomerMasterKeySpec) -> SpecFacts {
    SpecFacts {
        usages: &[KeyUsage::SignVerify, KeyUsage::KeyAgreement],
        signing,
        agreement: &[KeyAgreementAlgorithmSpec::Ecdh],
        customer_master_key_spec: Some(old),
        ..NONE
    }
}

const fn hmac(mac: &'static [MacAlgorithmSpec], old: CustomerMasterKeySpec) -> SpecFacts {
    SpecFacts {
        class: KeyClass::Hmac,
        usages: &[KeyUsage::GenerateVerifyMac],
        mac,
        customer_master_key_spec: Some(old),
        ..NONE
    }
}

const ML_DSA: SpecFacts =
    SpecFacts { usages: &[KeyUsage::SignVerify], signing: &[SigningAlgorithmSpec::MlDsaShake256], ..NONE };

const ML_KEM: SpecFacts = SpecFacts {
    usages: &[KeyUsage::EncapsulateDecapsulate],
    encapsulation: &[EncapsulationAlgorithmSpec::MlKem],
    offered: Offered::OutsideChina,
    ..NONE
};

/// The row of `spec`.
pub const fn facts(spec: KeySpec) -> SpecFacts {
    use CustomerMasterKeySpec as Old;
    use SigningAlgorithmSpec as S;
    match spec {
        KeySpec::SymmetricDefault => SpecFacts {
            class: KeyClass::Symmetric,
            usages: &[KeyUsage::EncryptDecrypt],
            encryption: &[EncryptionAlgorithmSpec::SymmetricDefault],
            customer_master_key_spec: Some(Old::SymmetricDefault),
            ..NONE
        },
        KeySpec::Hmac224 => hmac(&[MacAlgorithmSpec::HmacSha224], Old::Hmac224),
        KeySpec::Hmac256 => hmac(&[MacAlgorithmSpec::HmacSha256], Old::Hmac256),
        KeySpec::Hmac384 => hmac(&[MacAlgorithmSpec::HmacSha384], Old::Hmac384),
        KeySpec::Hmac512 => hmac(&[MacAlgorithmSpec::HmacSha512], Old::Hmac512),
        KeySpec::Rsa2048 => rsa(Old::Rsa2048),
        KeySpec::Rsa3072 => rsa(Old::Rsa3072),
        KeySpec::Rsa4096 => rsa(Old::Rsa4096),
        KeySpec::EccNistP256 => nist_curve(&[S::EcdsaSha256], Old::EccNistP256),
        KeySpec::EccNistP384 => nist_curve(&[S::EcdsaSha384], Old::EccNistP384),
        KeySpec::EccNistP521 => nist_curve(&[S::EcdsaSha512], Old::EccNistP521),
        KeySpec::EccSecgP256k1 => SpecFacts {
            usages: &[KeyUsage::SignVerify],
            signing: &[S::EcdsaSha256],
            customer_master_key_spec: Some(Old::EccSecgP256k1),
            ..NONE
        },
        KeySpec::EccNistEdwards25519 => {
            SpecFacts { usages: &[KeyUsage::SignVerify], signing: &[S::Ed25519Sha512, S::Ed25519PhSha512], ..NONE }
        }
        KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => ML_DSA,
        KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => ML_KEM,
        KeySpec::Sm2 => SpecFacts {
            usages: &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify, KeyUsage::KeyAgreement],
            encryption: &[EncryptionAlgorithmSpec::Sm2Pke],
            signing: &[S::Sm2Dsa],
            agreement: &[KeyAgreementAlgorithmSpec::Ecdh],
            customer_master_key_spec: Some(Old::Sm2),
            offered: Offered::ChinaOnly,
            ..NONE
        },
    }
}

/// The current name of a deprecated `CustomerMasterKeySpec`.
pub const fn from_customer_master_key_spec(old: CustomerMasterKeySpec) -> KeySpec {
    match old {
        CustomerMasterKeySpec::Rsa2048 => KeySpec::Rsa2048,
        CustomerMasterKeySpec::Rsa3072 => KeySpec::Rsa3072,
        CustomerMasterKeySpec::Rsa4096 => KeySpec::Rsa4096,
        CustomerMasterKeySpec::EccNistP256 => KeySpec::EccNistP256,
        CustomerMasterKeySpec::EccNistP384 => KeySpec::EccNistP384,
        CustomerMasterKeySpec::EccNistP521 => KeySpec::EccNistP521,
        CustomerMasterKeySpec::EccSecgP256k1 => KeySpec::EccSecgP256k1,
        CustomerMasterKeySpec::SymmetricDefault => KeySpec::SymmetricDefault,
        CustomerMasterKeySpec::Hmac224 => KeySpec::Hmac224,
        CustomerMasterKeySpec::Hmac256 => KeySpec::Hmac256,
        CustomerMasterKeySpec::Hmac384 => KeySpec::Hmac384,
        CustomerMasterKeySpec::Hmac512 => KeySpec::Hmac512,
        CustomerMasterKeySpec::Sm2 => KeySpec::Sm2,
    }
}

/// The key spec of a data key pair.
pub const fn from_data_key_pair_spec(spec: DataKeyPairSpec) -> KeySpec {
    match spec {
        DataKeyPairSpec::Rsa2048 => KeySpec::Rsa2048,
        DataKeyPairSpec::Rsa3072 => KeySpec::Rsa3072,
        DataKeyPairSpec::Rsa4096 => KeySpec::Rsa4096,
        DataKeyPairSpec::EccNistP256 => KeySpec::EccNistP256,
        DataKeyPairSpec::EccNistP384 => KeySpec::EccNistP384,
        DataKeyPairSpec::EccNistP521 => KeySpec::EccNistP521,
        DataKeyPairSpec::EccSecgP256k1 => KeySpec::EccSecgP256k1,
        DataKeyPairSpec::EccNistEdwards25519 => KeySpec::EccNistEdwards25519,
        DataKeyPairSpec::MlKem512 => KeySpec::MlKem512,
        DataKeyPairSpec::MlKem768 => KeySpec::MlKem768,
        DataKeyPairSpec::MlKem1024 => KeySpec::MlKem1024,
        DataKeyPairSpec::Sm2 => KeySpec::Sm2,
    }
}

/// Most bytes that one `Encrypt` takes (behaviours 3.2). For RSA: modulus − 2 · hash − 2 (RFC 8017 7.1.1).
///
/// `None` where the pair does not exist.
pub const fn max_plaintext_bytes(spec: KeySpec, algorithm: EncryptionAlgorithmSpec) -> Option<usize> {
    let modulus = match spec {
        KeySpec::Rsa2048 => 256,
        KeySpec::Rsa3072 => 384,
        KeySpec::Rsa4096 => 512,
        KeySpec::SymmetricDefault => match algorithm {
            EncryptionAlgorithmSpec::SymmetricDefault => return Some(4096),
            EncryptionAlgorithmSpec::RsaesOaepSha1
            | EncryptionAlgorithmSpec::RsaesOaepSha256
            | EncryptionAlgorithmSpec::Sm2Pke => return None,
        },
        KeySpec::Sm2 => match algorithm {
            EncryptionAlgorithmSpec::Sm2Pke => return Some(1024),
            EncryptionAlgorithmSpec::RsaesOaepSha1
            | EncryptionAlgorithmSpec::RsaesOaepSha256
            | EncryptionAlgorithmSpec::SymmetricDefault => return None,
        },
        KeySpec::EccNistP256
        | KeySpec::EccNistP384
        | KeySpec::EccNistP521
        | KeySpec::EccSecgP256k1
        | KeySpec::EccNistEdwards25519
        | KeySpec::Hmac224
        | KeySpec::Hmac256
        | KeySpec::Hmac384
        | KeySpec::Hmac512
        | KeySpec::MlDsa44
        | KeySpec::MlDsa65
        | KeySpec::MlDsa87
        | KeySpec::MlKem512
        | KeySpec::MlKem768
        | KeySpec::MlKem1024 => return None,
    };
    match algorithm {
        EncryptionAlgorithmSpec::RsaesOaepSha1 => Some(modulus - 2 * 20 - 2),
        EncryptionAlgorithmSpec::RsaesOaepSha256 => Some(modulus - 2 * 32 - 2),
        EncryptionAlgorithmSpec::SymmetricDefault | EncryptionAlgorithmSpec::Sm2Pke => None,
    }
}

/// Bytes of a `DIGEST` message (behaviours 3.3); `None` for algorithms that take no digest.
pub const fn digest_bytes(algorithm: SigningAlgorithmSpec) -> Option<usize> {
    use SigningAlgorithmSpec as S;
    match algorithm {
        S::RsassaPssSha256 | S::RsassaPkcs1V15Sha256 | S::EcdsaSha256 | S::Sm2Dsa => Some(32),
        S::RsassaPssSha384 | S::RsassaPkcs1V15Sha384 | S::EcdsaSha384 => Some(48),
        S::RsassaPssSha512 | S::RsassaPkcs1V15Sha512 | S::EcdsaSha512 | S::Ed25519PhSha512 => Some(64),
        S::Ed25519Sha512 | S::MlDsaShake256 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_has_its_algorithms_and_no_other_has() {
        for spec in KeySpec::ALL {
            let row = facts(*spec);
            assert!(!row.usages.is_empty(), "{spec}");
            let has = |usage| row.usages.contains(&usage);
            assert_eq!(has(KeyUsage::EncryptDecrypt), !row.encryption.is_empty(), "{spec}");
            assert_eq!(has(KeyUsage::SignVerify), !row.signing.is_empty(), "{spec}");
            assert_eq!(has(KeyUsage::GenerateVerifyMac), !row.mac.is_empty(), "{spec}");
            assert_eq!(has(KeyUsage::KeyAgreement), !row.agreement.is_empty(), "{spec}");
            assert_eq!(has(KeyUsage::EncapsulateDecapsulate), !row.encapsulation.is_empty(), "{spec}");
        }
    }

    #[test]
    fn the_deprecated_name_repeats_the_spec_or_is_absent() {
        for spec in KeySpec::ALL {
            match facts(*spec).customer_master_key_spec {
                Some(old) => {
                    assert_eq!(old.as_str(), spec.as_str());
                    assert_eq!(from_customer_master_key_spec(old), *spec);
                }
                None => assert!(spec.as_str().parse::<CustomerMasterKeySpec>().is_err(), "{spec}"),
            }
        }
    }

    #[test]
    fn every_algorithm_belongs_to_a_spec() {
        let rows: Vec<_> = KeySpec::ALL.iter().map(|spec| facts(*spec)).collect();
        for algorithm in SigningAlgorithmSpec::ALL {
            assert!(rows.iter().any(|row| row.signing.contains(algorithm)), "{algorithm}");
        }
        for algorithm in EncryptionAlgorithmSpec::ALL {
            assert!(rows.iter().any(|row| row.encryption.contains(algorithm)), "{algorithm}");
        }
        for algorithm in MacAlgorithmSpec::ALL {
            assert!(rows.iter().any(|row| row.mac.contains(algorithm)), "{algorithm}");
        }
        for pair in DataKeyPairSpec::ALL {
            assert_eq!(from_data_key_pair_spec(*pair).as_str(), pair.as_str());
        }
    }

    #[test]
    fn plaintext_limits() {
        use EncryptionAlgorithmSpec as E;
        for (spec, algorithm, bytes) in [
            (KeySpec::SymmetricDefault, E::SymmetricDefault, 4096),
            (KeySpec::Rsa2048, E::RsaesOaepSha1, 214),
            (KeySpec::Rsa2048, E::RsaesOaepSha256, 190),
            (KeySpec::Rsa3072, E::RsaesOaepSha1, 342),
            (KeySpec::Rsa3072, E::RsaesOaepSha256, 318),
            (KeySpec::Rsa4096, E::RsaesOaepSha1, 470),
            (KeySpec::Rsa4096, E::RsaesOaepSha256, 446),
            (KeySpec::Sm2, E::Sm2Pke, 1024),
        ] {
            assert_eq!(max_plaintext_bytes(spec, algorithm), Some(bytes), "{spec} {algorithm}");
        }
        for spec in KeySpec::ALL {
            for algorithm in EncryptionAlgorithmSpec::ALL {
                let offered = facts(*spec).encryption.contains(algorithm);
                assert_eq!(max_plaintext_bytes(*spec, *algorithm).is_some(), offered, "{spec} {algorithm}");
            }
        }
    }
}
