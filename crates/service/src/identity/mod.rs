//! Who signs: access keys, and the callers behind them.
//!
//! # Invariants
//! - Secrets of access keys leave this module as derived signing keys alone.
//! - An unknown access key is a caller in `dev` alone (see [`Directory::find`]).
//!
//! # Not here
//! Whether a signature is right (`wire::sigv4`) and what a caller may do (`authz`).

mod signing_keys;

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_authz::caller::Caller;
use strongroom_core::ids::{AccountId, Partition, Region};
use strongroom_core::secret::SecretBytes;

pub(crate) use signing_keys::SigningKeys;

/// What the operator configured: accounts and their access keys.
#[derive(Debug, Default)]
pub struct IdentityConfig {
    /// All accounts.
    pub accounts: Vec<AccountConfig>,
}

/// One account.
#[derive(Debug)]
pub struct AccountConfig {
    /// Its id.
    pub id: AccountId,
    /// The access keys that sign for it.
    pub access_keys: Vec<AccessKeyConfig>,
}

/// One access key.
#[derive(Debug)]
pub struct AccessKeyConfig {
    /// The access key id, as it stands in a request.
    pub id: String,
    /// The secret access key.
    pub secret: SecretBytes,
    /// The IAM user that it belongs to; the account's root user when absent.
    pub user: Option<String>,
}

/// The configuration contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Two accounts or two access keys of one id.
    #[error("{0} is configured twice")]
    Twice(String),
    /// An access key id that no request can carry.
    #[error("access key id {0:?}: 1 to 128 letters, digits or underscores are needed")]
    BadAccessKeyId(String),
    /// A secret of no bytes.
    #[error("access key {0}: the secret is empty")]
    EmptySecret(String),
    /// A user name that IAM would not take.
    #[error("user name {0:?}: 1 to 64 letters, digits or any of _+=,.@- are needed")]
    BadUserName(String),
}

/// An access key that may sign.
#[derive(Debug)]
pub(crate) struct AccessKey {
    /// Checks signatures; `None` for an unknown access key in `dev`, which has no secret that could be checked.
    secret: Option<SecretBytes>,
    account: AccountId,
    user: Option<User>,
    /// Ready callers, one a partition; none for a stranger, who is made anew each time.
    callers: Vec<Arc<Caller>>,
}

#[derive(Debug)]
struct User {
    name: String,
    id: String,
}

impl AccessKey {
    fn stranger(account: AccountId) -> Self {
        Self { secret: None, account, user: None, callers: Vec::new() }
    }

    fn new(account: AccountId, secret: SecretBytes, user: Option<&str>) -> Self {
        let user = user.map(|name| User { name: name.to_owned(), id: user_id(account, name) });
        let mut key = Self { secret: Some(secret), account, user, callers: Vec::new() };
        key.callers = Partition::ALL.iter().map(|partition| Arc::new(key.make_caller(*partition))).collect();
        key
    }

    /// The secret, when there is one to check against.
    pub(crate) fn secret(&self) -> Option<&SecretBytes> {
        self.secret.as_ref()
    }

    /// The caller as the partition of `region` names it.
    pub(crate) fn caller(&self, region: Region) -> Arc<Caller> {
        let partition = region.partition();
        match self.callers.iter().find(|caller| caller.partition() == partition) {
            Some(caller) => Arc::clone(caller),
            None => Arc::new(self.make_caller(partition)),
        }
    }

    fn make_caller(&self, partition: Partition) -> Caller {
        match &self.user {
            None => Caller::root(partition, self.account),
            Some(user) => Caller::user(partition, self.account, "/", &user.name, &user.id),
        }
    }
}

/// A configured user's unique id: stable over restarts, since nothing else remembers it.
fn user_id(account: AccountId, name: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = strongroom_crypto::digest::sha256(format!("{account}/{name}").as_bytes());
    let tail = digest.iter().take(17).map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    "AIDA".chars().chain(tail).collect()
}

/// Who answers for access keys that nobody configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strangers {
    /// Nobody: `serve`.
    Refused,
    /// The root user of the account that the access key id names when it is 12 digits, else of this account: `dev`.
    RootOf(AccountId),
}

/// All access keys, found by id.
#[derive(Debug)]
pub(crate) struct Directory {
    keys: HashMap<String, Arc<AccessKey>>,
    strangers: Strangers,
}

