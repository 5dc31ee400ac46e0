//! `UpdateRole`: changes the description or the length of sessions; what is not given stays.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateRole;

impl Operation for UpdateRole {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateRole);
    type Input = iam::UpdateRoleInput;
    type Output = iam::UpdateRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &Asked::default())?;
            holders::edit::<Role, ()>(draft, &input.role_name, |role| {
                if let Some(description) = &input.description {
                    role.record.description = Some(description.clone());
                }
                if let Some(secs) = input.max_session_duration.and_then(|secs| u32::try_from(secs).ok()) {
                    role.record.max_session_secs = secs;
                }
                Ok(())
            })?;
            Ok(iam::UpdateRoleOutput {})
        })
        .await
    }
}
