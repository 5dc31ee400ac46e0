//! `CreatePolicyVersion`: a new version of a managed policy, which holds at once if it is asked for.

use strongroom_core::identity::PolicyVersion;
use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::error::IamError;
use crate::iam::target::Target;
use crate::iam::{managed, rules, shown};
use crate::identity::account::ManagedPolicy;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreatePolicyVersion;

impl Operation for CreatePolicyVersion {
    const NAME: OpName = OpName::Iam(iam::OpName::CreatePolicyVersion);
    type Input = iam::CreatePolicyVersionInput;
    type Output = iam::CreatePolicyVersionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Policy(&input.policy_arn), &Asked::default())?;
            let (key, policy) = managed::own(cx, draft.account(), &input.policy_arn)?;
            rules::read_managed_policy(&input.policy_document)?;
            let mut record = policy.record.clone();
            if record.versions.len() >= rules::VERSIONS_MAX {
                return Err(IamError::LimitExceeded(
                    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
                     version."
                        .into(),
                ).into());
            }
            let number = record.next_version;
            let version =
                PolicyVersion { number, created: cx.now, document: input.policy_document.as_str().into() };
            record.versions.push(version.clone());
            record.next_version += 1;
            record.updated = cx.now;
            if input.set_as_default == Some(true) {
                record.default_version = number;
            }
            let shown = shown::policy_version(&version, record.default_version, false);
            draft.put(&key, ManagedPolicy::new(record).map_err(|_| OpError::BadRecord)?)?;
            Ok(iam::CreatePolicyVersionOutput { policy_version: Some(shown) })
        })
        .await
    }
}
