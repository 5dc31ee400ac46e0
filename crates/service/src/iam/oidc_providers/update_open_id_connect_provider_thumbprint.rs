//! `UpdateOpenIDConnectProviderThumbprint`: replaces the thumbprints of an OIDC provider.

use strongroom_wire::query::{OpName, iam};

use crate::iam::providers;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateOpenIDConnectProviderThumbprint;

impl Operation for UpdateOpenIDConnectProviderThumbprint {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateOpenIDConnectProviderThumbprint);
    type Input = iam::UpdateOpenIDConnectProviderThumbprintInput;
    type Output = iam::UpdateOpenIDConnectProviderThumbprintOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(
                draft.account(),
                &Target::Provider(&input.open_id_connect_provider_arn),
                &Asked::default(),
            )?;
            providers::edit(draft, &input.open_id_connect_provider_arn, |provider| {
                provider.thumbprints = providers::read_thumbprints(&input.thumbprint_list)?;
                Ok(())
            })?;
            Ok(iam::UpdateOpenIDConnectProviderThumbprintOutput)
        })
        .await
    }
}
