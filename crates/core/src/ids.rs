//! Identifiers: parsed once at the edge; whoever holds one need not look again.
//!
//! All are small values without heap where their length is bounded, because every request carries several.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A text is not the identifier it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed {0}")]
pub struct BadId(pub &'static str);

/// Twelve decimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// The account as a number below 10^12, for binary formats.
    pub fn to_number(self) -> u64 {
        self.0.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
    }

    /// The account that [`AccountId::to_number`] gave; `None` from 10^12 on.
    pub fn from_number(mut number: u64) -> Option<Self> {
        let mut digits = [b'0'; 12];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(number % 10).ok()?;
            number /= 10;
        }
        (number == 0).then_some(Self(digits))
    }
}

impl FromStr for AccountId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| BadId("account id"))?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(BadId("account id")) }
    }
}

/// A Region name such as `us-east-1`, at most 32 bytes: lower-case words and a number, joined by dashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Region {
    /// The model's limit for Region names (`RegionType`).
    pub const MAX_LEN: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        ascii(&self.bytes[..usize::from(self.len)])
    }

    /// The partition that the Region belongs to, as its name tells.
    pub fn partition(&self) -> Partition {
        let name = self.as_str();
        Partition::ALL
            .iter()
            .copied()
            .find(|partition| partition.region_prefixes().iter().any(|prefix| name.starts_with(prefix)))
            .unwrap_or(Partition::Aws)
    }

    /// Whether SM2 and SM4 take the place of AES here (behaviours 3.1: the China Regions).
    pub fn is_china(&self) -> bool {
        self.partition() == Partition::AwsCn
    }
}

impl FromStr for Region {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId("Region");
        let mut parts = text.split('-');
        let area = parts.next().unwrap_or_default();
        let number = text.rsplit('-').next().unwrap_or_default();
        let words = text.split('-').count();
        let well_formed = (2..=4).contains(&area.len())
            && area.bytes().all(|b| b.is_ascii_lowercase())
            && words >= 3
            && text
                .split('-')
                .skip(1)
                .take(words - 2)
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && (1..=2).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
            && text.len() <= Self::MAX_LEN;
        if !well_formed {
            return Err(bad);
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| bad)? })
    }
}

/// A group of Regions with its own ARNs and accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    AwsCn,
    /// `aws-us-gov`
    AwsUsGov,
    /// `aws-eusc`
    AwsEusc,
    /// `aws-iso`
    AwsIso,
    /// `aws-iso-b`
    AwsIsoB,
    /// `aws-iso-e`
    AwsIsoE,
    /// `aws-iso-f`
    AwsIsoF,
}

impl Partition {
    /// All partitions.
    pub const ALL: &'static [Self] = &[
        Self::Aws,
        Self::AwsCn,
        Self::AwsUsGov,
        Self::AwsEusc,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
    ];

    /// The name in ARNs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
            Self::AwsEusc => "aws-eusc",
            Self::AwsIso => "aws-iso",
            Self::AwsIsoB => "aws-iso-b",
            Self::AwsIsoE => "aws-iso-e",
            Self::AwsIsoF => "aws-iso-f",
        }
    }

    /// How the names of its Regions begin; what begins otherwise belongs to `aws`.
    const fn region_prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &[],
            Self::AwsCn => &["cn-"],
            Self::AwsUsGov => &["us-gov-"],
            Self::AwsEusc => &["eusc-"],
            Self::AwsIso => &["us-iso-"],
            Self::AwsIsoB => &["us-isob-"],
            Self::AwsIsoE => &["eu-isoe-"],
            Self::AwsIsoF => &["us-isof-"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::ALL.iter().copied().find(|partition| partition.as_str() == text).ok_or(BadId("partition"))
    }
}

/// A key's identifier within one account and Region.
///
/// Invariant: a lower-case UUID, or `mrk-` and 32 lower-case hex digits (multi-Region). Both have 36 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 36]);

impl KeyId {
    /// The prefix of multi-Region key ids.
    pub const MULTI_REGION_PREFIX: &'static str = "mrk-";

    /// The text.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// Whether it names a multi-Region key.
    pub fn is_multi_region(&self) -> bool {
        self.as_str().starts_with(Self::MULTI_REGION_PREFIX)
    }

    /// A single-Region id from 16 random bytes, as a version 4 UUID (RFC 9562).
    pub fn single_region(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        Self::from_binary(false, random)
    }

    /// A multi-Region id from 16 random bytes.
    pub fn multi_region(random: [u8; 16]) -> Self {
        Self::from_binary(true, random)
    }

