//! `ListOpenIDConnectProviderTags`: the tags of an OIDC provider.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{providers, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListOpenIDConnectProviderTags;

impl Operation for ListOpenIDConnectProviderTags {
    const NAME: OpName = OpName::Iam(iam::OpName::ListOpenIDConnectProviderTags);
    type Input = iam::ListOpenIDConnectProviderTagsInput;
    type Output = iam::ListOpenIDConnectProviderTagsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Provider(&input.open_id_connect_provider_arn), &Asked::default())?;
        let provider = providers::find(&account, &input.open_id_connect_provider_arn)?;
        let tags = shown::tags(&provider.tags).unwrap_or_default();
        let items = tags.into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cx.page(&provider.url, input.marker.as_deref(), input.max_items, items)?;
        Ok(iam::ListOpenIDConnectProviderTagsOutput {
            tags: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
