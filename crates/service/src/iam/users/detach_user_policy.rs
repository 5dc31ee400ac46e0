//! `DetachUserPolicy`: detaches a managed policy from a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DetachUserPolicy;

impl Operation for DetachUserPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DetachUserPolicy);
    type Input = iam::DetachUserPolicyInput;
    type Output = iam::DetachUserPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &asked)?;
            holders::detach::<UserRecord>(draft, &input.user_name, &input.policy_arn)?;
            Ok(iam::DetachUserPolicyOutput)
        })
        .await
    }
}
