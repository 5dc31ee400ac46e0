//! `CreateRole`: a new role, with nothing attached.

use std::sync::Arc;

use strongroom_core::identity::{Naming, RoleRecord, UniqueIdKind};
use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules, shown};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreateRole;

impl Operation for CreateRole {
    const NAME: OpName = OpName::Iam(iam::OpName::CreateRole);
    type Input = iam::CreateRoleInput;
    type Output = iam::CreateRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let new_tags = input.tags.as_deref().unwrap_or_default();
        let boundary_arn = input.permissions_boundary.as_deref();
        let tags = rules::read_tags(new_tags, TagCase::DoesNotMatter)?;
        let asked = Asked { permissions_boundary: boundary_arn, tags: &tags, ..Asked::default() };
        let path = input.path.as_deref().unwrap_or("/");
        let target = Target::Named { noun: "role", path, name: &input.role_name };

        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &target, &asked)?;
        if !tags.is_empty() {
            cx.authorize_target_for(iam::OpName::TagRole, &account, &target, &asked)?;
        }
        let trust = cx.read_trust(&input.assume_role_policy_document).await?;

        let max_session = input.max_session_duration.and_then(|secs| u32::try_from(secs).ok());
        let id = cx.new_id(UniqueIdKind::Role)?;
        cx.change(|draft| {
            let record = RoleRecord {
                naming: Naming {
                    name: input.role_name.clone(),
                    path: path.to_owned(),
                    id: Arc::clone(&id),
                    created: cx.now,
                },
                description: input.description.clone(),
                max_session_secs: max_session.unwrap_or(rules::SESSION_SECS_DEFAULT),
                trust: trust.clone(),
                tags: tags.clone(),
                boundary: boundary_arn.map(|arn| holders::read_boundary(draft.account(), arn)).transpose()?,
                attached: Vec::new(),
            };
            let role = Role::new(record).map_err(|_| OpError::BadRecord)?;
            holders::insert(draft, role.clone())?;
            let trust = &input.assume_role_policy_document;
            Ok(iam::CreateRoleOutput { role: shown::role(draft.account(), cx.partition(), &role, trust) })
        })
        .await
    }
}
