//! Decisions over any policies, callers and condition values: never a panic, and never against the rules that hold for all
//! of them, such as that an explicit deny wins.
//!
//! The input is text: each line begins with the word for what the rest of it is. Policies of one layer are one a line.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use strongroom_authz::action::Action;
use strongroom_authz::caller::{Caller, Principal, Session};
use strongroom_authz::context::FixedContext;
use strongroom_authz::decide::{
    AttachedPolicy, Cause, CrossAccount, Decision, Layer, Outcome, Policies, Request, ResourcePolicies, Trace, decide,
    explain,
};
use strongroom_authz::grants::{Grant, GrantConstraints, GrantOutcome, GrantPrincipal, GrantSet, ProposedGrant};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::{Effect, PolicyKind};
use strongroom_core::generated::GrantOperation;
use strongroom_core::ids::{AccountId, GrantId, Partition};
use strongroom_core::world::Timestamp;

const OWNER: &str = "111122223333";
const FOREIGN: &str = "444455556666";
const DENY_EVERYTHING: &str = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

fuzz_target!(|text: &str| {
    if let Some(scene) = Scene::read(text) {
        scene.check();
    }
});

/// What one input says.
struct Scene {
    caller: Caller,
    action: Action,
    resource: String,
    cross_account: CrossAccount,
    key: Option<Vec<AttachedPolicy>>,
    identity: Vec<AttachedPolicy>,
    boundary: Option<AttachedPolicy>,
    session: Vec<AttachedPolicy>,
    grants: GrantSet,
    proposed: Option<ProposedGrant>,
    context: FixedContext,
}

impl Scene {
    /// `None` for lines that say nothing; the fuzzer finds better ones.
    fn read(text: &str) -> Option<Self> {
        let mut scene = Self {
            caller: caller("user")?,
            action: Action::kms("Decrypt"),
            resource: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned(),
            cross_account: CrossAccount::Effective,
            key: None,
            identity: Vec::new(),
            boundary: None,
            session: Vec::new(),
            grants: GrantSet::default(),
            proposed: None,
            context: FixedContext::new(),
        };
        let (mut tags, mut pairs) = (Vec::new(), None);
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "caller" => scene.caller = caller(rest)?,
                "action" => scene.action = action(rest)?,
                "resource" => scene.resource = rest.to_owned(),
                "within" => scene.cross_account = CrossAccount::WithoutEffect,
                "key" => scene.key.get_or_insert_default().push(attached(PolicyKind::Key, rest)?),
                "trust" => scene.key.get_or_insert_default().push(attached(PolicyKind::Trust, rest)?),
                "identity" => scene.identity.push(attached(PolicyKind::Identity, rest)?),
                "boundary" => scene.boundary = Some(attached(PolicyKind::Identity, rest)?),
                "session" => scene.session.push(attached(PolicyKind::Identity, rest)?),
                "grant" => scene.grants.insert(Arc::new(grant(scene.grants.len(), rest)?)),
                "proposed" => scene.proposed = Some(proposed(rest)?),
                "value" => {
                    let (key, value) = rest.split_once('=')?;
                    scene.context.add_text(key, value).ok()?;
                }
                "tag" => tags.push(rest.split_once('=')?),
                "pair" => pairs.get_or_insert_with(Vec::new).push(owned(rest.split_once('=')?)),
                _ => return None,
            }
        }
        scene.caller = scene.caller.with_tags(tags);
        if let Some(pairs) = pairs {
            scene.context.set_encryption_context(pairs);
        }
        Some(scene)
    }

    fn check(&self) {
        let policies = self.policies();
        let (decision, trace) = self.explain(&policies);
        let plain = decide(&self.request(), &policies, account(OWNER), &self.resource);
        assert_eq!(plain, decision, "a trace changes nothing");
        self.check_trace(&decision, &trace);

        let deny = [attached(PolicyKind::Identity, DENY_EVERYTHING).expect("a policy")];
        let denied = self.explain(&Policies { session: &deny, ..policies }).0;
        assert!(is_explicit_deny(&denied), "an explicit deny wins: {denied:?}");

        // Boundaries and session policies cut. A federated session alone needs a session policy to have anything at all.
        let is_federated = matches!(self.caller.principal(), Principal::FederatedUser { .. });
        if decision.is_allow() && !is_federated {
            let wider = Policies { boundary: None, session: &[], ..policies };
            assert!(self.explain(&wider).0.is_allow(), "less policies that cut, and less is allowed");
        }
        if *self.caller.principal() == Principal::Anonymous {
            assert!(!decision.is_allow(), "nobody in particular is let in");
        }
        let is_foreign = self.caller.account().is_some_and(|own| own != account(OWNER));
        if is_foreign && self.cross_account == CrossAccount::WithoutEffect {
            assert!(!decision.is_allow(), "across accounts without effect");
        }
    }

    /// The decision follows from how statements and grants met the request.
    fn check_trace(&self, decision: &Decision, trace: &Trace) {
        let is_met = |outcome| matches!(outcome, Outcome::Applies(_) | Outcome::Fault(_));
        let deny = trace.statements.iter().find(|own| own.effect == Effect::Deny && is_met(own.outcome));
        let allows = |layer| {
            let applies = |outcome| matches!(outcome, Outcome::Applies(_));
            trace
                .statements
                .iter()
                .any(|own| own.at.layer == layer && own.effect == Effect::Allow && applies(own.outcome))
        };
        let is_granted = trace.grants.iter().any(|(_, outcome)| matches!(outcome, GrantOutcome::Allows(_)));
        match (decision, deny) {
            (Decision::Deny(refusal), Some(deny)) => assert_eq!(refusal.cause, Cause::ExplicitDeny(deny.at.clone())),
            (Decision::Deny(refusal), None) => assert!(!matches!(refusal.cause, Cause::ExplicitDeny(_))),
            (Decision::Allow(_), Some(deny)) => panic!("allowed, though denied: {deny:?}"),
            (Decision::Allow(_), None) => {
                let is_root = *self.caller.principal() == Principal::Root;
                let is_let_in = allows(Layer::Resource) || is_granted;
                assert!(is_let_in || self.key.is_none(), "nothing of the key lets in");
                assert!(is_let_in || is_root || allows(Layer::Identity), "nothing allows");
            }
        }
    }

    fn explain(&self, policies: &Policies<'_>) -> (Decision, Trace) {
        explain(&self.request(), policies, account(OWNER), &self.resource)
    }

    fn request(&self) -> Request<'_> {
        Request {
            caller: &self.caller,
            action: self.action,
            context: &self.context,
            cross_account: self.cross_account,
            proposed_grant: self.proposed.as_ref(),
        }
    }

    fn policies(&self) -> Policies<'_> {
        Policies {
            resource: self.key.as_ref().map(|policies| ResourcePolicies { policies, grants: Some(&self.grants) }),
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &self.session,
        }
    }
}

