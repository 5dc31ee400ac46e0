//! The request quotas: which there are, what AWS gives by default, and which one a call counts against (KMS Developer Guide,
//! "Request quotas").
//!
//! # Invariants
//! - A call's quota follows from its operation and input alone, never from the key: whoever is refused learns nothing about it.
//!   The algorithm that a caller names decides instead, and no key serves an algorithm of another kind.
//! - [`counting`] knows every operation; one more does not compile until it stands there.

use std::collections::BTreeMap;
use std::str::FromStr;

use strongroom_core::generated::{DataKeyPairSpec, EncryptionAlgorithmSpec, OpName, SigningAlgorithmSpec};
use strongroom_core::ids::Region;

/// One request quota of an account in a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestQuota {
    /// Cryptographic operations with symmetric keys, HMAC keys and none, shared.
    Symmetric,
    /// Cryptographic operations with RSA keys, shared.
    Rsa,
    /// Cryptographic operations with elliptic curve and SM2 keys, shared.
    Ecc,
    /// Cryptographic operations with ML-DSA keys, shared.
    MlDsa,
    /// Cryptographic operations with ML-KEM keys, shared.
    MlKem,
    /// Data key pairs of one spec, with and without plaintext.
    DataKeyPair(DataKeyPairSpec),
    /// An operation's own.
    Operation(OpName),
}

/// How the calls of an operation are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Counting {
    /// By a quota of its own, of so many a second.
    Own(f64),
    /// By a shared quota, whatever the input.
    Shared(RequestQuota),
    /// By the kind of the encryption algorithm that the caller names.
    EncryptionAlgorithm,
    /// By the kind of the signing algorithm that the caller names.
    SigningAlgorithm,
    /// By the spec of the pair that the caller wants.
    DataKeyPairSpec,
}

/// The table of operations.
const fn counting(op: OpName) -> Counting {
    use RequestQuota as Q;
    match op {
        OpName::Decrypt | OpName::Encrypt | OpName::ReEncrypt => Counting::EncryptionAlgorithm,
        OpName::Sign | OpName::Verify => Counting::SigningAlgorithm,
        OpName::GenerateDataKeyPair | OpName::GenerateDataKeyPairWithoutPlaintext => Counting::DataKeyPairSpec,
        OpName::GenerateDataKey
        | OpName::GenerateDataKeyWithoutPlaintext
        | OpName::GenerateMac
        | OpName::GenerateRandom
        | OpName::VerifyMac => Counting::Shared(Q::Symmetric),
        OpName::DeriveSharedSecret => Counting::Shared(Q::Ecc),
        OpName::Decapsulate | OpName::Encapsulate => Counting::Shared(Q::MlKem),
        OpName::DescribeKey | OpName::GetPublicKey | OpName::ListResourceTags => Counting::Own(2_000.0),
        OpName::GetKeyPolicy | OpName::GetKeyRotationStatus => Counting::Own(1_000.0),
        OpName::ListAliases | OpName::ListKeys => Counting::Own(500.0),
        OpName::ListGrants | OpName::ListKeyPolicies | OpName::ListKeyRotations | OpName::ListRetirableGrants => {
            Counting::Own(100.0)
        }
        OpName::CreateGrant | OpName::RetireGrant | OpName::RevokeGrant => Counting::Own(50.0),
        OpName::DeleteAlias
        | OpName::DeleteImportedKeyMaterial
        | OpName::EnableKeyRotation
        | OpName::ImportKeyMaterial
        | OpName::PutKeyPolicy
        | OpName::ScheduleKeyDeletion => Counting::Own(15.0),
        OpName::TagResource => Counting::Own(10.0),
        OpName::CancelKeyDeletion
        | OpName::ConnectCustomKeyStore
        | OpName::CreateAlias
        | OpName::CreateCustomKeyStore
        | OpName::CreateKey
        | OpName::DeleteCustomKeyStore
        | OpName::DescribeCustomKeyStores
        | OpName::DisableKey
        | OpName::DisableKeyRotation
        | OpName::DisconnectCustomKeyStore
        | OpName::EnableKey
        | OpName::GetKeyLastUsage
        | OpName::ReplicateKey
        | OpName::RotateKeyOnDemand
        | OpName::UntagResource
        | OpName::UpdateAlias
        | OpName::UpdateCustomKeyStore
        | OpName::UpdateKeyDescription
        | OpName::UpdatePrimaryRegion => Counting::Own(5.0),
        OpName::GetParametersForImport => Counting::Own(1.0),
    }
}

