//! Amazon Resource Names of keys and aliases, and what a caller may write where a key is named.
//!
//! # Invariant
//! The partition is that of the Region, so it is not stored; an ARN that says otherwise does not parse.

use std::fmt;
use std::str::FromStr;

use crate::ids::{AccountId, AliasName, BadId, KeyId, Partition, Region, is_key_id_in_any_case};

/// Where a key lives: Region (and so partition), account, id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn {
    /// The account that owns the key.
    pub account: AccountId,
    /// The Region that holds the key.
    pub region: Region,
    /// The key within them.
    pub key: KeyId,
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_arn(f, self.region, self.account, "key/", self.key.as_str())
    }
}

impl FromStr for KeyArn {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.parse() {
            Ok(KeyRef::Arn(arn)) => Ok(arn),
            Ok(KeyRef::Id(_) | KeyRef::Alias(_) | KeyRef::AliasArn(_)) | Err(_) => Err(BadId("key ARN")),
        }
    }
}

/// Where an alias lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasArn {
    /// The account that owns the alias.
    pub account: AccountId,
    /// The Region that holds the alias.
    pub region: Region,
    /// The alias within them.
    pub alias: AliasName,
}

impl fmt::Display for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_arn(f, self.region, self.account, "", self.alias.as_str())
    }
}

fn write_arn(f: &mut fmt::Formatter<'_>, region: Region, account: AccountId, kind: &str, name: &str) -> fmt::Result {
    write!(f, "arn:{}:kms:{region}:{account}:{kind}{name}", region.partition())
}

/// What a caller may write in a `KeyId` field (behaviours 2.1). Only the service's `find` turns it into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    /// A key id: the caller's account, the request's Region.
    Id(KeyId),
    /// A key ARN.
    Arn(KeyArn),
    /// An alias name: the caller's account, the request's Region.
    Alias(AliasName),
    /// An alias ARN.
    AliasArn(AliasArn),
}

/// Why a text names no key; each has its own answer (behaviours 2.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyRef {
    /// Neither key id nor alias nor ARN.
    #[error("not a key id: {0}")]
    NotAKeyId(String),
    /// A key ARN whose last part is no key id; holds that part.
    #[error("an ARN without a key id: {0}")]
    ArnWithoutKeyId(String),
    /// A key id in upper case: well-formed, but no key has it. Holds the id as given.
    #[error("no key has this id: {0}")]
    UpperCaseId(String),
    /// A key ARN with a key id in upper case. Holds the ARN as given.
    #[error("no key has this ARN: {0}")]
    UpperCaseArn(String),
    /// `alias/` and what no alias can be called. Holds the text as given.
    #[error("no alias can be called {0}")]
    ImpossibleAlias(String),
    /// An alias ARN whose alias no alias can be called. Holds the ARN as given.
    #[error("no alias can have the ARN {0}")]
    ImpossibleAliasArn(String),
    /// Begins as an ARN and is none of KMS.
    #[error("not an ARN of a key or an alias: {0}")]
    NotAKmsArn(String),
}

impl BadKeyRef {
    /// Whether the text is an alias in form; operations that take keys alone say so before anything else.
    pub fn is_alias(&self) -> bool {
        matches!(self, Self::ImpossibleAlias(_) | Self::ImpossibleAliasArn(_))
    }
}

impl KeyRef {
    /// Whether it is an alias name or an alias ARN.
    pub fn is_alias(&self) -> bool {
        matches!(self, Self::Alias(_) | Self::AliasArn(_))
    }
}

impl FromStr for KeyRef {
    type Err = BadKeyRef;

    fn from_str(text: &str) -> Result<Self, BadKeyRef> {
        if let Some(rest) = text.strip_prefix("arn:") {
            return parse_arn(text, rest);
        }
        if text.starts_with(AliasName::PREFIX) {
            return text.parse().map(Self::Alias).map_err(|_| BadKeyRef::ImpossibleAlias(text.into()));
        }
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) if is_key_id_in_any_case(text) => Err(BadKeyRef::UpperCaseId(text.into())),
            Err(_) => Err(BadKeyRef::NotAKeyId(text.into())),
        }
    }
}

