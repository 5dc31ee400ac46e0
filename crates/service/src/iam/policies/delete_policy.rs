//! `DeletePolicy`: deletes a managed policy that nobody uses and that has one version.

use std::sync::Arc;

use strongroom_core::identity::PolicyRef;
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::target::Target;
use crate::iam::{managed, shown};
use crate::identity::account::ManagedPolicy;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeletePolicy;

impl Operation for DeletePolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::DeletePolicy);
    type Input = iam::DeletePolicyInput;
    type Output = iam::DeletePolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &Target::Policy(&input.policy_arn), &Asked::default())?;
            let (key, policy) = managed::own(cx, account, &input.policy_arn)?;
            if shown::Usage::of(account).get(&PolicyRef::Customer(Arc::clone(&key))) != (0, 0) {
                return Err(IamError::DeleteConflict("Cannot delete a policy attached to entities.").into());
            }
            if policy.record.versions.len() > 1 {
                return Err(IamError::DeleteConflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
                     The default version is deleted with the policy.",
                ).into());
            }
            draft.remove::<ManagedPolicy>(&key);
            Ok(iam::DeletePolicyOutput)
        })
        .await
    }
}
