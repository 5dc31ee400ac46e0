//! `ListOpenIDConnectProviders`: the ARNs of the account's OIDC providers.

use strongroom_wire::query::{OpName, iam};

use crate::iam::shown;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListOpenIDConnectProviders;

impl Operation for ListOpenIDConnectProviders {
    const NAME: OpName = OpName::Iam(iam::OpName::ListOpenIDConnectProviders);
    type Input = iam::ListOpenIDConnectProvidersInput;
    type Output = iam::ListOpenIDConnectProvidersOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let _ = input;
        let account = cx.snapshot().await?;
        let target = Target::Named { noun: "oidc-provider", path: "/", name: "*" };
        cx.authorize_target(&account, &target, &Asked::default())?;
        let arns = account.providers.values().map(|own| shown::provider_arn(cx.partition(), account.id, own));
        let list = arns.map(|arn| iam::OpenIDConnectProviderListEntry { arn: Some(arn) }).collect();
        Ok(iam::ListOpenIDConnectProvidersOutput { open_id_connect_provider_list: Some(list) })
    }
}
