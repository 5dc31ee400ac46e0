//! The registry of IAM: one exhaustive match from the operation's name to its code.

mod get_user;

use strongroom_wire::query::iam::OpName;
use zeroize::Zeroizing;

use crate::node::Node;
use crate::query::{Call, Error, serve, serve_unsupported};

/// Runs the call. An operation that is added to `model/query.toml` does not compile until it stands here.
pub(crate) async fn dispatch(op: OpName, node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match op {
        OpName::GetUser => serve::<get_user::GetUser>(node, call).await,
        OpName::AddClientIDToOpenIDConnectProvider
        | OpName::AddUserToGroup
        | OpName::AttachGroupPolicy
        | OpName::AttachRolePolicy
        | OpName::AttachUserPolicy
        | OpName::CreateAccessKey
        | OpName::CreateGroup
        | OpName::CreateOpenIDConnectProvider
        | OpName::CreatePolicy
        | OpName::CreatePolicyVersion
        | OpName::CreateRole
        | OpName::CreateUser
        | OpName::DeleteAccessKey
        | OpName::DeleteGroup
        | OpName::DeleteGroupPolicy
        | OpName::DeleteOpenIDConnectProvider
        | OpName::DeletePolicy
        | OpName::DeletePolicyVersion
        | OpName::DeleteRole
        | OpName::DeleteRolePermissionsBoundary
        | OpName::DeleteRolePolicy
        | OpName::DeleteUser
        | OpName::DeleteUserPermissionsBoundary
        | OpName::DeleteUserPolicy
        | OpName::DetachGroupPolicy
        | OpName::DetachRolePolicy
        | OpName::DetachUserPolicy
        | OpName::GetAccessKeyLastUsed
        | OpName::GetAccountSummary
        | OpName::GetGroup
        | OpName::GetGroupPolicy
        | OpName::GetOpenIDConnectProvider
        | OpName::GetPolicy
        | OpName::GetPolicyVersion
        | OpName::GetRole
        | OpName::GetRolePolicy
        | OpName::GetUserPolicy
        | OpName::ListAccessKeys
        | OpName::ListAccountAliases
        | OpName::ListAttachedGroupPolicies
        | OpName::ListAttachedRolePolicies
        | OpName::ListAttachedUserPolicies
        | OpName::ListEntitiesForPolicy
        | OpName::ListGroupPolicies
        | OpName::ListGroups
        | OpName::ListGroupsForUser
        | OpName::ListInstanceProfilesForRole
        | OpName::ListOpenIDConnectProviderTags
        | OpName::ListOpenIDConnectProviders
        | OpName::ListPolicies
        | OpName::ListPolicyTags
        | OpName::ListPolicyVersions
        | OpName::ListRolePolicies
        | OpName::ListRoleTags
        | OpName::ListRoles
        | OpName::ListUserPolicies
        | OpName::ListUserTags
        | OpName::ListUsers
        | OpName::PutGroupPolicy
        | OpName::PutRolePermissionsBoundary
        | OpName::PutRolePolicy
        | OpName::PutUserPermissionsBoundary
        | OpName::PutUserPolicy
        | OpName::RemoveClientIDFromOpenIDConnectProvider
        | OpName::RemoveUserFromGroup
        | OpName::SetDefaultPolicyVersion
        | OpName::TagOpenIDConnectProvider
        | OpName::TagPolicy
        | OpName::TagRole
        | OpName::TagUser
        | OpName::UntagOpenIDConnectProvider
        | OpName::UntagPolicy
        | OpName::UntagRole
        | OpName::UntagUser
        | OpName::UpdateAccessKey
        | OpName::UpdateAssumeRolePolicy
        | OpName::UpdateGroup
        | OpName::UpdateOpenIDConnectProviderThumbprint
        | OpName::UpdateRole
        | OpName::UpdateRoleDescription
        | OpName::UpdateUser => serve_unsupported(node, call).await,
    }
}
