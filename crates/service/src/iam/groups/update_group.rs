//! `UpdateGroup`: gives a group another name or path; its unique id and all that it has stay.

use strongroom_core::identity::GroupRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateGroup;

impl Operation for UpdateGroup {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateGroup);
    type Input = iam::UpdateGroupInput;
    type Output = iam::UpdateGroupOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::Group(&input.group_name), &Asked::default())?;
            // Who moves something needs the right to both places.
            let own = &holders::Holder::own(&holders::find::<GroupRecord>(account, &input.group_name)?.entity);
            let path = input.new_path.as_deref().unwrap_or(&own.path).to_owned();
            let name = input.new_group_name.as_deref().unwrap_or(&own.name).to_owned();
            let moved = Target::Named { noun: "group", path: &path, name: &name };
            cx.authorize_target(account, &moved, &Asked::default())?;
            holders::rename::<GroupRecord>(
                draft,
                &input.group_name,
                input.new_group_name.as_deref(),
                input.new_path.as_deref(),
            )?;
            Ok(iam::UpdateGroupOutput)
        })
        .await
    }
}
