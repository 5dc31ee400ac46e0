//! Operations on managed policies.

mod create_policy;
mod create_policy_version;
mod delete_policy;
mod delete_policy_version;
mod get_policy;
mod get_policy_version;
mod list_entities_for_policy;
mod list_policies;
mod list_policy_tags;
mod list_policy_versions;
mod set_default_policy_version;
mod tag_policy;
mod untag_policy;

pub(super) use create_policy::CreatePolicy;
pub(super) use create_policy_version::CreatePolicyVersion;
pub(super) use delete_policy::DeletePolicy;
pub(super) use delete_policy_version::DeletePolicyVersion;
pub(super) use get_policy::GetPolicy;
pub(super) use get_policy_version::GetPolicyVersion;
pub(super) use list_entities_for_policy::ListEntitiesForPolicy;
pub(super) use list_policies::ListPolicies;
pub(super) use list_policy_tags::ListPolicyTags;
pub(super) use list_policy_versions::ListPolicyVersions;
pub(super) use set_default_policy_version::SetDefaultPolicyVersion;
pub(super) use tag_policy::TagPolicy;
pub(super) use untag_policy::UntagPolicy;
