//! What the configuration says about accounts, made true at start.
//!
//! - An account of the configuration exists.
//! - A user of the configuration exists. One that is made here is an administrator unless its access keys name policies; the
//!   policies that are named are attached at every start when they are not. All else about the user is IAM's.
//! - Access keys of the configuration are never stored, so their secrets change when the configuration does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use strongroom_core::identity::{AccountRecord, Naming, PolicyRef, UniqueIdKind, UserRecord};
use strongroom_core::ids::AccountId;
use strongroom_core::world::{Clock, Rng};
use strongroom_store::Store;
use strongroom_vault::Vault;

use super::account::fold;
use super::directory::{Configured, Directory};
use super::unique_ids::new_unique_id;
use super::{AccessKeyConfig, IdentityConfig, IdentityError, Strangers, aws_managed};
use crate::error::OpError;

/// What a directory stands on.
pub(crate) struct Foundation {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why a directory does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error(transparent)]
    Config(#[from] IdentityError),
    #[error(transparent)]
    Work(#[from] OpError),
}

/// The users of one account, with the policies that they are sure to have, if any are named.
type Users = BTreeMap<String, Option<Vec<String>>>;

impl Directory {
    /// Takes the configuration and sees to it that its accounts and users exist.
    ///
    /// # Errors
    /// [`DirectoryError`], without a secret in it.
    pub(crate) async fn start(
        foundation: Foundation,
        config: IdentityConfig,
        strangers: Strangers,
    ) -> Result<Self, DirectoryError> {
        let mut configured = HashMap::new();
        let mut accounts: Vec<(AccountId, Users)> = Vec::new();
        for account in config.accounts {
            if accounts.iter().any(|(id, _)| *id == account.id) {
                return Err(IdentityError::Twice(account.id.to_string()).into());
            }
            let mut users = Users::new();
            for key in account.access_keys {
                check(&key)?;
                if let Some(name) = &key.user {
                    let policies = users.entry(name.clone()).or_default();
                    if let Some(named) = key.policies {
                        policies.get_or_insert_default().extend(named);
                    }
                }
                let entry = Configured { account: account.id, secret: Arc::new(key.secret), user: key.user };
                if configured.insert(key.id.clone(), entry).is_some() {
                    return Err(IdentityError::Twice(key.id).into());
                }
            }
            accounts.push((account.id, users));
        }
        let Foundation { store, vault, rng, clock } = foundation;
        let directory = Self::new(store, vault, rng, clock, strangers, configured);
        for (id, users) in accounts {
            directory.ensure(id, &users, strangers).await?;
        }
        Ok(directory)
    }

    async fn ensure(&self, id: AccountId, users: &Users, strangers: Strangers) -> Result<(), DirectoryError> {
        // In `dev` an account needs no record before somebody is made in it.
        if strangers == Strangers::Refused && self.account(id).await?.is_none() {
            let record = AccountRecord { created: self.now(), alias: None };
            self.insert_account(id, record, None).await?;
        }
        for (name, policies) in users {
            let unique_id: Arc<str> = new_unique_id(UniqueIdKind::User, id, self.rng()).map_err(OpError::from)?.into();
            self.change(id, |draft| {
                let account = draft.account();
                let named = policies.iter().flatten();
                let no_such = |arn: &String| IdentityError::NoSuchPolicy(arn.clone(), name.clone());
                let mut wanted = Vec::new();
                for arn in named {
                    wanted.push(account.policy_ref(arn).ok_or_else(|| no_such(arn))?);
                }
                let mut user = match account.user(name) {
                    Some(user) => user.entity.clone(),
                    None => UserRecord {
                        naming: Naming {
                            name: name.clone(),
                            path: "/".into(),
                            id: Arc::clone(&unique_id),
                            created: self.now(),
                        },
                        tags: Vec::new(),
                        boundary: None,
                        attached: match policies {
                            None => vec![PolicyRef::Aws(aws_managed::ADMINISTRATOR_ACCESS.into())],
                            Some(_) => Vec::new(),
                        },
                        groups: Vec::new(),
                    },
                };
                wanted.retain(|policy| !user.attached.contains(policy));
                user.attached.extend(wanted);
                if account.user(name).is_none_or(|kept| kept.entity != user) {
                    draft.put(&fold(name), user)?;
                }
                Ok::<_, DirectoryError>(())
            })
            .await?;
        }
        Ok(())
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
    use strongroom_authz::caller::Caller;
    use strongroom_core::ids::Region;
    use strongroom_core::secret::SecretBytes;
    use strongroom_core::world::{ManualClock, SeededRng, Timestamp};
    use strongroom_store::MemoryStore;
    use strongroom_vault::seal::MemorySeal;

    use super::*;
    use crate::identity::AccountConfig;

    fn account(id: &str) -> AccountId {
        id.parse().expect("an account")
    }

    fn config(id: &str, user: Option<&str>) -> IdentityConfig {
        let key = AccessKeyConfig {
            id: id.into(),
            secret: SecretBytes::copy_from(b"s"),
            user: user.map(Into::into),
            policies: None,
        };
        IdentityConfig {
            accounts: vec![AccountConfig { id: account("111122223333"), access_keys: vec![key] }],
            ..IdentityConfig::default()
        }
    }

    fn foundation(store: &Arc<MemoryStore>, vault: &Arc<Vault>) -> Foundation {
        Foundation {
            store: Arc::clone(store) as Arc<dyn Store>,
            vault: Arc::clone(vault),
            rng: Arc::new(SeededRng::new(5)),
            clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_000))),
        }
    }

    fn empty() -> (Arc<MemoryStore>, Arc<Vault>) {
        let rng = SeededRng::new(4);
        let seal = MemorySeal::random(&rng).expect("a seal");
        let (vault, _) = Vault::create(&seal, &rng).expect("a vault");
        (Arc::new(MemoryStore::new()), Arc::new(vault))
    }

    async fn start(config: IdentityConfig, strangers: Strangers) -> Result<Directory, DirectoryError> {
        let (store, vault) = empty();
        Directory::start(foundation(&store, &vault), config, strangers).await
    }

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    async fn caller(directory: &Directory, id: &str, region_name: &str) -> Option<Arc<Caller>> {
        let key = directory.access_key(id).await.expect("the store works");
        key.map(|key| key.caller(region(region_name)))
    }

    #[tokio::test]
    async fn a_configured_key_is_its_user_or_the_root() {
        let root = start(config("AKIA1", None), Strangers::Refused).await.expect("consistent");
        let alice = start(config("AKIA1", Some("alice")), Strangers::Refused).await.expect("consistent");
        for (directory, region, arn) in [
            (&root, "us-east-1", "arn:aws:iam::111122223333:root"),
            (&alice, "us-east-1", "arn:aws:iam::111122223333:user/alice"),
            (&alice, "cn-north-1", "arn:aws-cn:iam::111122223333:user/alice"),
        ] {
            assert_eq!(caller(directory, "AKIA1", region).await.expect("configured").arn(), arn);
        }
        let key = alice.access_key("AKIA1").await.expect("the store works").expect("configured");
        assert_eq!(key.standing().identity.len(), 1, "an administrator");
    }

    #[tokio::test]
    async fn a_configured_user_stays_who_it_is_over_restarts() {
        let (store, vault) = empty();
        let mut ids = Vec::new();
        for _ in 0..2 {
            let config = config("AKIA1", Some("alice"));
            let directory = Directory::start(foundation(&store, &vault), config, Strangers::Refused).await;
            let caller = caller(&directory.expect("starts"), "AKIA1", "us-east-1").await.expect("configured");
            assert!(caller.user_id().starts_with("AIDA"), "{}", caller.user_id());
            ids.push(caller.user_id().to_owned());
        }
        assert_eq!(ids[0], ids[1]);
    }

    #[tokio::test]
    async fn named_policies_take_the_place_of_the_administrators() {
        let named = |arns: &[&str]| {
            let mut config = config("AKIA1", Some("alice"));
            config.accounts[0].access_keys[0].policies = Some(arns.iter().map(ToString::to_string).collect());
            config
        };
        let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let directory = start(named(&[read_only]), Strangers::Refused).await.expect("consistent");
        let key = directory.access_key("AKIA1").await.expect("the store works").expect("configured");
        assert_eq!(
            key.standing().identity.iter().map(|policy| &*policy.name).collect::<Vec<_>>(),
            ["aws:policy/ReadOnlyAccess"]
        );
        let directory = start(named(&[]), Strangers::Refused).await.expect("consistent");
        let key = directory.access_key("AKIA1").await.expect("the store works").expect("configured");
        assert!(key.standing().identity.is_empty());
        let refused = start(named(&["arn:aws:iam::aws:policy/Nothing"]), Strangers::Refused).await.map(drop);
        assert!(matches!(refused, Err(DirectoryError::Config(IdentityError::NoSuchPolicy(_, _)))));
    }

    #[tokio::test]
    async fn strangers_are_somebody_in_dev_alone() {
        let serve = start(config("AKIA1", None), Strangers::Refused).await.expect("consistent");
        assert!(caller(&serve, "AKIA2", "us-east-1").await.is_none());
        let dev = start(config("AKIA1", None), Strangers::RootOf(account("000000000000"))).await.expect("consistent");
        for (id, arn) in [
            ("AKIA2", "arn:aws:iam::000000000000:root"),
            ("AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::000000000000:root"),
            ("444455556666", "arn:aws:iam::444455556666:root"),
        ] {
            assert_eq!(caller(&dev, id, "us-east-1").await.expect("anybody").arn(), arn);
            let key = dev.access_key(id).await.expect("the store works").expect("anybody");
            assert!(key.secret().is_none());
        }
        let known = dev.access_key("AKIA1").await.expect("the store works").expect("configured");
        assert!(known.secret().is_some());
    }

    #[tokio::test]
    async fn contradictions_are_refused() {
        async fn check(config: IdentityConfig, expect: IdentityError) {
            match start(config, Strangers::Refused).await.map(drop) {
                Err(DirectoryError::Config(error)) => assert_eq!(error, expect),
                other => panic!("{other:?}"),
            }
        }
        check(config("", None), IdentityError::BadAccessKeyId(String::new())).await;
        check(config("a/b", None), IdentityError::BadAccessKeyId("a/b".into())).await;
        check(config("a", Some("a b")), IdentityError::BadUserName("a b".into())).await;
        let mut twice = config("a", None);
        twice.accounts.extend(config("b", None).accounts);
        check(twice, IdentityError::Twice("111122223333".into())).await;
        let mut same_key = config("a", None);
        let mut other = config("a", None).accounts;
        other[0].id = account("444455556666");
        same_key.accounts.extend(other);
        check(same_key, IdentityError::Twice("a".into())).await;
    }
}
