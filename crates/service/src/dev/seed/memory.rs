//! What the store remembers of a seed, and the sowing: first all questions to the store, then all writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::{PolicyKind, PrincipalKind};
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_store::{Record, Store, Table, Version};
use strongroom_vault::{RecordName, Vault};

use super::keys::Parties;
use super::{Seed, SeedAccount, SeedKey, SeedProblem, accounts, keys};
use crate::error::OpError;
use crate::identity::Directory;
use crate::identity::principals::read_arn;
use crate::keys::Keyring;

/// What a seed said of one thing: field by field, secrets by what they are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn insert(&mut self, field: impl Into<String>, value: impl ToString) {
        self.0.insert(field.into(), value.to_string());
    }

    fn to_bytes(&self) -> Result<Vec<u8>, OpError> {
        serde_json::to_vec(&self.0).map_err(|_| OpError::BadRecord)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, OpError> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| OpError::BadRecord)
    }

    /// The fields in which the two differ.
    fn differences(&self, other: &Self) -> Vec<String> {
        let fields: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        fields.into_iter().filter(|field| self.0.get(*field) != other.0.get(*field)).cloned().collect()
    }
}

/// A remembered form in the store.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// Where it stands, in [`Table::Meta`].
    pub(crate) key: Vec<u8>,
    /// What it says.
    pub(crate) plain: Vec<u8>,
}

/// What a seed needs of a node that is starting.
pub(crate) struct Sower<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) vault: &'a Vault,
    pub(crate) keyring: &'a Keyring,
    pub(crate) directory: &'a mut Directory,
    pub(crate) rng: &'a dyn Rng,
    pub(crate) now: Timestamp,
}

