//! What users, groups and roles have in common: names, managed policies, inline policies.

use std::sync::Arc;

use strongroom_authz::policy::quota_chars;
use strongroom_core::identity::{GroupRecord, Naming, PolicyRef, UserRecord};
use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::key::Tag;

use super::error::IamError;
use super::rules::{self, ATTACHED_MAX};
use crate::error::OpError;
use crate::identity::Draft;
use crate::identity::account::{Account, Entity, InlinePolicy, Kept, Kin, Role, fold};
use crate::query::Error;

/// A user, a group or a role.
pub(crate) trait Holder: Entity + Clone {
    /// `user`, as ARNs and messages have it.
    const NOUN: &'static str;
    /// `User`
    const TITLE: &'static str;
    /// Characters of all inline policies together that are not white space.
    const INLINE_CHARS_MAX: usize;
    /// Quota of the account.
    const QUOTA: (&'static str, usize);

    fn own(&self) -> &Naming;
    fn own_mut(&mut self) -> &mut Naming;
    fn attached(&self) -> &[PolicyRef];
    fn attached_mut(&mut self) -> &mut Vec<PolicyRef>;

    /// Tags; groups have none.
    fn tags(&self) -> &[Tag] {
        &[]
    }

    /// The permissions boundary; groups have none.
    fn boundary(&self) -> Option<&PolicyRef> {
        None
    }
}

/// A user or a role: what can have tags and a permissions boundary.
pub(crate) trait Person: Holder {
    fn tags_mut(&mut self) -> &mut Vec<Tag>;
    fn boundary_mut(&mut self) -> &mut Option<PolicyRef>;
}

impl Holder for UserRecord {
    const NOUN: &'static str = "user";
    const TITLE: &'static str = "User";
    const INLINE_CHARS_MAX: usize = 2_048;
    const QUOTA: (&'static str, usize) = ("UsersPerAccount", rules::USERS_MAX);

    fn own(&self) -> &Naming {
        &self.naming
    }

    fn own_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }

    fn attached(&self) -> &[PolicyRef] {
        &self.attached
    }

    fn attached_mut(&mut self) -> &mut Vec<PolicyRef> {
        &mut self.attached
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn boundary(&self) -> Option<&PolicyRef> {
        self.boundary.as_ref()
    }
}

impl Person for UserRecord {
    fn tags_mut(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }

    fn boundary_mut(&mut self) -> &mut Option<PolicyRef> {
        &mut self.boundary
    }
}

impl Holder for GroupRecord {
    const NOUN: &'static str = "group";
    const TITLE: &'static str = "Group";
    const INLINE_CHARS_MAX: usize = 5_120;
    const QUOTA: (&'static str, usize) = ("GroupsPerAccount", rules::GROUPS_MAX);

    fn own(&self) -> &Naming {
        &self.naming
    }

    fn own_mut(&mut self) -> &mut Naming {
        &mut self.naming
    }

    fn attached(&self) -> &[PolicyRef] {
        &self.attached
    }

    fn attached_mut(&mut self) -> &mut Vec<PolicyRef> {
        &mut self.attached
    }
}

impl Holder for Role {
    const NOUN: &'static str = "role";
    const TITLE: &'static str = "Role";
    const INLINE_CHARS_MAX: usize = 10_240;
    const QUOTA: (&'static str, usize) = ("RolesPerAccount", rules::ROLES_MAX);

    fn own(&self) -> &Naming {
        &self.record.naming
    }

    fn own_mut(&mut self) -> &mut Naming {
        &mut self.record.naming
    }

    fn attached(&self) -> &[PolicyRef] {
        &self.record.attached
    }

    fn attached_mut(&mut self) -> &mut Vec<PolicyRef> {
        &mut self.record.attached
    }

    fn tags(&self) -> &[Tag] {
        &self.record.tags
    }

    fn boundary(&self) -> Option<&PolicyRef> {
        self.record.boundary.as_ref()
    }
}

impl Person for Role {
    fn tags_mut(&mut self) -> &mut Vec<Tag> {
        &mut self.record.tags
    }

