//! From records to the shapes of replies.

use std::collections::HashMap;

use strongroom_core::identity::{GroupRecord, Naming, OidcProviderRecord, PolicyRef, PolicyVersion, UserRecord};
use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::key::Tag;
use strongroom_core::world::Timestamp;
use strongroom_wire::query::iam;

use super::holders::{Holder, holder_arn};
use crate::identity::account::{Account, ManagedPolicy, Role};
use crate::identity::aws_managed::{self, AwsManagedPolicy};

/// A document as replies carry it: percent-encoded by RFC 3986.
pub(crate) fn document(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, UNRESERVED).to_string()
}

/// All but the unreserved characters of RFC 3986.
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Tags in the order of their keys; absent when there are none.
pub(crate) fn tags(tags: &[Tag]) -> Option<Vec<iam::Tag>> {
    let mut shown: Vec<iam::Tag> =
        tags.iter().map(|tag| iam::Tag { key: tag.key.clone(), value: tag.value.clone() }).collect();
    shown.sort_by(|one, other| one.key.cmp(&other.key));
    (!shown.is_empty()).then_some(shown)
}

/// Path and name of a managed policy.
fn place<'a>(account: &'a Account, policy: &'a PolicyRef) -> Option<(&'a str, &'a str)> {
    match policy {
        PolicyRef::Customer(key) => {
            account.managed.get(key).map(|policy| (&*policy.record.naming.path, &*policy.record.naming.name))
        }
        PolicyRef::Aws(full) => aws_managed::find(full).map(|policy| (policy.path, policy.name)),
    }
}

/// The ARN of a managed policy.
pub(crate) fn policy_arn(account: &Account, partition: Partition, policy: &PolicyRef) -> String {
    let owner = match policy {
        PolicyRef::Customer(_) => account.id.to_string(),
        PolicyRef::Aws(_) => "aws".to_owned(),
    };
    let (path, name) = place(account, policy).unwrap_or(("/", "unknown"));
    format!("arn:{partition}:iam::{owner}:policy{path}{name}")
}

/// Managed policies that are attached, with their ARNs, those under a path.
pub(crate) fn attached_policies(
    account: &Account,
    partition: Partition,
    attached: &[PolicyRef],
    path_prefix: Option<&str>,
) -> Vec<(String, iam::AttachedPolicy)> {
    let shown = attached.iter().filter_map(|policy| {
        let (path, name) = place(account, policy)?;
        let arn = policy_arn(account, partition, policy);
        let shown = iam::AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.clone()) };
        path.starts_with(path_prefix.unwrap_or("/")).then(|| (format!("{name}\0{arn}"), shown))
    });
    shown.collect()
}

fn boundary(account: &Account, partition: Partition, policy: &PolicyRef) -> iam::AttachedPermissionsBoundary {
    iam::AttachedPermissionsBoundary {
        permissions_boundary_type: Some(iam::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy),
        permissions_boundary_arn: Some(policy_arn(account, partition, policy)),
    }
}

/// A user as lists show it.
pub(crate) fn user_listed(account: &Account, partition: Partition, user: &UserRecord) -> iam::User {
    let Naming { name, path, id, created } = &user.naming;
    iam::User {
        path: path.clone(),
        user_name: name.clone(),
        user_id: id.to_string(),
        arn: holder_arn(partition, account.id, user),
        create_date: *created,
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}

/// A user in full.
pub(crate) fn user(account: &Account, partition: Partition, user: &UserRecord) -> iam::User {
    iam::User {
        permissions_boundary: user.boundary.as_ref().map(|policy| boundary(account, partition, policy)),
        tags: tags(&user.tags),
        ..user_listed(account, partition, user)
    }
}

/// The root user.
pub(crate) fn root_user(partition: Partition, account: AccountId, created: Timestamp) -> iam::User {
    iam::User {
        path: "/".into(),
        user_name: "root".into(),
        user_id: account.to_string(),
        arn: format!("arn:{partition}:iam::{account}:root"),
        create_date: created,
        ..iam::User::default()
    }
}

/// A group.
pub(crate) fn group(account: &Account, partition: Partition, group: &GroupRecord) -> iam::Group {
    let Naming { name, path, id, created } = &group.naming;
    iam::Group {
        path: path.clone(),
        group_name: name.clone(),
        group_id: id.to_string(),
        arn: holder_arn(partition, account.id, group),
        create_date: *created,
    }
}

/// A role as lists show it. `trust` is its trust policy with the present names of its principals.
pub(crate) fn role_listed(account: &Account, partition: Partition, role: &Role, trust: &str) -> iam::Role {
    let Naming { name, path, id, created } = role.own();
    iam::Role {
        path: path.clone(),
        role_name: name.clone(),
        role_id: id.to_string(),
        arn: holder_arn(partition, account.id, role),
        create_date: *created,
        assume_role_policy_document: Some(document(trust)),
        description: role.record.description.clone(),
        max_session_duration: i32::try_from(role.record.max_session_secs).ok(),
        permissions_boundary: None,
        tags: None,
        role_last_used: None,
    }
}

/// A role in full.
pub(crate) fn role(account: &Account, partition: Partition, role: &Role, trust: &str) -> iam::Role {
    iam::Role {
        permissions_boundary: role.record.boundary.as_ref().map(|policy| boundary(account, partition, policy)),
        tags: tags(&role.record.tags),
        ..role_listed(account, partition, role, trust)
    }
}

/// How many users, groups and roles have each policy attached, and how many have it as their boundary.
#[derive(Default)]
pub(crate) struct Usage<'a>(HashMap<&'a PolicyRef, (usize, usize)>);

