//! One account in memory: everybody and everything that belongs to it, with policies prepared.
//!
//! # Invariants
//! - An [`Account`] never changes; a change makes another one, which takes its place as a whole.
//! - Users, groups, roles and policies stand under their names in lower case: two that differ in case alone cannot be.

use std::collections::BTreeMap;
use std::ops::{Bound, Deref};
use std::sync::Arc;

use strongroom_authz::decide::AttachedPolicy;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::identity::{
    AccessKeyOwner, AccessKeyRecord, AccountRecord, GroupRecord, ManagedPolicyRecord, Naming, OidcProviderRecord,
    PolicyRef, RoleRecord, UserRecord,
};
use strongroom_core::ids::AccountId;
use strongroom_core::secret::SecretBytes;
use strongroom_store::encode::{self, BadRecord};
use strongroom_store::{Table, Version};

use super::principals::resolved;

/// Something of an account, and the version of its record.
#[derive(Debug)]
pub(crate) struct Kept<E> {
    pub(crate) entity: E,
    pub(crate) version: Version,
}

impl<E> Deref for Kept<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entity
    }
}

/// Everything of one kind, by its key: the store's key without account and kind.
pub(crate) type Kin<E> = BTreeMap<Arc<str>, Arc<Kept<E>>>;

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) record: AccountRecord,
    /// Of the account's record, which every change of the account writes; `None` when it is not stored.
    pub(crate) version: Option<Version>,
    /// Tells this state of the account from every other in this process.
    pub(crate) serial: u64,
    pub(crate) users: Kin<UserRecord>,
    pub(crate) groups: Kin<GroupRecord>,
    pub(crate) roles: Kin<Role>,
    pub(crate) managed: Kin<ManagedPolicy>,
    /// By the unique id of their owner, `/`, and their name.
    pub(crate) inline: Kin<InlinePolicy>,
    /// By their URL.
    pub(crate) providers: Kin<OidcProviderRecord>,
    pub(crate) access_keys: Kin<AccessKeyRecord>,
    /// Keys of users, groups and roles by unique id.
    pub(crate) by_id: BTreeMap<Arc<str>, Arc<str>>,
}

