//! `GetOpenIDConnectProvider`: an OIDC provider.

use strongroom_wire::query::{OpName, iam};

use crate::iam::target::Target;
use crate::iam::{providers, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetOpenIDConnectProvider;

impl Operation for GetOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::GetOpenIDConnectProvider);
    type Input = iam::GetOpenIDConnectProviderInput;
    type Output = iam::GetOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Provider(&input.open_id_connect_provider_arn), &Asked::default())?;
        let provider = providers::find(&account, &input.open_id_connect_provider_arn)?;
        Ok(iam::GetOpenIDConnectProviderOutput {
            url: Some(provider.url.clone()),
            client_id_list: Some(provider.client_ids.clone()),
            thumbprint_list: Some(provider.thumbprints.clone()),
            create_date: Some(provider.created),
            tags: shown::tags(&provider.tags),
        })
    }
}
