//! `ListPolicyVersions`: the versions of a managed policy, without their documents.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{managed, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListPolicyVersions;

impl Operation for ListPolicyVersions {
    const NAME: OpName = OpName::Iam(iam::OpName::ListPolicyVersions);
    type Input = iam::ListPolicyVersionsInput;
    type Output = iam::ListPolicyVersionsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Policy(&input.policy_arn), &Asked::default())?;
        let versions = match managed::find(&account, &input.policy_arn)? {
            managed::Found::Customer(_, policy) => {
                let default = policy.record.default_version;
                let newest_first = policy.record.versions.iter().rev();
                newest_first.map(|version| shown::policy_version(version, default, false)).collect()
            }
            managed::Found::Aws(policy) => vec![managed::only_version(policy, false)],
        };
        // The newest first; the place in the list is its key.
        let items = versions.into_iter().enumerate().map(|(at, version)| (format!("{at:02}"), version));
        let page = cx.page(&input.policy_arn, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListPolicyVersionsOutput {
            versions: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
