//! `AddClientIDToOpenIDConnectProvider`: takes one more audience; once is enough.

use strongroom_wire::query::{OpName, iam};

use crate::iam::providers;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct AddClientIDToOpenIDConnectProvider;

impl Operation for AddClientIDToOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::AddClientIDToOpenIDConnectProvider);
    type Input = iam::AddClientIDToOpenIDConnectProviderInput;
    type Output = iam::AddClientIDToOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        cx.change(|draft| {
            cx.authorize_target(
                draft.account(),
                &Target::Provider(&input.open_id_connect_provider_arn),
                &Asked::default(),
            )?;
            providers::edit(draft, &input.open_id_connect_provider_arn, |provider| {
                let wanted = [provider.client_ids.as_slice(), std::slice::from_ref(&input.client_id)].concat();
                provider.client_ids = providers::read_client_ids(&wanted)?;
                Ok(())
            })?;
            Ok(iam::AddClientIDToOpenIDConnectProviderOutput)
        })
        .await
    }
}
