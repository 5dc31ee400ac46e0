//! `CreateOpenIDConnectProvider`: lets roles trust the tokens of an issuer.

use strongroom_core::identity::OidcProviderRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::error::IamError;
use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{providers, rules, shown};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreateOpenIDConnectProvider;

impl Operation for CreateOpenIDConnectProvider {
    const NAME: OpName = OpName::Iam(iam::OpName::CreateOpenIDConnectProvider);
    type Input = iam::CreateOpenIDConnectProviderInput;
    type Output = iam::CreateOpenIDConnectProviderOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let new_tags = input.tags.as_deref().unwrap_or_default();
        let tags = rules::read_tags(new_tags, TagCase::Matters)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        let host_and_path = input.url.strip_prefix("https://").unwrap_or(&input.url);
        cx.change(|draft| {
            let account = draft.account();
            let target = Target::Named { noun: "oidc-provider", path: "/", name: host_and_path };
            cx.authorize_target(account, &target, &asked)?;
            if !tags.is_empty() {
                cx.authorize_target_for(iam::OpName::TagOpenIDConnectProvider, account, &target, &asked)?;
            }
            let url = read_url(&input.url)?;
            if account.providers.contains_key(url) {
                return Err(
                    IamError::EntityAlreadyExists(format!("Provider with url {} already exists.", input.url)).into()
                );
            }
            if account.providers.len() >= rules::PROVIDERS_MAX {
                return Err(IamError::quota("OpenIdConnectProvidersPerAccount", rules::PROVIDERS_MAX).into());
            }
            let provider = OidcProviderRecord {
                url: url.to_owned(),
                created: cx.now,
                client_ids: providers::read_client_ids(input.client_id_list.as_deref().unwrap_or_default())?,
                thumbprints: providers::read_thumbprints(input.thumbprint_list.as_deref().unwrap_or_default())?,
                tags: tags.clone(),
            };
            let arn = shown::provider_arn(cx.partition(), cx.account()?, &provider);
            draft.put(url, provider)?;
            Ok(iam::CreateOpenIDConnectProviderOutput {
                open_id_connect_provider_arn: Some(arn),
                tags: shown::tags(&tags),
            })
        })
        .await
    }
}

/// The issuer without `https://`: a host, perhaps a port and a path, and nothing else.
fn read_url(url: &str) -> Result<&str, IamError> {
    let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':');
    let is_path =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~' | b'/' | b'%' | b':' | b'@');
    let rest = url.strip_prefix("https://").filter(|rest| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        !host.is_empty() && host.bytes().all(is_host) && path.bytes().all(is_path)
    });
    rest.ok_or(IamError::InvalidInput("Invalid Open ID Connect Provider URL".into()))
}