fn parse_arn(text: &str, rest: &str) -> Result<KeyRef, BadKeyRef> {
    let not_ours = || BadKeyRef::NotAKmsArn(text.into());
    let mut parts = rest.splitn(5, ':');
    let mut part = || parts.next().ok_or_else(not_ours);
    let partition: Partition = part()?.parse().map_err(|_| not_ours())?;
    let service = part()?;
    let region: Region = part()?.parse().map_err(|_| not_ours())?;
    let account: AccountId = part()?.parse().map_err(|_| not_ours())?;
    let resource = part()?;
    if service != "kms" || region.partition() != partition {
        return Err(not_ours());
    }
    if resource.starts_with(AliasName::PREFIX) {
        let alias = resource.parse().map_err(|_| BadKeyRef::ImpossibleAliasArn(text.into()))?;
        return Ok(KeyRef::AliasArn(AliasArn { account, region, alias }));
    }
    let id = resource.strip_prefix("key/").ok_or_else(not_ours)?;
    match id.parse() {
        Ok(key) => Ok(KeyRef::Arn(KeyArn { account, region, key })),
        Err(_) if is_key_id_in_any_case(id) => Err(BadKeyRef::UpperCaseArn(text.into())),
        Err(_) => Err(BadKeyRef::ArnWithoutKeyId(id.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn every_form_is_told_apart() {
        check(ID, "id");
        check("mrk-1234abcd12ab34cd56ef1234567890ab", "id");
        check(&format!("arn:aws:kms:us-east-1:111122223333:key/{ID}"), "arn");
        check(&format!("arn:aws-cn:kms:cn-north-1:111122223333:key/{ID}"), "arn");
        check("alias/app", "alias");
        check("arn:aws:kms:us-east-1:111122223333:alias/app", "alias arn");
        check("foo", "not a key id");
        check("", "not a key id");
        check("1234abcd12ab34cd56ef1234567890ab", "not a key id");
        check("mrk-1234", "not a key id");
        check(&ID.to_uppercase(), "upper case id");
        check("arn:aws:kms:us-east-1:111122223333:key/foo", "arn without key id");
        check(&format!("arn:aws:kms:us-east-1:111122223333:key/{}", ID.to_uppercase()), "upper case arn");
        check("alias/a b", "impossible alias");
        check("alias/", "impossible alias");
        check("arn:aws:kms:us-east-1:111122223333:alias/a b", "impossible alias arn");
        check("arn:aws:s3:us-east-1:111122223333:key/foo", "not a kms arn");
        check(&format!("arn:aws-cn:kms:us-east-1:111122223333:key/{ID}"), "not a kms arn");
        check(&format!("arn:aws:kms:us-east-1:1111:key/{ID}"), "not a kms arn");
        check("arn:aws:kms", "not a kms arn");
        check("arn:aws:kms:us-east-1:111122223333:grant/x", "not a kms arn");

        #[track_caller]
        fn check(text: &str, expect: &str) {
            let got = match text.parse::<KeyRef>() {
                Ok(KeyRef::Id(id)) => (id.to_string() == text, "id"),
                Ok(KeyRef::Arn(arn)) => (arn.to_string() == text, "arn"),
                Ok(KeyRef::Alias(alias)) => (alias.to_string() == text, "alias"),
                Ok(KeyRef::AliasArn(arn)) => (arn.to_string() == text, "alias arn"),
                Err(BadKeyRef::NotAKeyId(given)) => (given == text, "not a key id"),
                Err(BadKeyRef::UpperCaseId(given)) => (given == text, "upper case id"),
                Err(BadKeyRef::ArnWithoutKeyId(given)) => (text.ends_with(&given), "arn without key id"),
                Err(BadKeyRef::UpperCaseArn(given)) => (given == text, "upper case arn"),
                Err(BadKeyRef::ImpossibleAlias(given)) => (given == text, "impossible alias"),
                Err(BadKeyRef::ImpossibleAliasArn(given)) => (given == text, "impossible alias arn"),
                Err(BadKeyRef::NotAKmsArn(given)) => (given == text, "not a kms arn"),
            };
            assert_eq!(got, (true, expect), "{text}");
        }
    }
}
