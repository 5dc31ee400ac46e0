//! Operations on groups.

mod add_user_to_group;
mod attach_group_policy;
mod create_group;
mod delete_group;
mod delete_group_policy;
mod detach_group_policy;
mod get_group;
mod get_group_policy;
mod list_attached_group_policies;
mod list_group_policies;
mod list_groups;
mod put_group_policy;
mod remove_user_from_group;
mod update_group;

pub(super) use add_user_to_group::AddUserToGroup;
pub(super) use attach_group_policy::AttachGroupPolicy;
pub(super) use create_group::CreateGroup;
pub(super) use delete_group::DeleteGroup;
pub(super) use delete_group_policy::DeleteGroupPolicy;
pub(super) use detach_group_policy::DetachGroupPolicy;
pub(super) use get_group::GetGroup;
pub(super) use get_group_policy::GetGroupPolicy;
pub(super) use list_attached_group_policies::ListAttachedGroupPolicies;
pub(super) use list_group_policies::ListGroupPolicies;
pub(super) use list_groups::ListGroups;
pub(super) use put_group_policy::PutGroupPolicy;
pub(super) use remove_user_from_group::RemoveUserFromGroup;
pub(super) use update_group::UpdateGroup;
