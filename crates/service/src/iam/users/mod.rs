//! Operations on users.

mod attach_user_policy;
mod create_user;
mod delete_user;
mod delete_user_permissions_boundary;
mod delete_user_policy;
mod detach_user_policy;
mod get_user;
mod get_user_policy;
mod list_attached_user_policies;
mod list_groups_for_user;
mod list_user_policies;
mod list_user_tags;
mod list_users;
mod put_user_permissions_boundary;
mod put_user_policy;
mod tag_user;
mod untag_user;
mod update_user;

pub(super) use attach_user_policy::AttachUserPolicy;
pub(super) use create_user::CreateUser;
pub(super) use delete_user::DeleteUser;
pub(super) use delete_user_permissions_boundary::DeleteUserPermissionsBoundary;
pub(super) use delete_user_policy::DeleteUserPolicy;
pub(super) use detach_user_policy::DetachUserPolicy;
pub(super) use get_user::GetUser;
pub(super) use get_user_policy::GetUserPolicy;
pub(super) use list_attached_user_policies::ListAttachedUserPolicies;
pub(super) use list_groups_for_user::ListGroupsForUser;
pub(super) use list_user_policies::ListUserPolicies;
pub(super) use list_user_tags::ListUserTags;
pub(super) use list_users::ListUsers;
pub(super) use put_user_permissions_boundary::PutUserPermissionsBoundary;
pub(super) use put_user_policy::PutUserPolicy;
pub(super) use tag_user::TagUser;
pub(super) use untag_user::UntagUser;
pub(super) use update_user::UpdateUser;