    /// The 16 bytes behind the hex digits, for binary formats; [`KeyId::is_multi_region`] tells the form.
    pub fn to_binary(self) -> [u8; 16] {
        let mut digits = self.as_str()[if self.is_multi_region() { 4 } else { 0 }..].bytes().filter(|b| *b != b'-');
        let mut nibble = || digits.next().map_or(0, hex_value);
        std::array::from_fn(|_| nibble() << 4 | nibble())
    }

    /// The id that [`KeyId::to_binary`] was taken from.
    pub fn from_binary(multi_region: bool, bytes: [u8; 16]) -> Self {
        let mut text = [b'-'; 36];
        if multi_region {
            text[..4].copy_from_slice(Self::MULTI_REGION_PREFIX.as_bytes());
        }
        let dashes: &[usize] = if multi_region { &[0, 1, 2, 3] } else { &[8, 13, 18, 23] };
        let places = (0..36).filter(|at| !dashes.contains(at));
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for (at, digit) in places.zip(digits) {
            text[at] = HEX_DIGITS[usize::from(digit)];
        }
        Self(text)
    }
}

impl FromStr for KeyId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| BadId("key id"))?;
        let well_formed = match text.strip_prefix(Self::MULTI_REGION_PREFIX) {
            Some(rest) => rest.bytes().all(is_lower_hex),
            None => is_uuid(text, is_lower_hex),
        };
        if well_formed { Ok(Self(bytes)) } else { Err(BadId("key id")) }
    }
}

/// Whether `text` has the form of a key id in any case: a UUID, or `mrk-` and 32 hex digits.
pub fn is_key_id_in_any_case(text: &str) -> bool {
    let is_hex = |b: u8| b.is_ascii_hexdigit();
    match text.strip_prefix(KeyId::MULTI_REGION_PREFIX) {
        Some(rest) => rest.len() == 32 && rest.bytes().all(is_hex),
        None => is_uuid(text, is_hex),
    }
}

fn is_uuid(text: &str, is_hex: impl Fn(u8) -> bool) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { is_hex(b) })
}

/// Why a text cannot name an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAliasName {
    /// It does not begin with `alias/`.
    #[error("an alias name begins with alias/")]
    NoPrefix,
    /// Nothing follows `alias/`.
    #[error("an alias name needs a character after alias/")]
    Empty,
    /// A character other than letters, digits, `/`, `_` and `-`.
    #[error("an alias name has letters, digits, slashes, underscores and dashes")]
    InvalidCharacters,
    /// Longer than 256 characters.
    #[error("an alias name has at most 256 characters")]
    TooLong,
}

/// `alias/` and a name; case matters (behaviours 2.8).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(Arc<str>);

impl AliasName {
    /// What every alias name begins with.
    pub const PREFIX: &'static str = "alias/";

    /// The whole name, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name belongs to AWS services (`alias/aws/…`).
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("alias/aws/")
    }
}

impl FromStr for AliasName {
    type Err = BadAliasName;

    fn from_str(text: &str) -> Result<Self, BadAliasName> {
        let name = text.strip_prefix(Self::PREFIX).ok_or(BadAliasName::NoPrefix)?;
        if name.is_empty() {
            return Err(BadAliasName::Empty);
        }
        if text.len() > 256 {
            return Err(BadAliasName::TooLong);
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-')) {
            return Err(BadAliasName::InvalidCharacters);
        }
        Ok(Self(text.into()))
    }
}

/// The identifier of one version of a key's material: 32 bytes, shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyMaterialId(pub [u8; 32]);

impl FromStr for KeyMaterialId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        parse_hex32(text).map(Self).ok_or(BadId("key material id"))
    }
}

/// The identifier of a grant: 32 bytes, shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub [u8; 32]);

impl FromStr for GrantId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        parse_hex32(text).map(Self).ok_or(BadId("grant id"))
    }
}

/// The identifier of one request, shown as a UUID in `x-amzn-RequestId` and on the audit record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 36]);

impl RequestId {
    /// From 16 random bytes, as a version 4 UUID.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(KeyId::single_region(random).0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

impl FromStr for RequestId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| BadId("request id"))?;
        if is_uuid(text, is_lower_hex) { Ok(Self(bytes)) } else { Err(BadId("request id")) }
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

const fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

const fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0,
    }
}

fn parse_hex32(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    if !digits.iter().copied().all(is_lower_hex) {
        return None;
    }
    Some(std::array::from_fn(|at| hex_value(digits[2 * at]) << 4 | hex_value(digits[2 * at + 1])))
}

