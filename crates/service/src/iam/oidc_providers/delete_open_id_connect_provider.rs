//! `DeleteOpenIDConnectProvider`: ends the trust in an issuer; one that is not there is no error.

use strongroom_core::identity::OidcProviderRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::providers;
use crate::iam::target::{Target, provider_url};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteOpenIDConnectProvider;

impl Operation for DeleteOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteOpenIDConnectProvider);
    type Input = iam::DeleteOpenIDConnectProviderInput;
    type Output = iam::DeleteOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(
                draft.account(),
                &Target::Provider(&input.open_id_connect_provider_arn),
                &Asked::default(),
            )?;
            if let Some(url) = provider_url(draft.account(), &input.open_id_connect_provider_arn) {
                draft.remove::<OidcProviderRecord>(url);
                return Ok(iam::DeleteOpenIDConnectProviderOutput);
            }
            Err(providers::bad_arn(&input.open_id_connect_provider_arn).into())
        })
        .await
    }
}
