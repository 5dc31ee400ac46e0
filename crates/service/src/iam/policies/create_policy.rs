//! `CreatePolicy`: a new managed policy; its first version holds.

use std::sync::Arc;

use strongroom_core::identity::{ManagedPolicyRecord, Naming, PolicyVersion, UniqueIdKind};
use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::error::IamError;
use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{rules, shown};
use crate::identity::account::{ManagedPolicy, fold};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreatePolicy;

impl Operation for CreatePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::CreatePolicy);
    type Input = iam::CreatePolicyInput;
    type Output = iam::CreatePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let new_tags = input.tags.as_deref().unwrap_or_default();
        let tags = rules::read_tags(new_tags, TagCase::Matters)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        let path = input.path.as_deref().unwrap_or("/");
        let id = cx.new_id(UniqueIdKind::ManagedPolicy)?;
        let key = fold(&input.policy_name);
        cx.change(|draft| {
            let account = draft.account();
            let target = Target::Named { noun: "policy", path, name: &input.policy_name };
            cx.authorize_target(account, &target, &asked)?;
            if !tags.is_empty() {
                cx.authorize_target_for(iam::OpName::TagPolicy, account, &target, &asked)?;
            }
            rules::read_managed_policy(&input.policy_document)?;
            if account.managed.contains_key(&*key) {
                let name = &input.policy_name;
                let text = format!("A policy called {name} already exists. Duplicate names are not allowed.");
                return Err(IamError::EntityAlreadyExists(text).into());
            }
            if account.managed.len() >= rules::POLICIES_MAX {
                return Err(IamError::quota("PoliciesPerAccount", rules::POLICIES_MAX).into());
            }
            let first = PolicyVersion { number: 1, created: cx.now, document: input.policy_document.as_str().into() };
            let record = ManagedPolicyRecord {
                naming: Naming {
                    name: input.policy_name.clone(),
                    path: path.to_owned(),
                    id: Arc::clone(&id),
                    created: cx.now,
                },
                updated: cx.now,
                description: input.description.clone(),
                versions: vec![first],
                default_version: 1,
                next_version: 2,
                tags: tags.clone(),
            };
            let policy = ManagedPolicy::new(record).map_err(|_| OpError::BadRecord)?;
            draft.put(&key, policy.clone())?;
            let usage = shown::Usage::of(draft.account());
            let shown = shown::policy_listed(draft.account(), cx.partition(), &usage, &key, &policy);
            Ok(iam::CreatePolicyOutput { policy: Some(iam::Policy { tags: shown::tags(&tags), ..shown }) })
        })
        .await
    }
}