impl Sower<'_> {
    /// Makes the seed true, or says why it cannot be and writes nothing.
    ///
    /// # Errors
    /// Failures of the store. What contradicts the store is an answer.
    pub(crate) async fn sow(&mut self, seed: Seed) -> Result<Vec<SeedProblem>, OpError> {
        let mut problems = seed.check();
        let mut new_keys = Vec::new();
        let mut new_in: HashMap<(AccountId, Region), usize> = HashMap::new();
        let mut new_accounts = Vec::new();
        if !problems.is_empty() {
            return Ok(problems);
        }
        for (at, key) in seed.keys.iter().enumerate() {
            let at = format!("keys[{at}]");
            let note = key_note(key)?;
            match self.judge(&note.0, &note.1, self.key_is_there(key).await?).await? {
                Verdict::Known => {}
                Verdict::New => {
                    problems.extend(self.aliases_that_are_there(&at, key).await?);
                    let nth = new_in.entry((key.arn.account, key.arn.region)).or_insert(0);
                    *nth += 1;
                    problems.extend(self.beyond_quotas(&at, key, *nth).await?);
                    let parties = self.parties_of(&seed, &at, key, &mut problems).await?;
                    new_keys.push((key, Note { plain: note.1.to_bytes()?, key: note.0 }, parties));
                }
                Verdict::Contradiction(problem) => problems.push(contradiction(&at, &problem)),
            }
        }
        for (at, account) in seed.accounts.iter().enumerate() {
            let at = format!("accounts[{at}]");
            let name = account_note_name(account);
            let form = accounts::form(account);
            match self.judge(&name, &form, accounts::is_there(self.directory, account).await?).await? {
                Verdict::Known => {}
                Verdict::New => {
                    let mut trusted = Vec::new();
                    for (number, role) in account.roles.iter().enumerate() {
                        let names = named_by(PolicyKind::Trust, &role.trust_policy)?;
                        let at = format!("{at}.roles[{number}].trust_policy");
                        trusted.push(self.identify_all(&seed, &at, &names, &mut problems).await?);
                    }
                    new_accounts.push((account, Note { plain: form.to_bytes()?, key: name }, trusted));
                }
                Verdict::Contradiction(problem) => problems.push(contradiction(&at, &problem)),
            }
        }
        if !problems.is_empty() {
            return Ok(problems);
        }
        for (account, note, trusted) in new_accounts {
            accounts::grow(self.directory, account, self.now, note, trusted).await?;
        }
        for (key, note, parties) in new_keys {
            self.keyring.ensure_account_key(key.arn.account).await?;
            let grown = keys::grow(key, parties, self.vault, self.now, self.rng)?;
            self.keyring.insert_seeded(grown, note).await?;
        }
        for account in seed.accounts {
            self.directory.configure_seeded(account);
        }
        Ok(problems)
    }

    /// What a quota says against a key that is the `nth` new one of its account in its Region.
    async fn beyond_quotas(&self, at: &str, key: &SeedKey, nth: usize) -> Result<Option<SeedProblem>, OpError> {
        match self.keyring.check_room_for_seeded(&key.arn, nth, key.aliases.len(), key.grants.len()).await {
            Ok(()) => Ok(None),
            Err(OpError::LimitExceeded(text)) => Ok(Some(contradiction(at, &text))),
            Err(failed) => Err(failed),
        }
    }

    /// Whether something is new, was seeded just so before, or contradicts what is there.
    async fn judge(&self, name: &[u8], form: &Form, is_there: bool) -> Result<Verdict, OpError> {
        let Some(record) = self.store.get(Table::Meta, name).await? else {
            return Ok(if is_there {
                Verdict::Contradiction("it is in the store already, and was not made by a seed".to_owned())
            } else {
                Verdict::New
            });
        };
        let remembered = Form::from_bytes(&self.open(&record)?)?;
        let differences = remembered.differences(form);
        Ok(if differences.is_empty() {
            Verdict::Known
        } else {
            Verdict::Contradiction(format!(
                "it was seeded before with another {}; start with the old seed, or without the old data",
                differences.join(", ")
            ))
        })
    }

    fn open(&self, record: &Record) -> Result<Vec<u8>, OpError> {
        let name = note_name(&record.key, record.version);
        Ok(self.vault.open_record(name, &record.value)?.expose().to_vec())
    }

    /// Whom the policy and the grants of a key name. That somebody of a known account is not there is a problem.
    async fn parties_of(
        &self,
        seed: &Seed,
        at: &str,
        key: &SeedKey,
        problems: &mut Vec<SeedProblem>,
    ) -> Result<Parties, OpError> {
        let mut parties = Parties::default();
        if let Some(policy) = &key.policy {
            let names = named_by(PolicyKind::Key, policy)?;
            parties.of_policy = self.identify_all(seed, &format!("{at}.policy"), &names, problems).await?;
        }
        for (number, grant) in key.grants.iter().enumerate() {
            let request = &grant.request;
            let names = [&request.grantee_principal, &request.retiring_principal].into_iter().flatten();
            let names: Vec<Box<str>> = names.map(|name| name.as_str().into()).collect();
            parties.of_grants.push(self.identify_all(seed, &format!("{at}.grants[{number}]"), &names, problems).await?);
        }
        Ok(parties)
    }

    async fn identify_all(
        &self,
        seed: &Seed,
        at: &str,
        names: &[Box<str>],
        problems: &mut Vec<SeedProblem>,
    ) -> Result<Vec<NamedPrincipal>, OpError> {
        let mut known: Vec<NamedPrincipal> = Vec::new();
        for name in names {
            match self.identify(seed, name).await? {
                Ok(named) => known.extend(named.filter(|named| !known.contains(named))),
                Err(Nobody) => problems.push(contradiction(at, &format!("there is nobody called {name}"))),
            }
        }
        Ok(known)
    }

    async fn identify(&self, seed: &Seed, arn: &str) -> Result<Result<Option<NamedPrincipal>, Nobody>, OpError> {
        if let Some((owner, named)) = read_arn(arn)
            && let Some(account) = seed.accounts.iter().find(|account| account.id == owner)
        {
            if let Some(found) = accounts::seeded_principal(account, arn, named)? {
                return Ok(Ok(found));
            }
            let stored = self.directory.account(owner).await?;
            if stored.is_none_or(|stored| stored.version.is_none()) {
                return Ok(Err(Nobody));
            }
        }
        Ok(self.directory.identify(arn).await?.map_err(|()| Nobody))
    }

    async fn key_is_there(&self, key: &SeedKey) -> Result<bool, OpError> {
        Ok(self.keyring.entry(&key.arn).await?.is_some())
    }

    async fn aliases_that_are_there(&self, at: &str, key: &SeedKey) -> Result<Vec<SeedProblem>, OpError> {
        let mut problems = Vec::new();
        for (number, alias) in key.aliases.iter().enumerate() {
            let arn = strongroom_core::arn::AliasArn {
                account: key.arn.account,
                region: key.arn.region,
                alias: alias.clone(),
            };
            if self.keyring.alias(&arn).await?.is_some() {
                problems.push(SeedProblem {
                    at: format!("{at}.aliases[{number}]"),
                    problem: format!("{arn} is in the store already, and names another key"),
                    other: None,
                });
            }
        }
        Ok(problems)
    }
}

/// A known account has nobody of that name.
struct Nobody;

/// The principals of AWS that a policy names.
fn named_by(kind: PolicyKind, document: &str) -> Result<Vec<Box<str>>, OpError> {
    let policy = Policy::parse(kind, document).map_err(|_| OpError::BadRecord)?;
    let named = policy.principals().filter(|principal| principal.kind == PrincipalKind::Aws);
    Ok(named.map(|principal| principal.name.clone()).collect())
}

enum Verdict {
    New,
    Known,
    Contradiction(String),
}

fn contradiction(at: &str, problem: &str) -> SeedProblem {
    SeedProblem { at: at.to_owned(), problem: problem.to_owned(), other: None }
}

fn key_note(key: &SeedKey) -> Result<(Vec<u8>, Form), OpError> {
    let arn = key.arn;
    Ok((format!("dev-seed/key/{}/{}/{}", arn.account, arn.region, arn.key).into_bytes(), keys::form(key)?))
}

fn account_note_name(account: &SeedAccount) -> Vec<u8> {
    format!("dev-seed/account/{}", account.id).into_bytes()
}

/// The name by which a remembered form is sealed.
pub(crate) const fn note_name(key: &[u8], version: Version) -> RecordName<'_> {
    RecordName { table: Table::Meta.code(), key, version: version.0 }
}