/// Regions with more symmetric operations than the others.
const SYMMETRIC_100_000: &[&str] = &["us-east-1", "us-west-2", "eu-west-1"];
const SYMMETRIC_20_000: &[&str] =
    &["us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2"];

const SHARED: [RequestQuota; 5] =
    [RequestQuota::Symmetric, RequestQuota::Rsa, RequestQuota::Ecc, RequestQuota::MlDsa, RequestQuota::MlKem];
const PAIRS: usize = DataKeyPairSpec::ALL.len();

impl RequestQuota {
    /// How many there may be: one more than the highest [`RequestQuota::index`].
    pub(super) const COUNT: usize = SHARED.len() + PAIRS + OpName::ALL.len();

    /// Every quota: the shared ones, those of data key pairs, those of operations.
    pub fn all() -> impl Iterator<Item = Self> {
        let own = OpName::ALL.iter().filter(|op| matches!(counting(**op), Counting::Own(_)));
        SHARED
            .into_iter()
            .chain(DataKeyPairSpec::ALL.iter().map(|spec| Self::DataKeyPair(*spec)))
            .chain(own.map(|op| Self::Operation(*op)))
    }

    /// The one that a call of `op` counts against whose input says no more, or cannot be read.
    pub(crate) const fn of(op: OpName) -> Self {
        match counting(op) {
            Counting::Own(_) => Self::Operation(op),
            Counting::Shared(quota) => quota,
            Counting::EncryptionAlgorithm => Self::Symmetric,
            Counting::SigningAlgorithm => Self::Ecc,
            // The smallest spec that every Region has.
            Counting::DataKeyPairSpec => Self::DataKeyPair(DataKeyPairSpec::EccNistP256),
        }
    }

    /// The one for encryption by this algorithm.
    pub(crate) const fn of_encryption(algorithm: EncryptionAlgorithmSpec) -> Self {
        match algorithm {
            EncryptionAlgorithmSpec::SymmetricDefault => Self::Symmetric,
            EncryptionAlgorithmSpec::RsaesOaepSha1 | EncryptionAlgorithmSpec::RsaesOaepSha256 => Self::Rsa,
            EncryptionAlgorithmSpec::Sm2Pke => Self::Ecc,
        }
    }

    /// The one for signatures by this algorithm.
    pub(crate) const fn of_signature(algorithm: SigningAlgorithmSpec) -> Self {
        use SigningAlgorithmSpec as S;
        match algorithm {
            S::RsassaPssSha256
            | S::RsassaPssSha384
            | S::RsassaPssSha512
            | S::RsassaPkcs1V15Sha256
            | S::RsassaPkcs1V15Sha384
            | S::RsassaPkcs1V15Sha512 => Self::Rsa,
            S::EcdsaSha256 | S::EcdsaSha384 | S::EcdsaSha512 | S::Ed25519Sha512 | S::Ed25519PhSha512 | S::Sm2Dsa => {
                Self::Ecc
            }
            S::MlDsaShake256 => Self::MlDsa,
        }
    }

