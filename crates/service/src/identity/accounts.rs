//! What the operator does with accounts: makes them and lists them.

use std::sync::Arc;

use strongroom_core::identity::{AccessKeyOwner, AccessKeyRecord, AccountRecord, UniqueIdKind};
use strongroom_core::ids::AccountId;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;

use super::unique_ids::{new_secret, new_unique_id};
use crate::audit::{Entry, members};
use crate::error::OpError;
use crate::node::Node;

/// An account that was just made, and the one way into it.
#[derive(Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// The root user's access key.
    pub access_key_id: String,
    /// Its secret, which nobody can see again.
    pub secret: Arc<SecretBytes>,
}

/// An account as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// Its id.
    pub id: AccountId,
    /// What the operator calls it.
    pub alias: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Its id or its alias is taken.
    #[error("there is an account {0} already")]
    Exists(String),
    /// Not an alias.
    #[error("an alias has 3 to 63 lower-case letters, digits and single dashes between them")]
    BadAlias,
    /// The service's own fault.
    #[error(transparent)]
    Work(#[from] OpError),
}

/// How often a random id is tried before that is a fault.
const ID_TRIES: usize = 8;

impl Node {
    /// Makes an account, with `id` or a random one, and an access key of its root user.
    ///
    /// # Errors
    /// [`AccountError`]; nothing was made.
    pub async fn create_account(
        &self,
        id: Option<AccountId>,
        alias: Option<String>,
    ) -> Result<NewAccount, AccountError> {
        if let Some(alias) = &alias {
            if !is_alias(alias) {
                return Err(AccountError::BadAlias);
            }
            if self.accounts().await?.iter().any(|own| own.alias.as_ref() == Some(alias)) {
                return Err(AccountError::Exists(alias.clone()));
            }
        }
        for _ in 0..ID_TRIES {
            let chosen = match id {
                Some(id) => id,
                None => self.random_account_id()?,
            };
            let key_id: Arc<str> =
                new_unique_id(UniqueIdKind::AccessKey, chosen, &*self.rng).map_err(OpError::from)?.into();
            let secret = Arc::new(new_secret(&*self.rng).map_err(OpError::from)?);
            let now = self.clock.now();
            let root_key = AccessKeyRecord {
                id: Arc::clone(&key_id),
                owner: AccessKeyOwner::Root,
                is_active: true,
                created: now,
                secret: Arc::clone(&secret),
            };
            let record = AccountRecord { created: now, alias: alias.clone() };
            let details = members(|members| {
                members.text("accountId", Some(chosen.as_str()));
                members.text("alias", alias.as_deref());
                members.text("accessKeyId", Some(&key_id));
            });
            let entry = Arc::new(Entry::of_operator("CreateAccount", chosen, now, details));
            self.journal.check_writable().map_err(OpError::from)?;
            let work = self.directory.insert_account(chosen, record, Some(root_key));
            if self.journal.carry(&entry, work).await? {
                self.journal.close(&entry, None).await.map_err(OpError::from)?;
                return Ok(NewAccount { id: chosen, access_key_id: key_id.to_string(), secret });
            }
            if id.is_some() {
                return Err(AccountError::Exists(chosen.to_string()));
            }
        }
        Err(AccountError::Work(OpError::Throttled))
    }

    /// All accounts, by id.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub async fn accounts(&self) -> Result<Vec<AccountEntry>, OpError> {
        let accounts = self.directory.all_accounts().await?.into_iter();
        Ok(accounts.map(|(id, record)| AccountEntry { id, alias: record.alias, created: record.created }).collect())
    }

    fn random_account_id(&self) -> Result<AccountId, OpError> {
        let mut random = [0; 8];
        self.rng.fill(&mut random)?;
        // Not one that begins with a zero: too many tools read account ids as numbers.
        let number = 100_000_000_000 + u64::from_be_bytes(random) % 900_000_000_000;
        AccountId::from_number(number).ok_or(OpError::BadRecord)
    }
}

/// IAM's rule for account aliases.
fn is_alias(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=63).contains(&text.len()) && text.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases() {
        for good in ["abc", "a-b", "team-1-prod"] {
            assert!(is_alias(good), "{good}");
        }
        for bad in ["", "ab", "Abc", "-abc", "abc-", "a--b", "a_b", &"a".repeat(64)] {
            assert!(!is_alias(bad), "{bad}");
        }
    }
}
