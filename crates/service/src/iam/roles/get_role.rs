//! `GetRole`: a role, and when its sessions last signed for this node.

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
        let last_used = cx.node.directory.last_use(&role.record.naming.id);
        let last_used = last_used
            .map(|used| iam::RoleLastUsed { last_used_date: Some(used.at), region: Some(used.region.to_string()) });
        let shown = shown::role(&account, cx.partition(), role, &trust);
        // An element without anything in it says that no use is known.
        Ok(iam::GetRoleOutput { role: iam::Role { role_last_used: Some(last_used.unwrap_or_default()), ..shown } })
    }
}
