//! `TagPolicy`: sets tags of a managed policy.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{managed, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct TagPolicy;

impl Operation for TagPolicy {
    const NAME: OpName = OpName::Iam(iam::OpName::TagPolicy);
    type Input = iam::TagPolicyInput;
    type Output = iam::TagPolicyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let tags = rules::read_tags(&input.tags, TagCase::Matters)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Policy(&input.policy_arn), &asked)?;
            let (key, policy) = managed::own(cx, draft.account(), &input.policy_arn)?;
            let mut policy = policy.entity.clone();
            rules::set_tags(&mut policy.record.tags, &tags, TagCase::Matters)?;
            draft.put(&key, policy)?;
            Ok(iam::TagPolicyOutput)
        })
        .await
    }
}
