//! `AttachUserPolicy`: attaches a managed policy to a user; once is enough.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct AttachUserPolicy;

impl Operation for AttachUserPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::AttachUserPolicy);
    type Input = iam::AttachUserPolicyInput;
    type Output = iam::AttachUserPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { policy_arn: Some(&input.policy_arn), ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &asked)?;
            holders::attach::<UserRecord>(draft, &input.user_name, &input.policy_arn)?;
            Ok(iam::AttachUserPolicyOutput)
        })
        .await
    }
}
