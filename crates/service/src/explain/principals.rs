//! Callers that nobody has authenticated: whoever the operator names.

use std::sync::Arc;

use strongroom_authz::caller::{Caller, Session};
use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::key::Tag;

use super::simulate::ExplainError;
use crate::identity::account::Account;
use crate::identity::{Directory, Standing, user_caller};

/// The session of a role whose session nobody named.
const ANY_SESSION: &str = "any";

/// Somebody, and what decides on its side.
#[derive(Clone, Debug)]
pub(super) struct Supposed {
    pub(super) caller: Caller,
    /// `None` when its account is not one of this installation: its policies are not known then.
    pub(super) standing: Option<Arc<Standing>>,
}

impl Supposed {
    fn without_policies(caller: Caller) -> Self {
        Self { caller, standing: Some(Arc::default()) }
    }
}

/// Who is meant by an ARN, twelve digits, the name of a service, or `anonymous`.
///
/// # Errors
/// When it names nobody, or nobody who is here.
pub(super) async fn find(directory: &Directory, name: &str) -> Result<Supposed, ExplainError> {
    let nobody = || ExplainError::NoSuchPrincipal(name.to_owned());
    if name == "anonymous" {
        return Ok(Supposed::without_policies(Caller::anonymous(Partition::Aws)));
    }
    if let Ok(account) = name.parse() {
        return Ok(Supposed::without_policies(Caller::root(Partition::Aws, account)));
    }
    let Some(rest) = name.strip_prefix("arn:") else {
        let is_service = name.contains('.') && !name.contains([':', '/', ' ']);
        let service = is_service.then(|| Caller::service(Partition::Aws, name)).ok_or_else(nobody)?;
        return Ok(Supposed::without_policies(service));
    };
    let mut parts = rest.splitn(5, ':');
    let partition: Partition = parts.next().and_then(|part| part.parse().ok()).ok_or_else(nobody)?;
    let (service, _region) = (parts.next(), parts.next());
    let account: AccountId = parts.next().and_then(|part| part.parse().ok()).ok_or_else(nobody)?;
    let resource = parts.next().ok_or_else(nobody)?;
    let known = directory.account(account).await?;
    match (service, resource.split_once('/')) {
        (Some("iam"), None) if resource == "root" => Ok(Supposed::without_policies(Caller::root(partition, account))),
        (Some("iam"), Some(("oidc-provider", _))) => {
            Ok(Supposed::without_policies(Caller::web_identity(partition, name)))
        }
        (Some("iam"), Some(("user", full))) => match known {
            Some(known) => user(directory, &known, partition, full)?.ok_or_else(nobody),
            None => Ok(unknown_user(partition, account, full)),
        },
        (Some("iam"), Some(("role", full))) => match known {
            Some(known) => role(directory, &known, partition, last(full), ANY_SESSION)?.ok_or_else(nobody),
            None => Ok(unknown_role(partition, account, full, ANY_SESSION)),
        },
        (Some("sts"), Some(("assumed-role", full))) => {
            let (name, session) = full.split_once('/').ok_or_else(nobody)?;
            match known {
                Some(known) => role(directory, &known, partition, name, session)?.ok_or_else(nobody),
                None => Ok(unknown_role(partition, account, name, session)),
            }
        }
        _ => Err(nobody()),
    }
}

/// The root user, all users and all roles of an account.
///
/// # Errors
/// When a record is damaged.
pub(super) fn of_account(
    directory: &Directory,
    account: &Account,
    partition: Partition,
) -> Result<Vec<Supposed>, ExplainError> {
    let mut all = vec![Supposed::without_policies(Caller::root(partition, account.id))];
    for kept in account.users.values() {
        all.extend(user(directory, account, partition, &kept.naming.name)?);
    }
    for kept in account.roles.values() {
        all.extend(role(directory, account, partition, &kept.record.naming.name, ANY_SESSION)?);
    }
    Ok(all)
}

fn user(
    directory: &Directory,
    account: &Account,
    partition: Partition,
    full: &str,
) -> Result<Option<Supposed>, ExplainError> {
    let Some(user) = account.user(last(full)).or_else(|| account.user_by_id(full)) else { return Ok(None) };
    let standing = directory.standing_of_user(account, &user.naming.id)?;
    Ok(Some(Supposed { caller: user_caller(partition, account.id, user), standing }))
}

fn role(
    directory: &Directory,
    account: &Account,
    partition: Partition,
    name: &str,
    session: &str,
) -> Result<Option<Supposed>, ExplainError> {
    let Some(role) = account.role(name).or_else(|| account.role_by_id(name)) else { return Ok(None) };
    let naming = &role.record.naming;
    let standing = directory.standing_of_role(account, &naming.id)?;
    let facts = Session { issued_at: directory.now(), ..Session::default() };
    let caller = Caller::assumed_role(partition, account.id, &naming.path, &naming.name, &naming.id, session, facts);
    Ok(Some(Supposed { caller: caller.with_tags(pairs(&role.record.tags)), standing }))
}

/// A principal by its unique id, which is what is left of one in a policy when it is gone.
///
/// # Errors
/// When a record is damaged.
pub(super) fn by_id(
    directory: &Directory,
    account: &Account,
    partition: Partition,
    id: &str,
) -> Result<Option<Supposed>, ExplainError> {
    if id.starts_with("AIDA") {
        user(directory, account, partition, id)
    } else {
        role(directory, account, partition, id, ANY_SESSION)
    }
}

fn unknown_user(partition: Partition, account: AccountId, full: &str) -> Supposed {
    let (path, name) = split(full);
    Supposed { caller: Caller::user(partition, account, &path, name, ""), standing: None }
}

fn unknown_role(partition: Partition, account: AccountId, full: &str, session: &str) -> Supposed {
    let (path, name) = split(full);
    let caller = Caller::assumed_role(partition, account, &path, name, "", session, Session::default());
    Supposed { caller, standing: None }
}

/// `team/blue/ann` as the path `/team/blue/` and the name `ann`.
fn split(full: &str) -> (String, &str) {
    match full.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), full),
    }
}

fn last(full: &str) -> &str {
    split(full).1
}

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}