/// The key under which something with this name stands.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Account {
    /// An account with nobody but its root user.
    pub(crate) fn empty(id: AccountId, record: AccountRecord) -> Self {
        Self {
            id,
            record,
            version: None,
            serial: 0,
            users: Kin::new(),
            groups: Kin::new(),
            roles: Kin::new(),
            managed: Kin::new(),
            inline: Kin::new(),
            providers: Kin::new(),
            access_keys: Kin::new(),
            by_id: BTreeMap::new(),
        }
    }

    /// The user of this name, in any case.
    pub(crate) fn user(&self, name: &str) -> Option<&Arc<Kept<UserRecord>>> {
        self.users.get(&*fold(name))
    }

    /// The group of this name, in any case.
    pub(crate) fn group(&self, name: &str) -> Option<&Arc<Kept<GroupRecord>>> {
        self.groups.get(&*fold(name))
    }

    /// The role of this name, in any case.
    pub(crate) fn role(&self, name: &str) -> Option<&Arc<Kept<Role>>> {
        self.roles.get(&*fold(name))
    }

    /// The user with this unique id.
    pub(crate) fn user_by_id(&self, id: &str) -> Option<&Arc<Kept<UserRecord>>> {
        self.users.get(self.by_id.get(id)?).filter(|user| *user.naming.id == *id)
    }

    /// The group with this unique id.
    pub(crate) fn group_by_id(&self, id: &str) -> Option<&Arc<Kept<GroupRecord>>> {
        self.groups.get(self.by_id.get(id)?).filter(|group| *group.naming.id == *id)
    }

    /// The role with this unique id.
    pub(crate) fn role_by_id(&self, id: &str) -> Option<&Arc<Kept<Role>>> {
        self.roles.get(self.by_id.get(id)?).filter(|role| *role.record.naming.id == *id)
    }

    /// The inline policies of whoever has this unique id, with their names.
    pub(crate) fn inline_of<'a>(&'a self, owner: &str) -> impl Iterator<Item = (&'a str, &'a Arc<Kept<InlinePolicy>>)> {
        let prefix = format!("{owner}/");
        let from = (Bound::Included(&*prefix), Bound::Unbounded);
        let range = self.inline.range::<str, _>(from);
        let prefix = prefix.clone();
        range.map_while(move |(key, policy)| Some((key.strip_prefix(&*prefix)?, policy)))
    }

    /// The access keys of a user, by id.
    pub(crate) fn access_keys_of<'a>(&'a self, owner: &'a AccessKeyOwner) -> impl Iterator<Item = &'a AccessKeyRecord> {
        self.access_keys.values().map(|key| &key.entity).filter(move |key| key.owner == *owner)
    }

    /// The users that belong to the group with this unique id.
    pub(crate) fn members_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Arc<Kept<UserRecord>>> {
        self.users.values().filter(move |user| user.groups.iter().any(|own| **own == *group))
    }

    /// The managed policy that an ARN names, exactly as it is written, when the account can attach it.
    pub(crate) fn policy_ref(&self, arn: &str) -> Option<PolicyRef> {
        let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':').skip(1);
        let (service, region, owner) = (parts.next()?, parts.next()?, parts.next()?);
        let full = parts.next()?.strip_prefix("policy")?;
        let name = &full[full.rfind('/')? + 1..];
        if service != "iam" || !region.is_empty() {
            return None;
        }
        if owner == "aws" {
            return super::aws_managed::find(full).map(|_| PolicyRef::Aws(full.into()));
        }
        let (key, policy) = self.managed.get_key_value(&*fold(name)).filter(|_| owner == self.id.as_str())?;
        let naming = &policy.record.naming;
        let is_it = naming.name == name && full.strip_suffix(name) == Some(&naming.path);
        is_it.then(|| PolicyRef::Customer(Arc::clone(key)))
    }

    /// The policy, ready to decide.
    pub(crate) fn attached(&self, policy: &PolicyRef) -> Option<AttachedPolicy> {
        match policy {
            PolicyRef::Customer(name) => self.managed.get(name).map(|managed| managed.policy.clone()),
            PolicyRef::Aws(name) => super::aws_managed::find(name).map(|managed| managed.policy.clone()),
        }
    }
}

/// A role and its trust policy, prepared.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) record: RoleRecord,
    pub(crate) trust: AttachedPolicy,
}

impl Role {
    /// # Errors
    /// [`BadRecord`] when the trust policy is none; such a policy is never stored.
    pub(crate) fn new(record: RoleRecord) -> Result<Self, BadRecord> {
        let trust = Policy::parse(PolicyKind::Trust, &record.trust.document).map_err(|_| BadRecord)?;
        let trust = resolved(trust, &record.trust.principals).map_err(|_| BadRecord)?;
        Ok(Self { trust: AttachedPolicy { name: "trust policy".into(), policy: trust.into() }, record })
    }
}

/// A managed policy of the account, with the version that holds prepared.
#[derive(Clone, Debug)]
pub(crate) struct ManagedPolicy {
    pub(crate) record: ManagedPolicyRecord,
    pub(crate) policy: AttachedPolicy,
}

impl ManagedPolicy {
    /// # Errors
    /// [`BadRecord`] when the version that holds is none; such a policy is never stored.
    pub(crate) fn new(record: ManagedPolicyRecord) -> Result<Self, BadRecord> {
        let version = record.version(record.default_version).ok_or(BadRecord)?;
        let policy = Policy::parse(PolicyKind::Identity, &version.document).map_err(|_| BadRecord)?;
        let name = format!("policy{}{}", record.naming.path, record.naming.name).into();
        Ok(Self { policy: AttachedPolicy { name, policy: policy.into() }, record })
    }
}

/// An inline policy, prepared.
#[derive(Clone, Debug)]
pub(crate) struct InlinePolicy {
    pub(crate) document: Box<str>,
    pub(crate) policy: AttachedPolicy,
}