    /// Its place in a list of all.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Symmetric => 0,
            Self::Rsa => 1,
            Self::Ecc => 2,
            Self::MlDsa => 3,
            Self::MlKem => 4,
            Self::DataKeyPair(spec) => SHARED.len() + spec as usize,
            Self::Operation(op) => SHARED.len() + PAIRS + op as usize,
        }
    }

    /// Its name in Service Quotas, without the words `request rate`.
    pub fn name(self) -> String {
        let shared = |kind| format!("Cryptographic operations ({kind})");
        match self {
            Self::Symmetric => shared("symmetric"),
            Self::Rsa => shared("RSA"),
            Self::Ecc => shared("ECC"),
            Self::MlDsa => shared("ML-DSA"),
            Self::MlKem => shared("ML-KEM"),
            Self::DataKeyPair(spec) => format!("GenerateDataKeyPair ({spec})"),
            Self::Operation(op) => op.as_str().to_owned(),
        }
    }

    /// What AWS gives by default: requests a second of an account in this Region.
    ///
    /// The guide has no row for ML-KEM; its keys get what those of other asymmetric kinds have, its pairs what those of curves have.
    pub fn default_per_second(self, region: Region) -> f64 {
        match self {
            Self::Symmetric if SYMMETRIC_100_000.contains(&region.as_str()) => 100_000.0,
            Self::Symmetric if SYMMETRIC_20_000.contains(&region.as_str()) => 20_000.0,
            Self::Symmetric => 10_000.0,
            Self::Rsa | Self::Ecc | Self::MlDsa | Self::MlKem => 1_000.0,
            Self::DataKeyPair(spec) => data_key_pairs_per_second(spec, region.is_china()),
            Self::Operation(op) => match counting(op) {
                Counting::Own(per_second) => per_second,
                // Has no quota of its own, so nobody asks.
                Counting::Shared(_)
                | Counting::EncryptionAlgorithm
                | Counting::SigningAlgorithm
                | Counting::DataKeyPairSpec => f64::INFINITY,
            },
        }
    }
}

const fn data_key_pairs_per_second(spec: DataKeyPairSpec, is_in_china: bool) -> f64 {
    match (spec, is_in_china) {
        (DataKeyPairSpec::Rsa2048, false) => 20.0,
        (DataKeyPairSpec::Rsa2048, true) => 1.0,
        (DataKeyPairSpec::Rsa3072, false) => 4.0,
        (DataKeyPairSpec::Rsa3072, true) => 0.5,
        (DataKeyPairSpec::Rsa4096, false) => 1.0,
        (DataKeyPairSpec::Rsa4096, true) => 0.1,
        (
            DataKeyPairSpec::EccNistP256
            | DataKeyPairSpec::EccNistP384
            | DataKeyPairSpec::EccNistP521
            | DataKeyPairSpec::EccSecgP256k1
            | DataKeyPairSpec::EccNistEdwards25519
            | DataKeyPairSpec::MlKem512
            | DataKeyPairSpec::MlKem768
            | DataKeyPairSpec::MlKem1024,
            _,
        ) => 100.0,
        (DataKeyPairSpec::Sm2, _) => 25.0,
    }
}

/// No request quota is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no request quota of KMS is called so")]
pub struct NoSuchQuota;

impl FromStr for RequestQuota {
    type Err = NoSuchQuota;

    fn from_str(name: &str) -> Result<Self, NoSuchQuota> {
        Self::all().find(|quota| quota.name() == name).ok_or(NoSuchQuota)
    }
}

/// Why a rate is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number of requests a second from 0.001 to 1000000, or inf for no limit")]
pub struct BadRate;

/// AWS's defaults, and what is given instead of some of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestRates(BTreeMap<RequestQuota, f64>);

impl RequestRates {
    /// Gives `quota` another rate, in every Region.
    ///
    /// # Errors
    /// [`BadRate`].
    pub fn set(&mut self, quota: RequestQuota, per_second: f64) -> Result<(), BadRate> {
        if per_second != f64::INFINITY && !(0.001..=1_000_000.0).contains(&per_second) {
            return Err(BadRate);
        }
        self.0.insert(quota, per_second);
        Ok(())
    }

