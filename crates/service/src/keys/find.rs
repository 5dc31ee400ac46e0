//! From what a caller wrote to a key: the only place that turns a [`KeyRef`] into a key (behaviours 2).
//!
//! # Invariant
//! Of another account's keys nothing is told here: whether one exists is answered by the authorization, in one text.

use std::sync::Arc;

use strongroom_core::arn::{AliasArn, BadKeyRef, KeyArn, KeyRef};
use strongroom_core::ids::{AccountId, AliasName, Region};

use super::entry::KeyEntry;
use super::keyring::{Keyring, no_such_alias, no_such_key};
use crate::error::OpError;

/// Which forms of a key's name an operation takes (behaviours 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forms {
    /// Key id, key ARN, alias name, alias ARN.
    All,
    /// Key id and key ARN.
    KeyOnly,
}

/// A key's name, understood: where it points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName {
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Key(KeyArn),
    Alias(AliasArn),
    /// A name that no key can have: the answer is known, once the caller's right to hear it is.
    Nothing {
        owner: AccountId,
        arn: String,
        error: String,
    },
}

impl KeyName {
    /// Reads `text` as the caller of `account` in `region` means it.
    ///
    /// # Errors
    /// What no key can be called here: wrong form, wrong Region. None of them depends on what exists.
    pub(crate) fn read(text: &str, forms: Forms, account: AccountId, region: Region) -> Result<Self, OpError> {
        if forms == Forms::KeyOnly {
            Self::refuse_alias(text)?;
        }
        let target = match text.parse::<KeyRef>() {
            Ok(KeyRef::Id(key)) => Target::Key(KeyArn { account, region, key }),
            Ok(KeyRef::Arn(arn)) => Target::Key(in_region(arn, arn.region, region)?),
            Ok(KeyRef::Alias(alias)) => Target::Alias(AliasArn { account, region, alias }),
            Ok(KeyRef::AliasArn(arn)) => {
                let at = arn.region;
                Target::Alias(in_region(arn, at, region)?)
            }
            Err(bad) => nothing(bad, account, region)?,
        };
        Ok(Self { target })
    }

    /// Refuses an alias where only key ids and key ARNs are taken, before anything else is looked at.
    ///
    /// # Errors
    /// [`OpError::AliasNotSupported`].
    pub(crate) fn refuse_alias(text: &str) -> Result<(), OpError> {
        let is_alias = match text.parse::<KeyRef>() {
            Ok(name) => name.is_alias(),
            Err(bad) => bad.is_alias(),
        };
        if is_alias { Err(OpError::AliasNotSupported) } else { Ok(()) }
    }

    /// The account whose key is named.
    pub(crate) fn owner(&self) -> AccountId {
        match &self.target {
            Target::Key(arn) => arn.account,
            Target::Alias(arn) => arn.account,
            Target::Nothing { owner, .. } => *owner,
        }
    }

    /// The ARN as a refusal shows it.
    pub(crate) fn arn(&self) -> String {
        match &self.target {
            Target::Key(arn) => arn.to_string(),
            Target::Alias(arn) => arn.to_string(),
            Target::Nothing { arn, .. } => arn.clone(),
        }
    }

    /// The answer to one who may know that there is no such key.
    pub(crate) fn not_found(&self) -> OpError {
        match &self.target {
            Target::Key(arn) => no_such_key(arn),
            Target::Alias(arn) => no_such_alias(arn),
            Target::Nothing { error, .. } => OpError::NotFound(error.clone()),
        }
    }

    /// The alias by which the key is named, if it is.
    pub(crate) fn alias(&self) -> Option<&AliasName> {
        match &self.target {
            Target::Alias(arn) => Some(&arn.alias),
            Target::Key(_) | Target::Nothing { .. } => None,
        }
    }

    /// The key, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn find(&self, keyring: &Keyring) -> Result<Option<Arc<KeyEntry>>, OpError> {
        match &self.target {
            Target::Key(arn) => keyring.entry(arn).await,
            Target::Alias(arn) => match keyring.alias(arn).await? {
                Some(alias) => {
                    keyring.entry(&KeyArn { account: arn.account, region: arn.region, key: alias.target }).await
                }
                None => Ok(None),
            },
            Target::Nothing { .. } => Ok(None),
        }
    }
}

