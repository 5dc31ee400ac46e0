//! `UntagPolicy`: removes tags of a managed policy.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{managed, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UntagPolicy;

impl Operation for UntagPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::UntagPolicy);
    type Input = iam::UntagPolicyInput;
    type Output = iam::UntagPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { tag_keys: &input.tag_keys, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Policy(&input.policy_arn), &asked)?;
            let (key, policy) = managed::own(cx, draft.account(), &input.policy_arn)?;
            let mut policy = policy.entity.clone();
            rules::remove_tags(&mut policy.record.tags, &input.tag_keys, TagCase::Matters);
            draft.put(&key, policy)?;
            Ok(iam::UntagPolicyOutput)
        })
        .await
    }
}
