//! `DeletePolicyVersion`: deletes a version of a managed policy that does not hold.

use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::error::IamError;
use crate::iam::target::Target;
use crate::iam::{managed, rules};
use crate::identity::account::ManagedPolicy;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeletePolicyVersion;

impl Operation for DeletePolicyVersion {
    const NAME: OpName = OpName::Iam(iam::OpName::DeletePolicyVersion);
    type Input = iam::DeletePolicyVersionInput;
    type Output = iam::DeletePolicyVersionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Policy(&input.policy_arn), &Asked::default())?;
            let (key, policy) = managed::own(cx, draft.account(), &input.policy_arn)?;
            let mut record = policy.record.clone();
            let gone = || managed::no_such_version(&input.policy_arn, &input.version_id);
            let number = rules::read_version(&input.version_id).ok_or_else(gone)?;
            record.version(number).ok_or_else(gone)?;
            if record.default_version == number {
                return Err(IamError::DeleteConflict("Cannot delete the default version of a policy.").into());
            }
            record.versions.retain(|version| version.number != number);
            draft.put(&key, ManagedPolicy::new(record).map_err(|_| OpError::BadRecord)?)?;
            Ok(iam::DeletePolicyVersionOutput)
        })
        .await
    }
}
