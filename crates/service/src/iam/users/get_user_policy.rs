//! `GetUserPolicy`: an inline policy of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{holders, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetUserPolicy;

impl Operation for GetUserPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::GetUserPolicy);
    type Input = iam::GetUserPolicyInput;
    type Output = iam::GetUserPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::User(&input.user_name), &Asked::default())?;
        let document = holders::inline::<UserRecord>(&account, &input.user_name, &input.policy_name)?;
        Ok(iam::GetUserPolicyOutput {
            policy_document: shown::document(document),
            user_name: input.user_name,
            policy_name: input.policy_name,
        })
    }
}
