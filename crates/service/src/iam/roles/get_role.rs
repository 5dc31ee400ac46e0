//! `GetRole`: a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetRole;

impl Operation for GetRole {
    const NAME: OpName = OpName::Iam(iam::OpName::GetRole);
    type Input = iam::GetRoleInput;
    type Output = iam::GetRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Role(&input.role_name), &Asked::default())?;
        let role = holders::find::<Role>(&account, &input.role_name)?;
        let trust = cx.trust_text(role).await?;
        Ok(iam::GetRoleOutput { role: shown::role(&account, cx.partition(), role, &trust) })
    }
}