/// A key lives in one Region, and requests must go there; the text names the Region alone.
fn in_region<T>(value: T, at: Region, here: Region) -> Result<T, OpError> {
    if at == here { Ok(value) } else { Err(OpError::NotFound(format!("Invalid arn {at}"))) }
}

fn nothing(bad: BadKeyRef, account: AccountId, region: Region) -> Result<Target, OpError> {
    let own = |arn: String, error: String| Ok(Target::Nothing { owner: account, arn, error });
    let partition = region.partition();
    match bad {
        BadKeyRef::NotAKeyId(text) => Err(OpError::NotFound(format!("Invalid keyId '{text}'"))),
        BadKeyRef::ArnWithoutKeyId(text) => Err(OpError::NotFound(format!("Invalid keyId {text}"))),
        BadKeyRef::NotAKmsArn(text) => Err(OpError::InvalidArn(text)),
        BadKeyRef::UpperCaseId(id) => {
            let arn = format!("arn:{partition}:kms:{region}:{account}:key/{id}");
            let error = format!("Key '{arn}' does not exist");
            own(arn, error)
        }
        BadKeyRef::ImpossibleAlias(alias) => {
            let arn = format!("arn:{partition}:kms:{region}:{account}:{alias}");
            let error = format!("Alias {arn} is not found.");
            own(arn, error)
        }
        BadKeyRef::UpperCaseArn(arn) => foreign(&arn, region, format!("Key '{arn}' does not exist")),
        BadKeyRef::ImpossibleAliasArn(arn) => foreign(&arn, region, format!("Alias {arn} is not found.")),
    }
}

/// An ARN that is well-formed up to its last part.
fn foreign(arn: &str, here: Region, error: String) -> Result<Target, OpError> {
    let mut parts = arn.split(':').skip(3);
    let invalid = || OpError::InvalidArn(arn.to_owned());
    let at: Region = parts.next().unwrap_or_default().parse().map_err(|_| invalid())?;
    let owner: AccountId = parts.next().unwrap_or_default().parse().map_err(|_| invalid())?;
    in_region(Target::Nothing { owner, arn: arn.to_owned(), error }, at, here)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn read(text: &str, forms: Forms) -> Result<KeyName, OpError> {
        let account = "111122223333".parse().expect("an account");
        KeyName::read(text, forms, account, "us-east-1".parse().expect("a Region"))
    }

    #[test]
    fn names_and_what_they_answer_when_nothing_is_there() {
        let own = "arn:aws:kms:us-east-1:111122223333";
        check(ID, &format!("Key '{own}:key/{ID}' does not exist"));
        check(&ID.to_uppercase(), &format!("Key '{own}:key/{}' does not exist", ID.to_uppercase()));
        check(&format!("{own}:key/{ID}"), &format!("Key '{own}:key/{ID}' does not exist"));
        check("foo", "Invalid keyId 'foo'");
        check("mrk-1234", "Invalid keyId 'mrk-1234'");
        check(&format!("{own}:key/foo"), "Invalid keyId foo");
        check("alias/none", &format!("Alias {own}:alias/none is not found."));
        check("alias/aws/s3", &format!("Alias {own}:alias/aws/s3 is not found."));
        check(&format!("{own}:alias/none"), &format!("Alias {own}:alias/none is not found."));
        check("alias/a b", &format!("Alias {own}:alias/a b is not found."));
        check(&format!("arn:aws:kms:eu-west-1:111122223333:key/{ID}"), "Invalid arn eu-west-1");
        check("arn:aws:kms:eu-west-1:111122223333:alias/a", "Invalid arn eu-west-1");

        #[track_caller]
        fn check(text: &str, expect: &str) {
            let error = read(text, Forms::All).map_or_else(|error| error, |name| name.not_found());
            assert!(matches!(&error, OpError::NotFound(message) if message == expect), "{text}: {error:?}");
        }
    }

    #[test]
    fn aliases_are_refused_before_anything_is_looked_up() {
        for text in ["alias/a", "alias/a b", "alias/", "arn:aws:kms:eu-west-1:111122223333:alias/a"] {
            assert!(matches!(read(text, Forms::KeyOnly), Err(OpError::AliasNotSupported)), "{text}");
        }
        assert!(matches!(read("arn:aws:s3:::bucket", Forms::All), Err(OpError::InvalidArn(_))));
    }
}
