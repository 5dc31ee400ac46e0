//! Accounts of a seed: what is remembered of them, and how they are made.

use std::sync::Arc;

use strongroom_core::identity::{
    GroupRecord, ManagedPolicyRecord, NamedPrincipal, Naming, PolicyRef, PolicyVersion, PrincipalPolicy, RoleRecord,
    UniqueIdKind, UserRecord,
};
use strongroom_core::ids::AccountId;
use strongroom_core::world::{SeededRng, Timestamp};

use super::memory::{Form, Note};
use super::{SeedAccount, SeedGroup, SeedPolicy, SeedRole, SeedUser};
use crate::error::OpError;
use crate::identity::account::{InlinePolicy, ManagedPolicy, Role, fold};
use crate::identity::aws_managed;
use crate::identity::principals::Named;
use crate::identity::unique_ids::new_unique_id;
use crate::identity::{Directory, Draft};

/// What the store remembers of an account. Access keys are not stored, so they may change.
pub(super) fn form(account: &SeedAccount) -> Form {
    let mut form = Form::default();
    for policy in &account.policies {
        form.insert(format!("policy {}", policy.name), &policy.document);
    }
    for SeedGroup { name, policies, inline_policies } in &account.groups {
        form.insert(format!("group {name}"), format!("{policies:?} {inline_policies:?}"));
    }
    for SeedUser { name, path, tags, policies, inline_policies, permissions_boundary, groups, access_keys: _ } in
        &account.users
    {
        form.insert(
            format!("user {name}"),
            format!("{path} {tags:?} {policies:?} {inline_policies:?} {permissions_boundary:?} {groups:?}"),
        );
    }
    for role in &account.roles {
        form.insert(format!("role {}", role.name), format!("{role:?}"));
    }
    form
}

/// Whether the store has somebody or something of a name that the seed gives.
pub(super) async fn is_there(directory: &Directory, seed: &SeedAccount) -> Result<bool, OpError> {
    let Some(account) = directory.account(seed.id).await? else { return Ok(false) };
    Ok(seed.policies.iter().any(|one| account.managed.contains_key(&*fold(&one.name)))
        || seed.groups.iter().any(|one| account.groups.contains_key(&*fold(&one.name)))
        || seed.users.iter().any(|one| account.user(&one.name).is_some())
        || seed.roles.iter().any(|one| account.role(&one.name).is_some()))
}

/// Whether the account will have the policy that is named: one of its own by name or ARN, or one of AWS by ARN.
pub(super) fn names_policy(account: &SeedAccount, policy: &str) -> bool {
    let is_own = |name: &str| account.policies.iter().any(|own| own.name.eq_ignore_ascii_case(name));
    let Some(rest) = policy.strip_prefix("arn:") else { return is_own(policy) };
    let Some((_, rest)) = rest.split_once(":iam::") else { return false };
    match rest.split_once(":policy") {
        Some(("aws", full)) => aws_managed::find(full).is_some(),
        Some((owner, full)) => owner == account.id.as_str() && full.strip_prefix('/').is_some_and(is_own),
        None => false,
    }
}

/// Makes the account and everybody in it, and has it remembered, in one batch. `trusted` are the principals of each role's
/// trust policy.
///
/// # Errors
/// Failures of the store.
pub(super) async fn grow(
    directory: &Directory,
    seed: &SeedAccount,
    now: Timestamp,
    note: Note,
    trusted: Vec<Vec<NamedPrincipal>>,
) -> Result<(), OpError> {
    directory
        .seed(seed.id, &note, |draft| {
            let naming = |kind, name: &str, path: &str| naming(seed.id, kind, name, path, now);
            for policy in &seed.policies {
                let record = managed(naming(UniqueIdKind::ManagedPolicy, &policy.name, "/")?, policy);
                draft.put(&fold(&policy.name), ManagedPolicy::new(record).map_err(|_| OpError::BadRecord)?)?;
            }
            for group in &seed.groups {
                let naming = naming(UniqueIdKind::Group, &group.name, "/")?;
                put_inline(draft, &naming.id, &group.inline_policies)?;
                let attached = attached(draft, &group.policies)?;
                draft.put(&fold(&group.name), GroupRecord { naming, attached })?;
            }
            for user in &seed.users {
                let naming = naming(UniqueIdKind::User, &user.name, &user.path)?;
                put_inline(draft, &naming.id, &user.inline_policies)?;
                let group_id =
                    |name: &String| draft.account().groups.get(&*fold(name)).map(|group| Arc::clone(&group.naming.id));
                let record = UserRecord {
                    tags: user.tags.clone(),
                    boundary: user
                        .permissions_boundary
                        .as_deref()
                        .map(|policy| policy_ref(draft, policy))
                        .transpose()?,
                    attached: attached(draft, &user.policies)?,
                    groups: user.groups.iter().filter_map(group_id).collect(),
                    naming,
                };
                draft.put(&fold(&user.name), record)?;
            }
            for (role, principals) in seed.roles.iter().zip(trusted) {
                let naming = naming(UniqueIdKind::Role, &role.name, &role.path)?;
                put_inline(draft, &naming.id, &role.inline_policies)?;
                let record = role_record(draft, role, naming, principals)?;
                draft.put(&fold(&role.name), Role::new(record).map_err(|_| OpError::BadRecord)?)?;
            }
            Ok(())
        })
        .await
}

