//! `UpdateAssumeRolePolicy`: replaces the trust policy of a role.

use strongroom_core::identity::RoleRecord;
use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateAssumeRolePolicy;

impl Operation for UpdateAssumeRolePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateAssumeRolePolicy);
    type Input = iam::UpdateAssumeRolePolicyInput;
    type Output = iam::UpdateAssumeRolePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let target = Target::Role(&input.role_name);
        cx.authorize_target(&*cx.snapshot().await?, &target, &Asked::default())?;
        let trust = cx.read_trust(&input.policy_document).await?;
        cx.change(|draft| {
            // Asked again, since the role can have changed meanwhile.
            cx.authorize_target(draft.account(), &target, &Asked::default())?;
            holders::edit::<Role, ()>(draft, &input.role_name, |role| {
                let record = RoleRecord { trust: trust.clone(), ..role.record.clone() };
                *role = Role::new(record).map_err(|_| OpError::BadRecord)?;
                Ok(())
            })?;
            Ok(iam::UpdateAssumeRolePolicyOutput)
        })
        .await
    }
}
