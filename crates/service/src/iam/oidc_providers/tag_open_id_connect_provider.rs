//! `TagOpenIDConnectProvider`: sets tags of an OIDC provider.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{providers, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct TagOpenIDConnectProvider;

impl Operation for TagOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::TagOpenIDConnectProvider);
    type Input = iam::TagOpenIDConnectProviderInput;
    type Output = iam::TagOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let tags = rules::read_tags(&input.tags, TagCase::Matters)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Provider(&input.open_id_connect_provider_arn), &asked)?;
            providers::edit(draft, &input.open_id_connect_provider_arn, |provider| {
                rules::set_tags(&mut provider.tags, &tags, TagCase::Matters)
            })?;
            Ok(iam::TagOpenIDConnectProviderOutput)
        })
        .await
    }
}
