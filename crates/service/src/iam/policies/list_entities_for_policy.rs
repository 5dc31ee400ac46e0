//! `ListEntitiesForPolicy`: the users, groups and roles that use a managed policy.

use std::sync::Arc;

use strongroom_core::identity::PolicyRef;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, managed};
use crate::identity::account::{Kept, Kin};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListEntitiesForPolicy;

impl Operation for ListEntitiesForPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::ListEntitiesForPolicy);
    type Input = iam::ListEntitiesForPolicyInput;
    type Output = iam::ListEntitiesForPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Policy(&input.policy_arn), &Asked::default())?;
        let policy = match managed::find(&account, &input.policy_arn)? {
            managed::Found::Customer(key, _) => PolicyRef::Customer(key),
            managed::Found::Aws(policy) => policy.reference(),
        };
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let is_kind = |kind| input.entity_filter.is_none_or(|filter| filter == kind);
        let mut items = Vec::new();
        if is_kind(iam::EntityType::Group) {
            items.extend(users_of(&account.groups, &policy, prefix, input.policy_usage_filter, Entity::Group));
        }
        if is_kind(iam::EntityType::User) {
            items.extend(users_of(&account.users, &policy, prefix, input.policy_usage_filter, Entity::User));
        }
        if is_kind(iam::EntityType::Role) {
            items.extend(users_of(&account.roles, &policy, prefix, input.policy_usage_filter, Entity::Role));
        }
        let list = format!("{}\0{prefix}\0{:?}{:?}", input.policy_arn, input.entity_filter, input.policy_usage_filter);
        let page = cx.page(&list, input.marker.as_deref(), input.max_items, items)?;
        let (mut groups, mut users, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for entity in page.items {
            match entity {
                Entity::Group(name, id) => {
                    groups.push(iam::PolicyGroup { group_name: Some(name), group_id: Some(id) });
                }
                Entity::User(name, id) => users.push(iam::PolicyUser { user_name: Some(name), user_id: Some(id) }),
                Entity::Role(name, id) => roles.push(iam::PolicyRole { role_name: Some(name), role_id: Some(id) }),
            }
        }
        Ok(iam::ListEntitiesForPolicyOutput {
            policy_groups: Some(groups),
            policy_users: Some(users),
            policy_roles: Some(roles),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

/// Name and unique id of somebody.
enum Entity {
    Group(String, String),
    User(String, String),
    Role(String, String),
}

/// Those of one kind under a path that use the policy in the way that is asked for.
fn users_of<H: holders::Holder>(
    kin: &Kin<H>,
    policy: &PolicyRef,
    prefix: &str,
    usage: Option<iam::PolicyUsageType>,
    show: fn(String, String) -> Entity,
) -> Vec<(String, Entity)> {
    let is_used = |own: &H| {
        let is_attached = own.attached().contains(policy);
        let is_boundary = own.boundary() == Some(policy);
        match usage {
            None => is_attached || is_boundary,
            Some(iam::PolicyUsageType::PermissionsPolicy) => is_attached,
            Some(iam::PolicyUsageType::PermissionsBoundary) => is_boundary,
        }
    };
    let found = kin.iter().filter(|(_, own)| own.own().path.starts_with(prefix) && is_used(own));
    let item = |(key, own): (&Arc<str>, &Arc<Kept<H>>)| {
        (format!("{}/{key}", H::NOUN), show(own.own().name.clone(), own.own().id.to_string()))
    };
    found.map(item).collect()
}
