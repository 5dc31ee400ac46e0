//! Who there is: accounts, users, groups, roles and their policies; and who signs: access keys, and the callers behind them.
//!
//! # Invariants
//! - Secrets of access keys leave this module as derived signing keys, or once to whoever made the access key.
//! - An unknown access key is a caller in `dev` alone (see [`Strangers`]).
//!
//! # Not here
//! Whether a signature is right (`wire::sigv4`), what a caller may do (`authz`), the operations of IAM (`iam`).

pub(crate) mod account;
mod accounts;
pub(crate) mod aws_managed;
mod configured;
mod directory;
mod draft;
mod last_uses;
pub(crate) mod principals;
mod signing_keys;
mod standing;
pub(crate) mod unique_ids;

use std::sync::Arc;

use crate::sts::issuers::IssuersConfig;
use last_uses::LastUses;
use strongroom_authz::caller::Caller;
use strongroom_core::identity::UserRecord;
use strongroom_core::ids::{AccountId, Partition, Region};
use strongroom_core::secret::SecretBytes;

pub use accounts::{AccountEntry, AccountError, NewAccount};
pub(crate) use configured::{DirectoryError, Foundation};
pub(crate) use directory::Directory;
pub(crate) use draft::Draft;
pub(crate) use last_uses::LastUse;
pub(crate) use signing_keys::SigningKeys;
pub(crate) use standing::Standing;

/// What the operator configured: accounts and their access keys.
#[derive(Debug, Default)]
pub struct IdentityConfig {
    /// All accounts.
    pub accounts: Vec<AccountConfig>,
    /// Identity providers whose tokens can be verified.
    pub issuers: IssuersConfig,
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
    /// ARNs of managed policies that the user is sure to have; when absent, a user who is made anew is an administrator.
    pub policies: Option<Vec<String>>,
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
    /// A managed policy that there is not.
    #[error("policy {0:?} of user {1}: there is no such policy")]
    NoSuchPolicy(String, String),
}

/// An access key that may sign, and who is behind it.
#[derive(Debug)]
pub(crate) struct AccessKey {
    /// Checks signatures; `None` for an unknown access key in `dev`, which has no secret that could be checked.
    secret: Option<Arc<SecretBytes>>,
    account: AccountId,
    user: Option<UserRecord>,
    /// What decides on the caller's side.
    standing: Arc<Standing>,
    last_uses: Arc<LastUses>,
    /// Ready callers, one a partition; none for a stranger, who is made anew each time.
    callers: Vec<Arc<Caller>>,
}

impl AccessKey {
    fn stranger(account: AccountId) -> Self {
        Self {
            secret: None,
            account,
            user: None,
            standing: Arc::default(),
            last_uses: Arc::default(),
            callers: Vec::new(),
        }
    }

    fn new(
        account: AccountId,
        secret: Arc<SecretBytes>,
        user: Option<&UserRecord>,
        standing: Arc<Standing>,
        last_uses: Arc<LastUses>,
    ) -> Self {
        let secret = Some(secret);
        let mut key = Self { secret, account, user: user.cloned(), standing, last_uses, callers: Vec::new() };
        key.callers = Partition::ALL.iter().map(|partition| Arc::new(key.make_caller(*partition))).collect();
        key
    }

    /// The secret, when there is one to check against.
    pub(crate) fn secret(&self) -> Option<&SecretBytes> {
        self.secret.as_deref()
    }

    /// Notes that a signature with it was taken.
    pub(crate) fn note_use(&self, used: LastUse) {
        self.last_uses.note(used);
    }

    /// What decides on the caller's side.
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        &self.standing
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
            Some(user) => user_caller(partition, self.account, user),
        }
    }
}

/// The caller that a user is.
pub(crate) fn user_caller(partition: Partition, account: AccountId, user: &UserRecord) -> Caller {
    let naming = &user.naming;
    Caller::user(partition, account, &naming.path, &naming.name, &naming.id)
        .with_tags(user.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
}

/// Who answers for access keys that nobody made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strangers {
    /// Nobody: `serve`.
    Refused,
    /// The root user of the account that the access key id names when it is 12 digits, else of this account: `dev`. An access
    /// key id of our own making that an account with identities does not have is refused all the same: it was deleted.
    RootOf(AccountId),
}