impl Directory {
    /// Takes the configuration.
    ///
    /// # Errors
    /// [`IdentityError`], without a secret in it.
    pub(crate) fn new(config: IdentityConfig, strangers: Strangers) -> Result<Self, IdentityError> {
        let mut keys = HashMap::new();
        let mut accounts = Vec::new();
        for account in config.accounts {
            if accounts.contains(&account.id) {
                return Err(IdentityError::Twice(account.id.to_string()));
            }
            accounts.push(account.id);
            for key in account.access_keys {
                check(&key)?;
                let entry = AccessKey::new(account.id, key.secret, key.user.as_deref());
                if keys.insert(key.id.clone(), Arc::new(entry)).is_some() {
                    return Err(IdentityError::Twice(key.id));
                }
            }
        }
        Ok(Self { keys, strangers })
    }

    /// The access key with this id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<AccessKey>> {
        if let Some(key) = self.keys.get(id) {
            return Some(Arc::clone(key));
        }
        match self.strangers {
            Strangers::Refused => None,
            Strangers::RootOf(default) => Some(Arc::new(AccessKey::stranger(id.parse().unwrap_or(default)))),
        }
    }
}

fn check(key: &AccessKeyConfig) -> Result<(), IdentityError> {
    let id_ok = (1..=128).contains(&key.id.len()) && key.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !id_ok {
        return Err(IdentityError::BadAccessKeyId(key.id.clone()));
    }
    if key.secret.is_empty() {
        return Err(IdentityError::EmptySecret(key.id.clone()));
    }
    match &key.user {
        Some(name) if !is_user_name(name) => Err(IdentityError::BadUserName(name.clone())),
        Some(_) | None => Ok(()),
    }
}

/// IAM's rule for user names.
fn is_user_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> AccountId {
        id.parse().expect("an account")
    }

    fn config(id: &str, user: Option<&str>) -> IdentityConfig {
        let key = AccessKeyConfig { id: id.into(), secret: SecretBytes::copy_from(b"s"), user: user.map(Into::into) };
        IdentityConfig { accounts: vec![AccountConfig { id: account("111122223333"), access_keys: vec![key] }] }
    }

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    #[test]
    fn a_configured_key_is_its_user_or_the_root() {
        let find = |user| {
            let directory = Directory::new(config("AKIA1", user), Strangers::Refused).expect("consistent");
            directory.find("AKIA1").expect("configured")
        };
        assert_eq!(find(None).caller(region("us-east-1")).arn(), "arn:aws:iam::111122223333:root");
        assert_eq!(find(Some("alice")).caller(region("us-east-1")).arn(), "arn:aws:iam::111122223333:user/alice");
        assert_eq!(find(Some("alice")).caller(region("cn-north-1")).arn(), "arn:aws-cn:iam::111122223333:user/alice");
        let id = find(Some("alice")).caller(region("us-east-1")).user_id().to_owned();
        assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
        assert_eq!(find(Some("alice")).caller(region("eu-west-1")).user_id(), id);
    }

    #[test]
    fn strangers_are_somebody_in_dev_alone() {
        let serve = Directory::new(config("AKIA1", None), Strangers::Refused).expect("consistent");
        assert!(serve.find("AKIA2").is_none());
        let dev = Strangers::RootOf(account("000000000000"));
        let dev = Directory::new(config("AKIA1", None), dev).expect("consistent");
        let arn = |id: &str| dev.find(id).expect("anybody").caller(region("us-east-1")).arn().to_owned();
        assert_eq!(arn("AKIA2"), "arn:aws:iam::000000000000:root");
        assert_eq!(arn("444455556666"), "arn:aws:iam::444455556666:root");
        assert!(dev.find("AKIA2").expect("anybody").secret().is_none());
        assert!(dev.find("AKIA1").expect("configured").secret().is_some());
    }

    #[test]
    fn contradictions_are_refused() {
        let check = |config, expect| {
            assert_eq!(Directory::new(config, Strangers::Refused).map(drop), Err(expect));
        };
        check(config("", None), IdentityError::BadAccessKeyId(String::new()));
        check(config("a/b", None), IdentityError::BadAccessKeyId("a/b".into()));
        check(config("a", Some("a b")), IdentityError::BadUserName("a b".into()));
        let mut twice = config("a", None);
        twice.accounts.extend(config("b", None).accounts);
        check(twice, IdentityError::Twice("111122223333".into()));
        let mut same_key = config("a", None);
        let mut other = config("a", None).accounts;
        other[0].id = account("444455556666");
        same_key.accounts.extend(other);
        check(same_key, IdentityError::Twice("a".into()));
    }
}