impl<'a> Usage<'a> {
    pub(crate) fn of(account: &'a Account) -> Self {
        let mut usage = Self::default();
        account.users.values().for_each(|user| usage.count(&user.entity));
        account.groups.values().for_each(|group| usage.count(&group.entity));
        account.roles.values().for_each(|role| usage.count(&role.entity));
        usage
    }

    fn count<H: Holder>(&mut self, holder: &'a H) {
        holder.attached().iter().for_each(|policy| self.0.entry(policy).or_default().0 += 1);
        holder.boundary().into_iter().for_each(|policy| self.0.entry(policy).or_default().1 += 1);
    }

    /// Attachments and boundaries.
    pub(crate) fn get(&self, policy: &PolicyRef) -> (usize, usize) {
        self.0.get(policy).copied().unwrap_or_default()
    }
}

/// A managed policy of the account, without its tags and description, as lists show it.
pub(crate) fn policy_listed(
    account: &Account,
    partition: Partition,
    usage: &Usage<'_>,
    key: &str,
    policy: &ManagedPolicy,
) -> iam::Policy {
    let Naming { name, path, id, created } = &policy.record.naming;
    let reference = PolicyRef::Customer(key.into());
    let (attachments, boundaries) = usage.get(&reference);
    iam::Policy {
        policy_name: Some(name.clone()),
        policy_id: Some(id.to_string()),
        arn: Some(policy_arn(account, partition, &reference)),
        path: Some(path.clone()),
        default_version_id: Some(format!("v{}", policy.record.default_version)),
        attachment_count: i32::try_from(attachments).ok(),
        permissions_boundary_usage_count: i32::try_from(boundaries).ok(),
        is_attachable: Some(true),
        description: None,
        create_date: Some(*created),
        update_date: Some(policy.record.updated),
        tags: None,
    }
}

/// The same in full.
pub(crate) fn policy(
    account: &Account,
    partition: Partition,
    usage: &Usage<'_>,
    key: &str,
    policy: &ManagedPolicy,
) -> iam::Policy {
    iam::Policy {
        description: policy.record.description.clone(),
        tags: Some(tags(&policy.record.tags).unwrap_or_default()),
        ..policy_listed(account, partition, usage, key, policy)
    }
}

/// When the policies that come with the service were written: 2015-02-06T18:39:46Z, as AWS's oldest.
pub(crate) const AWS_POLICIES_DATE: Timestamp = Timestamp::from_millis(1_423_247_986_000);

/// A managed policy that comes with the service.
pub(crate) fn aws_policy(
    account: &Account,
    partition: Partition,
    usage: &Usage<'_>,
    policy: &AwsManagedPolicy,
) -> iam::Policy {
    let reference = policy.reference();
    let (attachments, boundaries) = usage.get(&reference);
    iam::Policy {
        policy_name: Some(policy.name.to_owned()),
        policy_id: Some(policy.id.clone()),
        arn: Some(policy_arn(account, partition, &reference)),
        path: Some(policy.path.to_owned()),
        default_version_id: Some("v1".to_owned()),
        attachment_count: i32::try_from(attachments).ok(),
        permissions_boundary_usage_count: i32::try_from(boundaries).ok(),
        is_attachable: Some(true),
        description: None,
        create_date: Some(AWS_POLICIES_DATE),
        update_date: Some(AWS_POLICIES_DATE),
        tags: None,
    }
}

/// A version of a managed policy, with its document or without.
pub(crate) fn policy_version(version: &PolicyVersion, default: u32, with_document: bool) -> iam::PolicyVersion {
    iam::PolicyVersion {
        document: with_document.then(|| document(&version.document)),
        version_id: Some(format!("v{}", version.number)),
        is_default_version: Some(version.number == default),
        create_date: Some(version.created),
    }
}

/// The ARN of an OIDC provider.
pub(crate) fn provider_arn(partition: Partition, account: AccountId, provider: &OidcProviderRecord) -> String {
    format!("arn:{partition}:iam::{account}:oidc-provider/{}", provider.url)
}