fn naming(account: AccountId, kind: UniqueIdKind, name: &str, path: &str, now: Timestamp) -> Result<Naming, OpError> {
    let id = unique_id(account, kind, name)?.into();
    Ok(Naming { name: name.to_owned(), path: path.to_owned(), id, created: now })
}

/// The unique id that every store gives a name.
fn unique_id(account: AccountId, kind: UniqueIdKind, name: &str) -> Result<String, OpError> {
    let digest = strongroom_crypto::digest::sha256(format!("{account}/{}/{}", kind.prefix(), fold(name)).as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest;
    Ok(new_unique_id(kind, account, &SeededRng::new(u64::from_be_bytes([a, b, c, d, e, f, g, h])))?)
}

fn managed(naming: Naming, policy: &SeedPolicy) -> ManagedPolicyRecord {
    let created = naming.created;
    ManagedPolicyRecord {
        naming,
        updated: created,
        description: None,
        versions: vec![PolicyVersion { number: 1, created, document: policy.document.as_str().into() }],
        default_version: 1,
        next_version: 2,
        tags: Vec::new(),
    }
}

fn role_record(
    draft: &Draft,
    role: &SeedRole,
    naming: Naming,
    principals: Vec<NamedPrincipal>,
) -> Result<RoleRecord, OpError> {
    Ok(RoleRecord {
        naming,
        description: role.description.clone(),
        max_session_secs: role.max_session_seconds,
        trust: PrincipalPolicy { document: role.trust_policy.as_str().into(), principals },
        tags: role.tags.clone(),
        boundary: role.permissions_boundary.as_deref().map(|policy| policy_ref(draft, policy)).transpose()?,
        attached: attached(draft, &role.policies)?,
    })
}

fn put_inline(draft: &mut Draft, owner: &str, policies: &[SeedPolicy]) -> Result<(), OpError> {
    for policy in policies {
        let inline = InlinePolicy::new(&policy.name, &policy.document).map_err(|_| OpError::BadRecord)?;
        draft.put(&format!("{owner}/{}", policy.name), inline)?;
    }
    Ok(())
}

fn attached(draft: &Draft, policies: &[String]) -> Result<Vec<PolicyRef>, OpError> {
    policies.iter().map(|policy| policy_ref(draft, policy)).collect()
}

fn policy_ref(draft: &Draft, policy: &str) -> Result<PolicyRef, OpError> {
    if policy.starts_with("arn:") {
        return draft.account().policy_ref(policy).ok_or(OpError::BadRecord);
    }
    Ok(PolicyRef::Customer(fold(policy).into()))
}

/// The user, role or session of this account that an ARN names, once the account is there: with its id where it has one.
pub(super) fn seeded_principal(
    seed: &SeedAccount,
    arn: &str,
    named: Named<'_>,
) -> Result<Option<Option<NamedPrincipal>>, OpError> {
    let found = match named {
        Named::User(full) => {
            let user = seed.users.iter().find(|user| full.strip_suffix(&*user.name) == Some(&*user.path));
            user.map(|user| (UniqueIdKind::User, &user.name))
        }
        Named::Role(full) => {
            let role = seed.roles.iter().find(|role| full.strip_suffix(&*role.name) == Some(&*role.path));
            role.map(|role| (UniqueIdKind::Role, &role.name))
        }
        Named::Session(name) => return Ok(seed.roles.iter().any(|role| role.name == name).then_some(None)),
    };
    let Some((kind, name)) = found else { return Ok(None) };
    Ok(Some(Some(NamedPrincipal { arn: arn.into(), id: unique_id(seed.id, kind, name)?.into() })))
}
