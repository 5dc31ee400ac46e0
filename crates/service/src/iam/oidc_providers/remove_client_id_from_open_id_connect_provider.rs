//! `RemoveClientIDFromOpenIDConnectProvider`: takes an audience no longer; one that is not there is no error.

use strongroom_wire::query::{OpName, iam};

use crate::iam::providers;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct RemoveClientIDFromOpenIDConnectProvider;

impl Operation for RemoveClientIDFromOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::RemoveClientIDFromOpenIDConnectProvider);
    type Input = iam::RemoveClientIDFromOpenIDConnectProviderInput;
    type Output = iam::RemoveClientIDFromOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(
                draft.account(),
                &Target::Provider(&input.open_id_connect_provider_arn),
                &Asked::default(),
            )?;
            providers::edit(draft, &input.open_id_connect_provider_arn, |provider| {
                provider.client_ids.retain(|own| *own != input.client_id);
                Ok(())
            })?;
            Ok(iam::RemoveClientIDFromOpenIDConnectProviderOutput)
        })
        .await
    }
}