/// Writes `bytes` as lower-case hex.
fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; 64];
    for (at, byte) in bytes.iter().enumerate() {
        digits[2 * at] = HEX_DIGITS[usize::from(byte >> 4)];
        digits[2 * at + 1] = HEX_DIGITS[usize::from(byte & 0x0f)];
    }
    f.write_str(ascii(&digits))
}

/// The identifiers above hold ASCII alone; their constructors saw to it.
fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("identifiers hold ASCII alone")
}

macro_rules! shown_as_text {
    ($($id:ty),+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}
shown_as_text!(AccountId, Region, KeyId, AliasName, RequestId);

macro_rules! shown_as_hex {
    ($($id:ty),+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }
    )+};
}
shown_as_hex!(KeyMaterialId, GrantId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids() {
        check::<AccountId>("000000000000", true);
        check::<AccountId>("111122223333", true);
        check::<AccountId>("11112222333", false);
        check::<AccountId>("11112222333a", false);
        check::<AccountId>("１１１１２２２２３３３３", false);
        let account: AccountId = "000000000042".parse().expect("digits");
        assert_eq!(AccountId::from_number(account.to_number()), Some(account));
        assert_eq!(AccountId::from_number(1_000_000_000_000), None);
    }

    #[test]
    fn regions() {
        for name in ["us-east-1", "cn-north-1", "us-gov-west-1", "ap-southeast-12", "eusc-de-east-1", "us-isob-east-1"]
        {
            check::<Region>(name, true);
        }
        for name in ["", "us", "us-east", "US-EAST-1", "us--1", "us-east-1x", "us-east-1 ", "-east-1", "us-east-100"] {
            check::<Region>(name, false);
        }
        let partition = |name: &str| name.parse::<Region>().expect("well-formed").partition();
        assert_eq!(partition("cn-north-1"), Partition::AwsCn);
        assert_eq!(partition("us-gov-west-1"), Partition::AwsUsGov);
        assert_eq!(partition("us-iso-west-1"), Partition::AwsIso);
        assert_eq!(partition("ca-central-1"), Partition::Aws);
    }

    #[test]
    fn key_ids() {
        check::<KeyId>("1234abcd-12ab-34cd-56ef-1234567890ab", true);
        check::<KeyId>("mrk-1234abcd12ab34cd56ef1234567890ab", true);
        check::<KeyId>("1234ABCD-12ab-34cd-56ef-1234567890ab", false);
        check::<KeyId>("mrk-1234", false);
        check::<KeyId>("1234abcd12ab34cd56ef1234567890ab", false);
        assert!(is_key_id_in_any_case("1234ABCD-12ab-34cd-56ef-1234567890ab"));
        assert!(!is_key_id_in_any_case("mrk-1234"));
    }

    #[test]
    fn key_ids_survive_their_binary_form() {
        for text in ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
            let id: KeyId = text.parse().expect("well-formed");
            assert_eq!(KeyId::from_binary(id.is_multi_region(), id.to_binary()), id);
        }
        let made = KeyId::single_region([0xff; 16]);
        assert_eq!(made.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(made.as_str().parse(), Ok(made));
        assert_eq!(KeyId::multi_region([0xab; 16]).as_str(), "mrk-abababababababababababababababab");
    }

    #[test]
    fn alias_names() {
        assert!("alias/a".parse::<AliasName>().is_ok());
        assert_eq!("a".parse::<AliasName>(), Err(BadAliasName::NoPrefix));
        assert_eq!("alias/".parse::<AliasName>(), Err(BadAliasName::Empty));
        assert_eq!("alias/a:b".parse::<AliasName>(), Err(BadAliasName::InvalidCharacters));
        assert_eq!(format!("alias/{}", "a".repeat(251)).parse::<AliasName>(), Err(BadAliasName::TooLong));
        assert!("alias/aws/s3".parse::<AliasName>().is_ok_and(|alias| alias.is_reserved()));
        assert!("alias/awsome".parse::<AliasName>().is_ok_and(|alias| !alias.is_reserved()));
    }

    #[test]
    fn hex_identifiers() {
        check::<KeyMaterialId>(&"0f".repeat(32), true);
        check::<KeyMaterialId>(&"0F".repeat(32), false);
        check::<GrantId>(&"0f".repeat(31), false);
    }

    #[track_caller]
    fn check<T: FromStr + fmt::Display>(text: &str, well_formed: bool) {
        match text.parse::<T>() {
            Ok(id) => {
                assert!(well_formed, "{text} was taken");
                assert_eq!(id.to_string(), text, "Display and FromStr are each other's inverse");
            }
            Err(_) => assert!(!well_formed, "{text} was refused"),
        }
    }
}
