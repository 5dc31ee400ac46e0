//! `SetDefaultPolicyVersion`: makes a version of a managed policy the one that holds.

use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::target::Target;
use crate::iam::{managed, rules};
use crate::identity::account::ManagedPolicy;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct SetDefaultPolicyVersion;

impl Operation for SetDefaultPolicyVersion {
    const NAME: OpName = OpName::Iam(iam::OpName::SetDefaultPolicyVersion);
    type Input = iam::SetDefaultPolicyVersionInput;
    type Output = iam::SetDefaultPolicyVersionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Policy(&input.policy_arn), &Asked::default())?;
            let (key, policy) = managed::own(cx, draft.account(), &input.policy_arn)?;
            let mut record = policy.record.clone();
            let gone = || managed::no_such_version(&input.policy_arn, &input.version_id);
            let number = rules::read_version(&input.version_id).ok_or_else(gone)?;
            record.version(number).ok_or_else(gone)?;
            record.default_version = number;
            record.updated = cx.now;
            draft.put(&key, ManagedPolicy::new(record).map_err(|_| OpError::BadRecord)?)?;
            Ok(iam::SetDefaultPolicyVersionOutput)
        })
        .await
    }
}
