//! `GetAccountSummary`: how much of what the account has, and how much it may have.

use strongroom_core::identity::{AccessKeyOwner, GroupRecord, UserRecord};
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders::Holder;
use crate::iam::rules;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetAccountSummary;

impl Operation for GetAccountSummary {
    const NAME: OpName = OpName::Iam(iam::OpName::GetAccountSummary);
    type Input = iam::GetAccountSummaryInput;
    type Output = iam::GetAccountSummaryOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let _ = input;
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Everything, &Asked::default())?;
        let root = AccessKeyOwner::Root;
        let root_keys = account.access_keys_of(&root).count();
        let root_keys = root_keys + cx.node.directory.configured_keys_of(cx.account()?, None).len();
        let versions = account.managed.values().map(|policy| policy.record.versions.len()).sum();
        let count = |key: iam::SummaryKeyType| -> usize {
            use iam::SummaryKeyType as K;
            match key {
                K::Users => account.users.len(),
                K::UsersQuota => rules::USERS_MAX,
                K::Groups => account.groups.len(),
                K::GroupsQuota => rules::GROUPS_MAX,
                K::UserPolicySizeQuota => UserRecord::INLINE_CHARS_MAX,
                K::GroupPolicySizeQuota => GroupRecord::INLINE_CHARS_MAX,
                K::GroupsPerUserQuota => rules::GROUPS_OF_A_USER_MAX,
                K::AccessKeysPerUserQuota => rules::ACCESS_KEYS_OF_A_USER_MAX,
                K::AccountAccessKeysPresent => root_keys,
                K::RolePolicySizeQuota => Role::INLINE_CHARS_MAX,
                K::AssumeRolePolicySizeQuota => rules::TRUST_POLICY_CHARS_MAX,
                K::Roles => account.roles.len(),
                K::RolesQuota => rules::ROLES_MAX,
                K::Providers => account.providers.len(),
                // Version 1 and 2 of the global endpoint's tokens make no difference here.
                K::GlobalEndpointTokenVersion => 1,
                K::AttachedPoliciesPerGroupQuota
                | K::AttachedPoliciesPerRoleQuota
                | K::AttachedPoliciesPerUserQuota => rules::ATTACHED_MAX,
                K::Policies => account.managed.len(),
                K::PoliciesQuota => rules::POLICIES_MAX,
                K::PolicySizeQuota => rules::MANAGED_POLICY_CHARS_MAX,
                K::PolicyVersionsInUse => versions,
                K::PolicyVersionsInUseQuota => rules::POLICIES_MAX * rules::VERSIONS_MAX,
                K::VersionsPerPolicyQuota => rules::VERSIONS_MAX,
                // What this service does not have.
                K::ServerCertificates
                | K::ServerCertificatesQuota
                | K::SigningCertificatesPerUserQuota
                | K::MFADevices
                | K::MFADevicesInUse
                | K::AccountMFAEnabled
                | K::AccountPasswordPresent
                | K::AccountSigningCertificatesPresent
                | K::InstanceProfiles
                | K::InstanceProfilesQuota => 0,
            }
        };
        let entry = |key: &iam::SummaryKeyType| (*key, i32::try_from(count(*key)).unwrap_or(i32::MAX));
        let summary = iam::SummaryKeyType::ALL.iter().map(entry).collect();
        Ok(iam::GetAccountSummaryOutput { summary_map: Some(summary) })
    }
}
