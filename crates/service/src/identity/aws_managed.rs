//! Managed policies that come with the service, under the ARNs of AWS's own. They say what AWS's say about KMS, IAM and STS,
//! in words of our own; what concerns services that are not here is left out.

use std::sync::LazyLock;

use strongroom_authz::decide::AttachedPolicy;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::identity::{PolicyRef, UniqueIdKind};

use super::unique_ids::fixed_unique_id;

/// A managed policy of the account `aws`.
#[derive(Debug)]
pub(crate) struct AwsManagedPolicy {
    /// Begins and ends with `/`.
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) document: &'static str,
    /// `ANPA…`
    pub(crate) id: String,
    pub(crate) policy: AttachedPolicy,
}

impl AwsManagedPolicy {
    /// How those to whom it is attached name it.
    pub(crate) fn reference(&self) -> PolicyRef {
        PolicyRef::Aws(format!("{}{}", self.path, self.name).into())
    }
}

/// Path, name, description, document.
const POLICIES: &[[&str; 4]] = &[
    [
        "/",
        "AdministratorAccess",
        "Provides full access to AWS services and resources.",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#,
    ],
    [
        "/",
        "AWSKeyManagementServicePowerUser",
        "Provides access to AWS Key Management Service (KMS).",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
            "kms:CreateAlias", "kms:CreateKey", "kms:DeleteAlias", "kms:Describe*", "kms:GenerateRandom", "kms:Get*", "kms:List*",
            "kms:TagResource", "kms:UntagResource", "iam:ListGroups", "iam:ListRoles", "iam:ListUsers"
        ]}]}"#,
    ],
    [
        "/",
        "IAMFullAccess",
        "Provides full access to IAM.",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}"#,
    ],
    [
        "/",
        "IAMReadOnlyAccess",
        "Provides read only access to IAM.",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
            "iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Get*", "iam:List*",
            "iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy"
        ]}]}"#,
    ],
    [
        "/",
        "PowerUserAccess",
        "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": ["iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"],
             "Resource": "*"}
        ]}"#,
    ],
    [
        "/",
        "ReadOnlyAccess",
        "Provides read-only access to AWS services and resources.",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
            "kms:Describe*", "kms:Get*", "kms:List*", "iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*",
            "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"
        ]}]}"#,
    ],
];

static ALL: LazyLock<Vec<AwsManagedPolicy>> = LazyLock::new(|| {
    let prepare = |[path, name, description, document]: &[&'static str; 4]| {
        let policy = Policy::parse(PolicyKind::Identity, document).expect("the documents above are identity policies");
        AwsManagedPolicy {
            path,
            name,
            description,
            document,
            id: fixed_unique_id(UniqueIdKind::ManagedPolicy, &format!("{path}{name}")),
            policy: AttachedPolicy { name: format!("aws:policy{path}{name}").into(), policy: policy.into() },
        }
    };
    POLICIES.iter().map(prepare).collect()
});

/// The name of the one that allows everything.
pub(crate) const ADMINISTRATOR_ACCESS: &str = "/AdministratorAccess";

/// All of them.
pub(crate) fn all() -> &'static [AwsManagedPolicy] {
    &ALL
}

/// The one with this path and name. Names compare as they are written.
pub(crate) fn find(path_and_name: &str) -> Option<&'static AwsManagedPolicy> {
    ALL.iter().find(|policy| path_and_name.strip_prefix(policy.path) == Some(policy.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_a_policy_and_found_by_its_name() {
        for policy in all() {
            let found = find(&format!("{}{}", policy.path, policy.name)).expect("is found");
            assert_eq!(found.name, policy.name);
            assert!(policy.id.starts_with("ANPA") && policy.id.len() == 21);
        }
        assert!(find(ADMINISTRATOR_ACCESS).is_some());
        assert!(find("AdministratorAccess").is_none());
    }
}
