//! `CreateGroup`: a new group, with nobody in it.

use std::sync::Arc;

use strongroom_core::identity::{GroupRecord, Naming, UniqueIdKind};
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreateGroup;

impl Operation for CreateGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::CreateGroup);
    type Input = iam::CreateGroupInput;
    type Output = iam::CreateGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let path = input.path.as_deref().unwrap_or("/");
        let id = cx.new_id(UniqueIdKind::Group)?;
        cx.change(|draft| {
            let target = Target::Named { noun: "group", path, name: &input.group_name };
            cx.authorize_target(draft.account(), &target, &Asked::default())?;
            let group = GroupRecord {
                naming: Naming {
                    name: input.group_name.clone(),
                    path: path.to_owned(),
                    id: Arc::clone(&id),
                    created: cx.now,
                },
                attached: Vec::new(),
            };
            holders::insert(draft, group.clone())?;
            Ok(iam::CreateGroupOutput { group: shown::group(draft.account(), cx.partition(), &group) })
        })
        .await
    }
}
