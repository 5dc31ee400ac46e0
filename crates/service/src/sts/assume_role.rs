//! AssumeRole: a session of a role for somebody whom its trust policy lets in.
//!
//! Source: STS API Reference, "AssumeRole"; IAM User Guide, "Permissions for AssumeRole", "Monitor and control actions taken
//! with assumed roles".

use strongroom_authz::action::Action;
use strongroom_authz::caller::Principal;
use strongroom_authz::decide::ResourcePolicies;
use strongroom_authz::proof::authorize;
use strongroom_wire::query::OpName;
use strongroom_wire::query::sts::{self, AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser};

use super::role::{RoleName, add_policies, add_tags, duration, packed_percent, tags_of};
use super::sessions::{Holder, Wanted, issue};
use crate::explain::{self, Rule};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Named, Operation};

pub(crate) struct AssumeRole;

impl Operation for AssumeRole {
    const NAME: OpName = OpName::Sts(sts::OpName::AssumeRole);
    type Input = AssumeRoleInput;
    type Output = AssumeRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let may_not = || Error::MayNotAssume {
            caller: cx.caller.arn().into(),
            action: "sts:AssumeRole",
            role: input.role_arn.as_str().into(),
        };
        if *cx.caller.principal() == Principal::Root {
            cx.note_rule(cx.caller, cx.account()?, &input.role_arn, Rule::RootAssumes);
            return Err(Error::RootAssumes);
        }
        if input.serial_number.is_some() || input.token_code.is_some() {
            cx.note_rule(cx.caller, cx.account()?, &input.role_arn, Rule::NoSecondFactor);
            return Err(Error::NoSuchMfa);
        }
        if input.provided_contexts.is_some() {
            return Err(Error::InvalidParameter("ProvidedContexts are not supported by this service.".into()));
        }
        let name = RoleName::read(cx, &input.role_arn)?;
        let account = cx.node.directory.account(name.account).await?;
        let role = account.as_ref().and_then(|account| account.role(name.name));
        let (Some(account), Some(role)) = (&account, role.filter(|role| name.is_of(&role.record))) else {
            cx.note_rule(cx.caller, name.account, &input.role_arn, Rule::Absent);
            return Err(may_not());
        };

        let tags = tags_of(input.tags);
        let transitive = input.transitive_tag_keys.unwrap_or_default();
        let inherited = &cx.standing.transitive;
        let kept_identity = cx.caller.session().and_then(|session| session.source_identity.as_deref());
        let source_identity = input.source_identity.as_deref().or(kept_identity);
        let asked = Asked {
            tags: &tags,
            resource_tags: &role.record.tags,
            duration_secs: input.duration_seconds,
            external_id: input.external_id.as_deref(),
            role_session_name: Some(&input.role_session_name),
            source_identity,
            transitive_tag_keys: &transitive,
            ..Asked::default()
        };
        check(cx, "AssumeRole", &input.role_arn, role, &asked, &name)?;
        if !tags.is_empty() || !inherited.is_empty() {
            check(cx, "TagSession", &input.role_arn, role, &asked, &name)?;
        }
        if source_identity.is_some() {
            check(cx, "SetSourceIdentity", &input.role_arn, role, &asked, &name)?;
        }
        if kept_identity.is_some() && source_identity != kept_identity {
            return Err(Error::InvalidParameter("The source identity of a session cannot be changed.".into()));
        }

        let is_chained = matches!(cx.caller.principal(), Principal::AssumedRole { .. });
        let mut wanted = Wanted {
            duration_secs: duration(input.duration_seconds, &role.record, is_chained)?,
            source_identity: source_identity.map(str::to_owned),
            ..Wanted::default()
        };
        add_policies(&mut wanted, account, input.policy, input.policy_arns)?;
        add_tags(&mut wanted, inherited, tags, transitive)?;
        let packed_policy_size = packed_percent(&wanted)?;
        let source_identity = wanted.source_identity.clone();
        let naming = &role.record.naming;
        let holder = Holder::Role { id: naming.id.to_string(), session_name: input.role_session_name.clone() };
        let credentials = issue(&cx.node.vault, &*cx.node.rng, (name.account, holder), wanted, cx.now)?;
        Ok(AssumeRoleOutput {
            credentials: Some(credentials),
            assumed_role_user: Some(assumed(&name, &naming.id, &input.role_session_name)),
            packed_policy_size,
            source_identity,
        })
    }
}

/// The session's names.
pub(super) fn assumed(name: &RoleName<'_>, role_id: &str, session_name: &str) -> AssumedRoleUser {
    let (partition, account, role) = (name.partition, name.account, name.name);
    AssumedRoleUser {
        assumed_role_id: format!("{role_id}:{session_name}"),
        arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}"),
    }
}

/// Whether the trust policy and, where it leaves it to them, the caller's own policies allow this.
fn check(
    cx: &Cx<'_>,
    action: &'static str,
    role_arn: &str,
    role: &Role,
    asked: &Asked<'_>,
    name: &RoleName<'_>,
) -> Result<(), Error> {
    let action = Action::new("sts", action);
    let values = cx.values(name.account, asked);
    let trust = ResourcePolicies { policies: std::slice::from_ref(&role.trust), grants: None };
    let policies = cx.standing.policies(Some(trust));
    let resource = Named { owner: name.account, arn: role_arn.to_owned() };
    let request = cx.request(cx.caller, action, &values);
    let named = explain::Named::of(&resource);
    let outcome = authorize(&request, &policies, resource);
    cx.note(&request, Some([role.trust.clone()].into()), named, &outcome);
    match outcome {
        Ok(_) => Ok(()),
        Err(denied) => {
            tracing::debug!(%denied, "a role was not assumed");
            let action = match action.name() {
                "TagSession" => "sts:TagSession",
                "SetSourceIdentity" => "sts:SetSourceIdentity",
                _ => "sts:AssumeRole",
            };
            Err(Error::MayNotAssume { caller: cx.caller.arn().into(), action, role: role_arn.into() })
        }
    }
}
