//! AssumeRoleWithWebIdentity: a session of a role for the holder of an identity provider's token. Nobody signs it.
//!
//! Source: STS API Reference, "AssumeRoleWithWebIdentity"; IAM User Guide, "Create an OpenID Connect (OIDC) identity provider".

use std::sync::Arc;

use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::decide::{Policies, ResourcePolicies};
use strongroom_authz::proof::authorize;
use strongroom_wire::query::OpName;
use strongroom_wire::query::sts::{self, AssumeRoleWithWebIdentityInput, AssumeRoleWithWebIdentityOutput};

use super::assume_role::assumed;
use super::issuers::NoKeys;
use super::jwt::{Claims, Refusal, Unverified};
use super::role::{RoleName, add_policies, add_tags, duration, packed_percent};
use super::sessions::{Holder, Wanted, issue};
use crate::explain::{self, Rule};
use crate::identity::account::{Account, Role};
use crate::query::{Asked, Cx, Error, Named, Operation};

pub(crate) struct AssumeRoleWithWebIdentity;

impl Operation for AssumeRoleWithWebIdentity {
    const NAME: OpName = OpName::Sts(sts::OpName::AssumeRoleWithWebIdentity);
    type Input = AssumeRoleWithWebIdentityInput;
    type Output = AssumeRoleWithWebIdentityOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        if input.provider_id.is_some() {
            return Err(Error::Invalid("ProviderId is for OAuth 2.0 access tokens, which are not supported.".into()));
        }
        let name = RoleName::read(cx, &input.role_arn)?;
        let account = cx.node.directory.account(name.account).await?;
        let token = Unverified::read(input.web_identity_token.expose()).map_err(Error::Token)?;
        // An account that is not there has no providers: it reads the same.
        let unknown = || Error::NoProvider(token.issuer().into());
        let account = account.ok_or_else(unknown)?;
        let url = token.issuer().strip_prefix("https://").ok_or_else(unknown)?;
        let provider = account.providers.values().find(|provider| provider.url == url).ok_or_else(unknown)?;
        let claims = verified(cx, &token, &provider.client_ids).await?;
        let provider_arn = format!("arn:{}:iam::{}:oidc-provider/{url}", name.partition, name.account);
        cx.entry.note_web_identity(&provider_arn, &claims.audience, &claims.subject, name.account);

        let caller = Arc::new(Caller::web_identity(name.partition, &provider_arn));
        let Some(role) = account.role(name.name).filter(|role| name.is_of(&role.record)) else {
            cx.note_rule(&caller, name.account, &input.role_arn, Rule::Absent);
            return Err(Error::MayNotAssumeByToken);
        };
        let condition_keys = condition_keys(url, &claims);
        let source_identity = claims.source_identity.as_deref();
        let asked = Asked {
            tags: &claims.tags,
            resource_tags: &role.record.tags,
            duration_secs: input.duration_seconds,
            role_session_name: Some(&input.role_session_name),
            source_identity,
            transitive_tag_keys: &claims.transitive,
            claims: &condition_keys,
            ..Asked::default()
        };
        check(cx, "AssumeRoleWithWebIdentity", &caller, &input.role_arn, role, &asked, &account)?;
        if !claims.tags.is_empty() {
            check(cx, "TagSession", &caller, &input.role_arn, role, &asked, &account)?;
        }
        if source_identity.is_some() {
            check(cx, "SetSourceIdentity", &caller, &input.role_arn, role, &asked, &account)?;
        }

        let mut wanted = Wanted {
            duration_secs: duration(input.duration_seconds, &role.record, false)?,
            federated_provider: Some(provider_arn),
            source_identity: source_identity.map(str::to_owned),
            ..Wanted::default()
        };
        add_policies(&mut wanted, &account, input.policy, input.policy_arns)?;
        add_tags(&mut wanted, &[], claims.tags.clone(), claims.transitive.clone())?;
        let packed_policy_size = packed_percent(&wanted)?;
        let naming = &role.record.naming;
        let holder = Holder::Role { id: naming.id.to_string(), session_name: input.role_session_name.clone() };
        let credentials = issue(&cx.node.vault, &*cx.node.rng, (name.account, holder), wanted, cx.now)?;
        Ok(AssumeRoleWithWebIdentityOutput {
            credentials: Some(credentials),
            subject_from_web_identity_token: Some(claims.subject),
            assumed_role_user: Some(assumed(&name, &naming.id, &input.role_session_name)),
            packed_policy_size,
            provider: Some(claims.issuer),
            audience: Some(claims.audience),
            source_identity: claims.source_identity,
        })
    }
}

/// The claims of the token, once one of its issuer's keys has verified it.
async fn verified(cx: &Cx<'_>, token: &Unverified<'_>, client_ids: &[String]) -> Result<Claims, Error> {
    let issuers = &cx.node.issuers;
    let no_keys = |reason| match reason {
        NoKeys::UnknownIssuer => Error::NoKeysOfIssuer(token.issuer().into()),
        NoKeys::Unreachable => Error::IssuerUnreachable,
    };
    let keys = issuers.keys(token.issuer(), None).await.map_err(no_keys)?;
    match token.verify(&keys, client_ids, cx.now) {
        // The issuer may have new keys.
        Err(Refusal::NoKey) => {
            let keys = issuers.keys(token.issuer(), Some(&keys)).await.map_err(no_keys)?;
            token.verify(&keys, client_ids, cx.now).map_err(Error::Token)
        }
        outcome => outcome.map_err(Error::Token),
    }
}

/// What the claims are called in conditions of the trust policy.
fn condition_keys(url: &str, claims: &Claims) -> Vec<(String, Vec<String>)> {
    vec![
        (format!("{url}:aud"), vec![claims.audience.clone()]),
        (format!("{url}:sub"), vec![claims.subject.clone()]),
        (format!("{url}:amr"), claims.methods.clone()),
    ]
}

/// Whether the trust policy lets the holder of the token do this.
fn check(
    cx: &Cx<'_>,
    action: &'static str,
    caller: &Arc<Caller>,
    role_arn: &str,
    role: &Role,
    asked: &Asked<'_>,
    account: &Account,
) -> Result<(), Error> {
    let values = cx.values(account.id, asked);
    let trust = ResourcePolicies { policies: std::slice::from_ref(&role.trust), grants: None };
    let policies = Policies { resource: Some(trust), ..Policies::default() };
    let resource = Named { owner: account.id, arn: role_arn.to_owned() };
    let request = cx.request(caller, Action::new("sts", action), &values);
    let named = explain::Named::of(&resource);
    let outcome = authorize(&request, &policies, resource);
    cx.note_unsigned((&request, caller), [role.trust.clone()].into(), named, &outcome);
    match outcome {
        Ok(_) => Ok(()),
        Err(denied) => {
            tracing::debug!(%denied, "a role was not assumed");
            Err(Error::MayNotAssumeByToken)
        }
    }
}
