//! Users and roles that policies name: whether they exist, and who they were when the policy was stored.
//!
//! A stored policy keeps its text and beside it the unique ids of the users and roles that it names. It is judged by the ids:
//! a user who is deleted and made anew under the same name is somebody else (IAM User Guide, "AWS JSON policy elements:
//! Principal").

use strongroom_authz::policy::Policy;
use strongroom_authz::policy::error::Malformed;
use strongroom_authz::policy::model::PrincipalKind;
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::{AccountId, Partition};

use super::account::Account;
use super::directory::Directory;
use crate::error::OpError;

/// A user, role or session by its ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// Path and name, beginning with `/`.
    User(&'a str),
    /// Path and name, beginning with `/`.
    Role(&'a str),
    /// The name of the role, without its path.
    Session(&'a str),
}

/// The account and the user, role or session that an ARN names; `None` for everything else, such as an account.
pub(crate) fn read_arn(arn: &str) -> Option<(AccountId, Named<'_>)> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (_partition, service, _region) = (parts.next()?, parts.next()?, parts.next()?);
    let account = parts.next()?.parse().ok()?;
    let resource = parts.next()?;
    let named = match service {
        "iam" if resource.starts_with("user/") => Named::User(&resource["user".len()..]),
        "iam" if resource.starts_with("role/") => Named::Role(&resource["role".len()..]),
        "sts" => Named::Session(resource.strip_prefix("assumed-role/")?.split('/').next()?),
        _ => return None,
    };
    Some((account, named))
}

/// Whether a name is an ARN of another partition, where nobody of this one is.
pub(crate) fn is_elsewhere(name: &str, partition: Partition) -> bool {
    let own = name.strip_prefix("arn:").and_then(|rest| rest.split(':').next());
    own.is_some_and(|own| own != partition.as_str())
}

/// Whether the account has what is named, exactly as it is written.
enum Standing<'a> {
    /// It has, under this unique id.
    There(&'a str),
    /// It has, and nobody remembers its id: a session is named by its role's name.
    Session,
    Absent,
}

fn look_up<'a>(account: &'a Account, named: Named<'_>) -> Standing<'a> {
    let split = |path_and_name: &str| path_and_name.rfind('/').map(|at| at + 1);
    let naming = match named {
        Named::User(full) => {
            let at = split(full).unwrap_or(0);
            account
                .user(&full[at..])
                .map(|user| &user.naming)
                .filter(|own| own.path == full[..at] && own.name == full[at..])
        }
        Named::Role(full) => {
            let at = split(full).unwrap_or(0);
            let role = account.role(&full[at..]).map(|role| &role.record.naming);
            role.filter(|own| own.path == full[..at] && own.name == full[at..])
        }
        Named::Session(name) => {
            return match account.role(name) {
                Some(role) if role.record.naming.name == name => Standing::Session,
                Some(_) | None => Standing::Absent,
            };
        }
    };
    naming.map_or(Standing::Absent, |naming| Standing::There(&naming.id))
}

impl Directory {
    /// Who is behind an ARN. Accounts that this installation does not know are taken at their word.
    ///
    /// # Errors
    /// `Ok(Err(()))` when a known account has nobody of this name; failures of the store.
    pub(crate) async fn identify(&self, arn: &str) -> Result<Result<Option<NamedPrincipal>, ()>, OpError> {
        let Some((id, named)) = read_arn(arn) else { return Ok(Ok(None)) };
        let Some(account) = self.account(id).await?.filter(|account| account.version.is_some()) else {
            return Ok(Ok(None));
        };
        Ok(match look_up(&account, named) {
            Standing::There(id) => Ok(Some(NamedPrincipal { arn: arn.into(), id: id.into() })),
            Standing::Session => Ok(None),
            Standing::Absent => Err(()),
        })
    }

    /// The users and roles that a policy of this partition names, with their unique ids.
    ///
    /// # Errors
    /// `Ok(Err(name))` with the first principal that does not exist; failures of the store.
    pub(crate) async fn identify_principals(
        &self,
        policy: &Policy,
        partition: Partition,
    ) -> Result<Result<Vec<NamedPrincipal>, Box<str>>, OpError> {
        let mut known: Vec<NamedPrincipal> = Vec::new();
        for principal in policy.principals().filter(|principal| principal.kind == PrincipalKind::Aws) {
            if known.iter().any(|own| own.arn == principal.name) {
                continue;
            }
            if is_elsewhere(&principal.name, partition) || !self.is_id_of_somebody(&principal.name).await? {
                return Ok(Err(principal.name.clone()));
            }
            match self.identify(&principal.name).await? {
                Ok(named) => known.extend(named),
                Err(()) => return Ok(Err(principal.name.clone())),
            }
        }
        Ok(Ok(known))
    }

    /// A unique id names nobody by itself: AWS refuses the id of somebody who is gone. Ids say their account.
    async fn is_id_of_somebody(&self, name: &str) -> Result<bool, OpError> {
        let is_id = name.len() == 21 && (name.starts_with("AIDA") || name.starts_with("AROA"));
        let Some(id) = is_id.then(|| super::unique_ids::account_of_id(name)).flatten() else { return Ok(true) };
        let account = self.account(id).await?.filter(|account| account.version.is_some());
        Ok(account.is_none_or(|account| account.by_id.contains_key(name)))
    }

    /// The ARN that a principal of a stored policy has now: the one that was written as long as it means the same one, the
    /// one after a move, the unique id when it is gone.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn present_name(&self, named: &NamedPrincipal) -> Result<Box<str>, OpError> {
        let Some((id, kind)) = read_arn(&named.arn) else { return Ok(named.arn.clone()) };
        let Some(account) = self.account(id).await? else { return Ok(named.id.clone()) };
        let (word, naming) = match kind {
            Named::User(_) => ("user", account.user_by_id(&named.id).map(|user| &user.naming)),
            Named::Role(_) | Named::Session(_) => {
                ("role", account.role_by_id(&named.id).map(|role| &role.record.naming))
            }
        };
        let partition = named.arn.split(':').nth(1).unwrap_or("aws");
        Ok(match naming {
            Some(naming) => format!("arn:{partition}:iam::{id}:{word}{}{}", naming.path, naming.name).into(),
            None => named.id.clone(),
        })
    }

    /// The text of a key policy as it is shown, canonical, with the present names of its principals.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn shown_text(&self, policy: &Policy, principals: &[NamedPrincipal]) -> Result<String, OpError> {
        let mut names = Vec::with_capacity(principals.len());
        for named in principals {
            names.push((&named.id, self.present_name(named).await?));
        }
        let rename = &mut |name: &str| Some(names.iter().find(|(id, _)| ***id == *name)?.1.clone());
        Ok(policy.with_principals(rename).map_err(|_| OpError::BadRecord)?.canonical_text())
    }

    /// The policy as it is shown, with the present names of its principals; `None` when those are the names that were written.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn shown(
        &self,
        policy: &Policy,
        principals: &[NamedPrincipal],
    ) -> Result<Option<Policy>, OpError> {
        let mut names = Vec::with_capacity(principals.len());
        for named in principals {
            names.push((named, self.present_name(named).await?));
        }
        if names.iter().all(|(named, present)| *named.arn == **present) {
            return Ok(None);
        }
        let rename = &mut |name: &str| {
            let (_, present) = names.iter().find(|(named, _)| *named.arn == *name || *named.id == *name)?;
            Some(present.clone())
        };
        policy.with_principals(rename).map(Some).map_err(|_| OpError::BadRecord)
    }
}

/// The policy with the users and roles that it names by their unique ids, as it is judged.
///
/// # Errors
/// [`Malformed`] when an id is none.
pub(crate) fn resolved(policy: Policy, principals: &[NamedPrincipal]) -> Result<Policy, Malformed> {
    if principals.is_empty() {
        return Ok(policy);
    }
    policy
        .with_principals(&mut |name| principals.iter().find(|named| *named.arn == *name).map(|named| named.id.clone()))
}
