//! `UpdateRoleDescription`: changes the description of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateRoleDescription;

impl Operation for UpdateRoleDescription {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateRoleDescription);
    type Input = iam::UpdateRoleDescriptionInput;
    type Output = iam::UpdateRoleDescriptionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let role = cx
            .change(|draft| {
                cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &Asked::default())?;
                holders::edit::<Role, Role>(draft, &input.role_name, |role| {
                    role.record.description = Some(input.description.clone());
                    Ok(role.clone())
                })
            })
            .await?;
        let trust = cx.trust_text(&role).await?;
        let shown = shown::role_listed(&*cx.snapshot().await?, cx.partition(), &role, &trust);
        Ok(iam::UpdateRoleDescriptionOutput { role: Some(shown) })
    }
}
