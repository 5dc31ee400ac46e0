//! `UntagOpenIDConnectProvider`: removes tags of an OIDC provider.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{providers, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UntagOpenIDConnectProvider;

impl Operation for UntagOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::UntagOpenIDConnectProvider);
    type Input = iam::UntagOpenIDConnectProviderInput;
    type Output = iam::UntagOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { tag_keys: &input.tag_keys, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Provider(&input.open_id_connect_provider_arn), &asked)?;
            providers::edit(draft, &input.open_id_connect_provider_arn, |provider| {
                rules::remove_tags(&mut provider.tags, &input.tag_keys, TagCase::Matters);
                Ok(())
            })?;
            Ok(iam::UntagOpenIDConnectProviderOutput)
        })
        .await
    }
}
