//! `ListPolicies`: managed policies of the account and those that come with the service.

use std::sync::Arc;

use strongroom_core::identity::PolicyRef;
use strongroom_wire::query::{OpName, iam};

use crate::iam::shown;
use crate::iam::target::Target;
use crate::identity::aws_managed;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListPolicies;

impl Operation for ListPolicies {
    const NAME: OpName = OpName::Iam(iam::OpName::ListPolicies);
    type Input = iam::ListPoliciesInput;
    type Output = iam::ListPoliciesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        cx.authorize_target(&account, &Target::Named { noun: "policy", path: prefix, name: "" }, &Asked::default())?;
        let usage = shown::Usage::of(&account);
        let (with_own, with_aws) = match input.scope {
            None | Some(iam::PolicyScopeType::All) => (true, true),
            Some(iam::PolicyScopeType::Local) => (true, false),
            Some(iam::PolicyScopeType::Aws) => (false, true),
        };
        let only_attached = input.only_attached.unwrap_or(false);
        let is_wanted = |policy: &PolicyRef| {
            let (attachments, boundaries) = usage.get(policy);
            match input.policy_usage_filter {
                None => !only_attached || attachments + boundaries > 0,
                Some(iam::PolicyUsageType::PermissionsBoundary) => boundaries > 0,
                Some(iam::PolicyUsageType::PermissionsPolicy) if only_attached => attachments > 0,
                Some(iam::PolicyUsageType::PermissionsPolicy) => attachments > 0 || boundaries == 0,
            }
        };
        let mut items = Vec::new();
        for (key, policy) in account.managed.iter().filter(|_| with_own) {
            if policy.record.naming.path.starts_with(prefix) && is_wanted(&PolicyRef::Customer(Arc::clone(key))) {
                let shown = shown::policy_listed(&account, cx.partition(), &usage, key, policy);
                items.push((format!("own/{key}"), shown));
            }
        }
        for policy in aws_managed::all().iter().filter(|_| with_aws) {
            if policy.path.starts_with(prefix) && is_wanted(&policy.reference()) {
                let shown = shown::aws_policy(&account, cx.partition(), &usage, policy);
                items.push((format!("aws{}{}", policy.path, policy.name), shown));
            }
        }
        let list = format!("{prefix}\0{with_own}{with_aws}{only_attached}{:?}", input.policy_usage_filter);
        let page = cx.page(&list, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListPoliciesOutput {
            policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