impl InlinePolicy {
    /// # Errors
    /// [`BadRecord`] when it is no policy.
    pub(crate) fn new(name: &str, document: &str) -> Result<Self, BadRecord> {
        let policy = Policy::parse(PolicyKind::Identity, document).map_err(|_| BadRecord)?;
        Ok(Self { document: document.into(), policy: AttachedPolicy { name: name.into(), policy: policy.into() } })
    }
}

/// Something that an account has many of, each with a record of its own.
pub(crate) trait Entity: Sized + Send + Sync + 'static {
    /// Where it is stored.
    const TABLE: Table;
    /// What stands between account and key, when kinds share a table.
    const KIND: &'static str = "";

    /// The stored form.
    fn to_bytes(&self) -> Result<SecretBytes, BadRecord>;

    /// From the stored form of the record under `key`.
    fn from_bytes(key: &str, bytes: &[u8]) -> Result<Self, BadRecord>;

    /// All of this kind.
    fn kin(account: &Account) -> &Kin<Self>;

    /// All of this kind.
    fn kin_mut(account: &mut Account) -> &mut Kin<Self>;

    /// The name, for those that others name by unique id.
    fn naming(&self) -> Option<&Naming> {
        None
    }
}

macro_rules! entities {
    ($($entity:ty: $table:ident $kind:literal, $kin:ident, $to:expr, $from:expr, $naming:expr;)+) => {$(
        impl Entity for $entity {
            const TABLE: Table = Table::$table;
            const KIND: &'static str = $kind;

            fn to_bytes(&self) -> Result<SecretBytes, BadRecord> {
                let to: fn(&Self) -> Result<SecretBytes, BadRecord> = $to;
                to(self)
            }

            fn from_bytes(key: &str, bytes: &[u8]) -> Result<Self, BadRecord> {
                let from: fn(&str, &[u8]) -> Result<Self, BadRecord> = $from;
                from(key, bytes)
            }

            fn kin(account: &Account) -> &Kin<Self> {
                &account.$kin
            }

            fn kin_mut(account: &mut Account) -> &mut Kin<Self> {
                &mut account.$kin
            }

            fn naming(&self) -> Option<&Naming> {
                let naming: fn(&Self) -> Option<&Naming> = $naming;
                naming(self)
            }
        }
    )+};
}

fn plain(bytes: Vec<u8>) -> Result<SecretBytes, BadRecord> {
    Ok(SecretBytes::from_vec(bytes))
}

entities! {
    UserRecord: Users "", users, |user| plain(encode::user_to_bytes(user)),
        |_, bytes| encode::user_from_bytes(bytes), |user| Some(&user.naming);
    GroupRecord: Groups "", groups, |group| plain(encode::group_to_bytes(group)),
        |_, bytes| encode::group_from_bytes(bytes), |group| Some(&group.naming);
    Role: Roles "", roles, |role| plain(encode::role_to_bytes(&role.record)),
        |_, bytes| Role::new(encode::role_from_bytes(bytes)?), |role| Some(&role.record.naming);
    ManagedPolicy: IdentityPolicies "managed/", managed,
        |policy| plain(encode::managed_policy_to_bytes(&policy.record)),
        |_, bytes| ManagedPolicy::new(encode::managed_policy_from_bytes(bytes)?), |_| None;
    InlinePolicy: IdentityPolicies "inline/", inline, |policy| plain(encode::inline_policy_to_bytes(&policy.document)),
        |key, bytes| {
            let (_, name) = key.split_once('/').ok_or(BadRecord)?;
            InlinePolicy::new(name, &encode::inline_policy_from_bytes(bytes)?)
        }, |_| None;
    OidcProviderRecord: IdentityProviders "", providers, |provider| plain(encode::oidc_provider_to_bytes(provider)),
        |_, bytes| encode::oidc_provider_from_bytes(bytes), |_| None;
    AccessKeyRecord: AccessKeys "", access_keys, encode::access_key_to_bytes,
        |_, bytes| encode::access_key_from_bytes(bytes), |_| None;
}