    /// Requests a second of one account in this Region.
    pub fn per_second(&self, quota: RequestQuota, region: Region) -> f64 {
        self.0.get(&quota).copied().unwrap_or_else(|| quota.default_per_second(region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    #[test]
    fn every_quota_has_its_own_name_place_and_rate() {
        let all: Vec<RequestQuota> = RequestQuota::all().collect();
        assert!(all.windows(2).all(|pair| pair[0].index() < pair[1].index()), "each at a place of its own");
        assert!(all.iter().all(|quota| quota.index() < RequestQuota::COUNT));
        for quota in all {
            assert_eq!(quota.name().parse(), Ok(quota));
            let rate = quota.default_per_second(region("eu-north-1"));
            assert!(rate.is_finite() && rate > 0.0, "{quota:?}");
        }
        assert_eq!("Encrypt".parse::<RequestQuota>(), Err(NoSuchQuota), "it has no quota of its own");
    }

    #[test]
    fn every_operation_counts_against_a_quota_that_has_a_rate() {
        let all: Vec<RequestQuota> = RequestQuota::all().collect();
        for op in OpName::ALL {
            assert!(all.contains(&RequestQuota::of(*op)), "{op}");
        }
    }

    /// Rows of the guide's table.
    #[test]
    fn the_defaults_are_those_of_the_guide() {
        let check = |name: &str, place: &str, expect: f64| {
            let quota: RequestQuota = name.parse().expect("exists");
            let rate = quota.default_per_second(region(place));
            assert!((rate - expect).abs() < f64::EPSILON, "{name} in {place}: {rate}");
        };
        check("Cryptographic operations (symmetric)", "us-east-1", 100_000.0);
        check("Cryptographic operations (symmetric)", "eu-central-1", 20_000.0);
        check("Cryptographic operations (symmetric)", "eu-north-1", 10_000.0);
        check("Cryptographic operations (RSA)", "us-east-1", 1_000.0);
        check("Cryptographic operations (ECC)", "us-east-1", 1_000.0);
        check("Cryptographic operations (ML-DSA)", "us-east-1", 1_000.0);
        check("GenerateDataKeyPair (RSA_2048)", "us-east-1", 20.0);
        check("GenerateDataKeyPair (RSA_4096)", "cn-north-1", 0.1);
        check("GenerateDataKeyPair (ECC_NIST_EDWARDS25519)", "us-east-1", 100.0);
        check("GenerateDataKeyPair (SM2)", "cn-north-1", 25.0);
        for (name, expect) in [
            ("CreateKey", 5.0),
            ("CreateAlias", 5.0),
            ("DescribeKey", 2_000.0),
            ("GetKeyPolicy", 1_000.0),
            ("ListKeys", 500.0),
            ("ListGrants", 100.0),
            ("CreateGrant", 50.0),
            ("PutKeyPolicy", 15.0),
            ("TagResource", 10.0),
            ("UntagResource", 5.0),
            ("GetParametersForImport", 1.0),
        ] {
            check(name, "us-east-1", expect);
        }
    }

    /// The manual names every quota with the rate that it has where nothing is said about Regions.
    #[test]
    fn the_manual_has_every_quota() {
        let page = include_str!("../../../../docs/quotas.md");
        let (page, _) = page.split_once("## Keys, aliases and grants").expect("what comes after the requests");
        for quota in RequestQuota::all() {
            let head = format!("| {} | {}", quota.name(), quota.default_per_second(region("eu-north-1")));
            let is_row = |line: &str| line.strip_prefix(&head).is_some_and(|rest| rest.starts_with([';', ' ']));
            assert!(page.lines().any(is_row), "{head}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, 1 + RequestQuota::all().count(), "and no other");
    }

    #[test]
    fn rates_that_are_none_are_refused() {
        let mut rates = RequestRates::default();
        for bad in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY, 0.000_9, 1_000_001.0] {
            assert_eq!(rates.set(RequestQuota::Rsa, bad), Err(BadRate), "{bad}");
        }
        assert_eq!(rates, RequestRates::default());
        for good in [0.001, 7.5, 1_000_000.0, f64::INFINITY] {
            assert_eq!(rates.set(RequestQuota::Rsa, good), Ok(()));
            assert_eq!(rates.per_second(RequestQuota::Rsa, region("us-east-1")).to_bits(), good.to_bits());
        }
    }
}
