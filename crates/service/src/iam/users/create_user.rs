//! `CreateUser`: a new user, with nothing attached.

use std::sync::Arc;

use strongroom_core::identity::{Naming, UniqueIdKind, UserRecord};
use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreateUser;

impl Operation for CreateUser {
    const NAME: OpName = OpName::Iam(iam::OpName::CreateUser);
    type Input = iam::CreateUserInput;
    type Output = iam::CreateUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let new_tags = input.tags.as_deref().unwrap_or_default();
        let boundary_arn = input.permissions_boundary.as_deref();
        let tags = rules::read_tags(new_tags, TagCase::DoesNotMatter)?;
        let asked = Asked { permissions_boundary: boundary_arn, tags: &tags, ..Asked::default() };
        let path = input.path.as_deref().unwrap_or("/");
        let id = cx.new_id(UniqueIdKind::User)?;
        cx.change(|draft| {
            let account = draft.account();
            let target = Target::Named { noun: "user", path, name: &input.user_name };
            cx.authorize_target(account, &target, &asked)?;
            if !tags.is_empty() {
                cx.authorize_target_for(iam::OpName::TagUser, account, &target, &asked)?;
            }
            let user = UserRecord {
                naming: Naming {
                    name: input.user_name.clone(),
                    path: path.to_owned(),
                    id: Arc::clone(&id),
                    created: cx.now,
                },
                tags: tags.clone(),
                boundary: boundary_arn.map(|arn| holders::read_boundary(account, arn)).transpose()?,
                attached: Vec::new(),
                groups: Vec::new(),
            };
            holders::insert(draft, user.clone())?;
            Ok(iam::CreateUserOutput { user: Some(shown::user(draft.account(), cx.partition(), &user)) })
        })
        .await
    }
}