    fn boundary_mut(&mut self) -> &mut Option<PolicyRef> {
        &mut self.record.boundary
    }
}

/// The ARN of a user, group or role.
pub(crate) fn holder_arn<H: Holder>(partition: Partition, account: AccountId, holder: &H) -> String {
    let Naming { path, name, .. } = holder.own();
    format!("arn:{partition}:iam::{account}:{}{path}{name}", H::NOUN)
}

/// The user, group or role of this name, in any case.
pub(crate) fn find<'a, H: Holder>(account: &'a Account, name: &str) -> Result<&'a Arc<Kept<H>>, Error> {
    Ok(H::kin(account).get(&*fold(name)).ok_or_else(|| IamError::no_such(H::NOUN, name))?)
}

/// Changes a user, group or role in a draft.
pub(crate) fn edit<H: Holder, T>(
    draft: &mut Draft,
    name: &str,
    change: impl FnOnce(&mut H) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut holder = find::<H>(draft.account(), name)?.entity.clone();
    let outcome = change(&mut holder)?;
    draft.put(&fold(name), holder)?;
    Ok(outcome)
}

/// Adds a new user, group or role, unless its name is taken or the account is full.
pub(crate) fn insert<H: Holder>(draft: &mut Draft, holder: H) -> Result<(), Error> {
    let kin: &Kin<H> = H::kin(draft.account());
    let name = &holder.own().name;
    let key = fold(name);
    if kin.contains_key(&*key) {
        return Err(IamError::EntityAlreadyExists(format!("{} with name {name} already exists.", H::TITLE)).into());
    }
    let (quota, limit) = H::QUOTA;
    if kin.len() >= limit {
        return Err(IamError::quota(quota, limit).into());
    }
    Ok(draft.put(&key, holder)?)
}

/// Gives a user or group another name or path. Everything that belongs to it goes by its unique id and stays.
pub(crate) fn rename<H: Holder>(
    draft: &mut Draft,
    name: &str,
    new_name: Option<&str>,
    new_path: Option<&str>,
) -> Result<(), Error> {
    let mut holder = find::<H>(draft.account(), name)?.entity.clone();
    if let Some(path) = new_path {
        path.clone_into(&mut holder.own_mut().path);
    }
    if let Some(new) = new_name {
        if !new.eq_ignore_ascii_case(name) && H::kin(draft.account()).contains_key(&*fold(new)) {
            return Err(IamError::EntityAlreadyExists(format!("{} with name {new} already exists.", H::TITLE)).into());
        }
        new.clone_into(&mut holder.own_mut().name);
        if !new.eq_ignore_ascii_case(name) {
            draft.remove::<H>(&fold(name));
        }
    }
    let key = fold(&holder.own().name);
    Ok(draft.put(&key, holder)?)
}

/// Refuses to delete what policies belong to.
pub(crate) fn check_without_policies<H: Holder>(account: &Account, holder: &H) -> Result<(), Error> {
    if !holder.attached().is_empty() {
        return Err(IamError::DeleteConflict("Cannot delete entity, must detach all policies first.").into());
    }
    if account.inline_of(&holder.own().id).next().is_some() {
        return Err(IamError::DeleteConflict("Cannot delete entity, must delete policies first.").into());
    }
    Ok(())
}

/// The managed policy that an ARN names, to be attached.
pub(crate) fn attachable(account: &Account, arn: &str) -> Result<PolicyRef, Error> {
    check_policy_arn(arn)?;
    let gone = || IamError::NoSuchEntity(format!("Policy {arn} does not exist or is not attachable."));
    Ok(account.policy_ref(arn).ok_or_else(gone)?)
}

/// Refuses what cannot be the ARN of a policy.
pub(crate) fn check_policy_arn(arn: &str) -> Result<(), Error> {
    let is_arn = arn.starts_with("arn:") && arn.contains(":iam:") && arn.contains(":policy/");
    if is_arn { Ok(()) } else { Err(IamError::InvalidInput(format!("ARN {arn} is not valid.").into()).into()) }
}

/// The managed policy that is to be a permissions boundary.
pub(crate) fn read_boundary(account: &Account, arn: &str) -> Result<PolicyRef, Error> {
    check_policy_arn(arn)?;
    let gone = || IamError::NoSuchEntity(format!("Scope ARN: {arn} does not exist or is not attachable."));
    Ok(account.policy_ref(arn).ok_or_else(gone)?)
}

/// Attaches a managed policy; once is enough.
pub(crate) fn attach<H: Holder>(draft: &mut Draft, name: &str, arn: &str) -> Result<(), Error> {
    let holder = find::<H>(draft.account(), name)?;
    let policy = attachable(draft.account(), arn)?;
    if holder.attached().contains(&policy) {
        return Ok(());
    }
    if holder.attached().len() >= ATTACHED_MAX {
        return Err(IamError::quota(&format!("PoliciesPer{}", H::TITLE), ATTACHED_MAX).into());
    }
    edit::<H, ()>(draft, name, |holder| {
        holder.attached_mut().push(policy);
        Ok(())
    })
}

/// Detaches a managed policy.
pub(crate) fn detach<H: Holder>(draft: &mut Draft, name: &str, arn: &str) -> Result<(), Error> {
    find::<H>(draft.account(), name)?;
    check_policy_arn(arn)?;
    let gone = || IamError::NoSuchEntity(format!("Policy {arn} was not found."));
    let policy = draft.account().policy_ref(arn).ok_or_else(gone)?;
    edit::<H, ()>(draft, name, |holder| {
        let at = holder.attached().iter().position(|own| *own == policy).ok_or_else(gone)?;
        holder.attached_mut().remove(at);
        Ok(())
    })
}

fn inline_key(owner: &Naming, policy: &str) -> String {
    format!("{}/{policy}", owner.id)
}

fn no_such_inline<H: Holder>(policy: &str) -> IamError {
    IamError::NoSuchEntity(format!("The {} policy with name {policy} cannot be found.", H::NOUN))
}

/// Writes an inline policy.
pub(crate) fn put_inline<H: Holder>(draft: &mut Draft, name: &str, policy: &str, document: &str) -> Result<(), Error> {
    let account = draft.account();
    let holder = find::<H>(account, name)?;
    rules::read_identity_policy(document)?;
    let others = account.inline_of(&holder.own().id).filter(|(own, _)| *own != policy);
    let chars = others.map(|(_, own)| quota_chars(&own.document)).sum::<usize>() + quota_chars(document);
    if chars > H::INLINE_CHARS_MAX {
        return Err(IamError::LimitExceeded(
            format!("Maximum policy size of {} bytes exceeded for {} {name}", H::INLINE_CHARS_MAX, H::NOUN).into(),
        )
        .into());
    }
    let key = inline_key(holder.own(), policy);
    let entity = InlinePolicy::new(policy, document).map_err(|_| OpError::BadRecord)?;
    Ok(draft.put(&key, entity)?)
}

/// The document of an inline policy.
pub(crate) fn inline<'a, H: Holder>(account: &'a Account, name: &str, policy: &str) -> Result<&'a str, Error> {
    let holder = find::<H>(account, name)?;
    let found = account.inline.get(&*inline_key(holder.own(), policy));
    Ok(found.map(|own| &*own.document).ok_or_else(|| no_such_inline::<H>(policy))?)
}

/// Deletes an inline policy.
pub(crate) fn delete_inline<H: Holder>(draft: &mut Draft, name: &str, policy: &str) -> Result<(), Error> {
    inline::<H>(draft.account(), name, policy)?;
    let key = inline_key(find::<H>(draft.account(), name)?.own(), policy);
    draft.remove::<InlinePolicy>(&key);
    Ok(())
}

/// Sets or removes the permissions boundary.
pub(crate) fn set_boundary<P: Person>(draft: &mut Draft, name: &str, arn: Option<&str>) -> Result<(), Error> {
    let current = find::<P>(draft.account(), name)?;
    if arn.is_none() && current.boundary().is_none() {
        return Err(IamError::NoSuchEntity(format!(
            "{} {name} does not have a permission boundary attached.",
            P::TITLE
        ))
        .into());
    }
    let boundary = arn.map(|arn| read_boundary(draft.account(), arn)).transpose()?;
    edit::<P, ()>(draft, name, |person| {
        *person.boundary_mut() = boundary;
        Ok(())
    })
}
