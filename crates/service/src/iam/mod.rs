//! The operations of IAM: one file each, and the registry, one exhaustive match from the operation's name to its code.
//!
//! # Invariants
//! - An operation asks whether the caller may before it says anything about what is there.
//! - A change is decided on the account as it is when it is changed, and is all there or not at all.
//!
//! # Not here
//! What is kept, and how decisions use it: `identity`. Decoding, the record, the reply: `query`.

mod access_keys;
mod accounts;
mod cx;
mod error;
mod groups;
mod holders;
mod managed;
mod oidc_providers;
mod policies;
mod providers;
mod roles;
mod rules;
mod shown;
mod target;
mod users;

use strongroom_wire::query::iam::OpName;
use zeroize::Zeroizing;

pub(crate) use error::IamError;

use crate::node::Node;
use crate::query::{Call, Error, serve};

/// Runs the call. An operation that is added to `model/query.toml` does not compile until it stands here.
pub(crate) async fn dispatch(op: OpName, node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match op {
        OpName::AddClientIDToOpenIDConnectProvider => {
            serve::<oidc_providers::AddClientIDToOpenIDConnectProvider>(node, call).await
        }
        OpName::AddUserToGroup => serve::<groups::AddUserToGroup>(node, call).await,
        OpName::AttachGroupPolicy => serve::<groups::AttachGroupPolicy>(node, call).await,
        OpName::AttachRolePolicy => serve::<roles::AttachRolePolicy>(node, call).await,
        OpName::AttachUserPolicy => serve::<users::AttachUserPolicy>(node, call).await,
        OpName::CreateAccessKey => serve::<access_keys::CreateAccessKey>(node, call).await,
        OpName::CreateGroup => serve::<groups::CreateGroup>(node, call).await,
        OpName::CreateOpenIDConnectProvider => serve::<oidc_providers::CreateOpenIDConnectProvider>(node, call).await,
        OpName::CreatePolicy => serve::<policies::CreatePolicy>(node, call).await,
        OpName::CreatePolicyVersion => serve::<policies::CreatePolicyVersion>(node, call).await,
        OpName::CreateRole => serve::<roles::CreateRole>(node, call).await,
        OpName::CreateUser => serve::<users::CreateUser>(node, call).await,
        OpName::DeleteAccessKey => serve::<access_keys::DeleteAccessKey>(node, call).await,
        OpName::DeleteGroup => serve::<groups::DeleteGroup>(node, call).await,
        OpName::DeleteGroupPolicy => serve::<groups::DeleteGroupPolicy>(node, call).await,
        OpName::DeleteOpenIDConnectProvider => serve::<oidc_providers::DeleteOpenIDConnectProvider>(node, call).await,
        OpName::DeletePolicy => serve::<policies::DeletePolicy>(node, call).await,
        OpName::DeletePolicyVersion => serve::<policies::DeletePolicyVersion>(node, call).await,
        OpName::DeleteRole => serve::<roles::DeleteRole>(node, call).await,
        OpName::DeleteRolePermissionsBoundary => serve::<roles::DeleteRolePermissionsBoundary>(node, call).await,
        OpName::DeleteRolePolicy => serve::<roles::DeleteRolePolicy>(node, call).await,
        OpName::DeleteUser => serve::<users::DeleteUser>(node, call).await,
        OpName::DeleteUserPermissionsBoundary => serve::<users::DeleteUserPermissionsBoundary>(node, call).await,
        OpName::DeleteUserPolicy => serve::<users::DeleteUserPolicy>(node, call).await,
        OpName::DetachGroupPolicy => serve::<groups::DetachGroupPolicy>(node, call).await,
        OpName::DetachRolePolicy => serve::<roles::DetachRolePolicy>(node, call).await,
        OpName::DetachUserPolicy => serve::<users::DetachUserPolicy>(node, call).await,
        OpName::GetAccessKeyLastUsed => serve::<access_keys::GetAccessKeyLastUsed>(node, call).await,
        OpName::GetAccountSummary => serve::<accounts::GetAccountSummary>(node, call).await,
        OpName::GetGroup => serve::<groups::GetGroup>(node, call).await,
        OpName::GetGroupPolicy => serve::<groups::GetGroupPolicy>(node, call).await,
        OpName::GetOpenIDConnectProvider => serve::<oidc_providers::GetOpenIDConnectProvider>(node, call).await,
        OpName::GetPolicy => serve::<policies::GetPolicy>(node, call).await,
        OpName::GetPolicyVersion => serve::<policies::GetPolicyVersion>(node, call).await,
        OpName::GetRole => serve::<roles::GetRole>(node, call).await,
        OpName::GetRolePolicy => serve::<roles::GetRolePolicy>(node, call).await,
        OpName::GetUser => serve::<users::GetUser>(node, call).await,
        OpName::GetUserPolicy => serve::<users::GetUserPolicy>(node, call).await,
        OpName::ListAccessKeys => serve::<access_keys::ListAccessKeys>(node, call).await,
        OpName::ListAccountAliases => serve::<accounts::ListAccountAliases>(node, call).await,
        OpName::ListAttachedGroupPolicies => serve::<groups::ListAttachedGroupPolicies>(node, call).await,
        OpName::ListAttachedRolePolicies => serve::<roles::ListAttachedRolePolicies>(node, call).await,
        OpName::ListAttachedUserPolicies => serve::<users::ListAttachedUserPolicies>(node, call).await,
        OpName::ListEntitiesForPolicy => serve::<policies::ListEntitiesForPolicy>(node, call).await,
        OpName::ListGroupPolicies => serve::<groups::ListGroupPolicies>(node, call).await,
        OpName::ListGroups => serve::<groups::ListGroups>(node, call).await,
        OpName::ListGroupsForUser => serve::<users::ListGroupsForUser>(node, call).await,
        OpName::ListInstanceProfilesForRole => serve::<roles::ListInstanceProfilesForRole>(node, call).await,
        OpName::ListOpenIDConnectProviderTags => {
            serve::<oidc_providers::ListOpenIDConnectProviderTags>(node, call).await
        }
        OpName::ListOpenIDConnectProviders => serve::<oidc_providers::ListOpenIDConnectProviders>(node, call).await,
        OpName::ListPolicies => serve::<policies::ListPolicies>(node, call).await,
        OpName::ListPolicyTags => serve::<policies::ListPolicyTags>(node, call).await,
        OpName::ListPolicyVersions => serve::<policies::ListPolicyVersions>(node, call).await,
        OpName::ListRolePolicies => serve::<roles::ListRolePolicies>(node, call).await,
        OpName::ListRoleTags => serve::<roles::ListRoleTags>(node, call).await,
        OpName::ListRoles => serve::<roles::ListRoles>(node, call).await,
        OpName::ListUserPolicies => serve::<users::ListUserPolicies>(node, call).await,
        OpName::ListUserTags => serve::<users::ListUserTags>(node, call).await,
        OpName::ListUsers => serve::<users::ListUsers>(node, call).await,
        OpName::PutGroupPolicy => serve::<groups::PutGroupPolicy>(node, call).await,
        OpName::PutRolePermissionsBoundary => serve::<roles::PutRolePermissionsBoundary>(node, call).await,
        OpName::PutRolePolicy => serve::<roles::PutRolePolicy>(node, call).await,
        OpName::PutUserPermissionsBoundary => serve::<users::PutUserPermissionsBoundary>(node, call).await,
        OpName::PutUserPolicy => serve::<users::PutUserPolicy>(node, call).await,
        OpName::RemoveClientIDFromOpenIDConnectProvider => {
            serve::<oidc_providers::RemoveClientIDFromOpenIDConnectProvider>(node, call).await
        }
        OpName::RemoveUserFromGroup => serve::<groups::RemoveUserFromGroup>(node, call).await,
        OpName::SetDefaultPolicyVersion => serve::<policies::SetDefaultPolicyVersion>(node, call).await,
        OpName::TagOpenIDConnectProvider => serve::<oidc_providers::TagOpenIDConnectProvider>(node, call).await,
        OpName::TagPolicy => serve::<policies::TagPolicy>(node, call).await,
        OpName::TagRole => serve::<roles::TagRole>(node, call).await,
        OpName::TagUser => serve::<users::TagUser>(node, call).await,
        OpName::UntagOpenIDConnectProvider => serve::<oidc_providers::UntagOpenIDConnectProvider>(node, call).await,
        OpName::UntagPolicy => serve::<policies::UntagPolicy>(node, call).await,
        OpName::UntagRole => serve::<roles::UntagRole>(node, call).await,
        OpName::UntagUser => serve::<users::UntagUser>(node, call).await,
        OpName::UpdateAccessKey => serve::<access_keys::UpdateAccessKey>(node, call).await,
        OpName::UpdateAssumeRolePolicy => serve::<roles::UpdateAssumeRolePolicy>(node, call).await,
        OpName::UpdateGroup => serve::<groups::UpdateGroup>(node, call).await,
        OpName::UpdateOpenIDConnectProviderThumbprint => {
            serve::<oidc_providers::UpdateOpenIDConnectProviderThumbprint>(node, call).await
        }
        OpName::UpdateRole => serve::<roles::UpdateRole>(node, call).await,
        OpName::UpdateRoleDescription => serve::<roles::UpdateRoleDescription>(node, call).await,
        OpName::UpdateUser => serve::<users::UpdateUser>(node, call).await,
    }
}
