//! `DeleteRole`: deletes a role without policies. Its sessions end with it.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::{Role, fold};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteRole;

impl Operation for DeleteRole {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteRole);
    type Input = iam::DeleteRoleInput;
    type Output = iam::DeleteRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::Role(&input.role_name), &Asked::default())?;
            holders::check_without_policies(account, &holders::find::<Role>(account, &input.role_name)?.entity)?;
            draft.remove::<Role>(&fold(&input.role_name));
            Ok(iam::DeleteRoleOutput)
        })
        .await
    }
}