fn is_explicit_deny(decision: &Decision) -> bool {
    matches!(decision, Decision::Deny(refusal) if matches!(refusal.cause, Cause::ExplicitDeny(_)))
}

/// The callers of `crates/authz/tests/corpus`.
fn caller(name: &str) -> Option<Caller> {
    let (id, kind) = match name.strip_prefix("foreign ") {
        Some(kind) => (account(FOREIGN), kind),
        None => (account(OWNER), name),
    };
    let at = Timestamp::from_millis(1_700_000_000_000);
    let session = || Session { issued_at: at, mfa_at: Some(at), ..Session::default() };
    let user = Caller::user(Partition::Aws, id, "/", "ann", "AIDAANNANNANNANNANNA");
    Some(match kind {
        "root" => Caller::root(Partition::Aws, id),
        "user" => user,
        "role" => Caller::assumed_role(Partition::Aws, id, "/", "app", "AROAAPPAPPAPPAPPAPPA", "one", session()),
        "federated" => Caller::federated_user(&user, "fed", session())?,
        "service" => Caller::service(Partition::Aws, "acm.us-east-2.amazonaws.com"),
        "web" => Caller::web_identity(Partition::Aws, "arn:aws:iam::111122223333:oidc-provider/id.example.com"),
        "anonymous" => Caller::anonymous(Partition::Aws),
        _ => return None,
    })
}

fn action(text: &str) -> Option<Action> {
    const ACTIONS: [Action; 8] = [
        Action::kms("Decrypt"),
        Action::kms("Encrypt"),
        Action::kms("DescribeKey"),
        Action::kms("CreateGrant"),
        Action::kms("CreateKey"),
        Action::kms("Sign"),
        Action::new("sts", "AssumeRole"),
        Action::new("iam", "CreateUser"),
    ];
    ACTIONS.into_iter().find(|action| action.to_string() == text)
}

/// `GRANTEE OPERATION[,OPERATION…][ key=value…]`, the pairs as EncryptionContextSubset.
fn grant(number: usize, text: &str) -> Option<Grant> {
    let (grantee, rest) = text.split_once(' ')?;
    let ProposedGrant { operations, constraints } = proposed(rest)?;
    Some(Grant {
        id: GrantId([u8::try_from(number).ok()?; 32]),
        grantee: GrantPrincipal::parse_arn(grantee).or_else(|| GrantPrincipal::parse_service(grantee))?,
        retiring: None,
        issuing_account: GrantPrincipal::account(Partition::Aws, account(OWNER)),
        operations,
        constraints,
    })
}

fn proposed(text: &str) -> Option<ProposedGrant> {
    let mut words = text.split(' ');
    let operations = words.next()?.split(',').map(|name| name.parse::<GrantOperation>().ok());
    let pairs: Vec<_> = words.map(|pair| pair.split_once('=').map(owned)).collect::<Option<_>>()?;
    let encryption_context_subset = (!pairs.is_empty()).then_some(pairs);
    Some(ProposedGrant {
        operations: operations.collect::<Option<_>>()?,
        constraints: GrantConstraints { encryption_context_subset, ..GrantConstraints::default() },
    })
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn attached(kind: PolicyKind, text: &str) -> Option<AttachedPolicy> {
    Some(AttachedPolicy { name: "policy".into(), policy: Arc::new(Policy::parse(kind, text).ok()?) })
}

fn account(digits: &str) -> AccountId {
    digits.parse().expect("twelve digits")
}
