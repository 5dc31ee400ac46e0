//! Everything that one decision depends on, as plain data: what the corpus is written in, and what the oracle reads.

use std::sync::Arc;

use serde_json::Value as Json;
use strongroom_authz::action::Action;
use strongroom_authz::caller::{Caller, Session};
use strongroom_authz::context::FixedContext;
use strongroom_authz::decide::{
    AttachedPolicy, Cause, CrossAccount, Decision, Layer, Policies, Request, ResourcePolicies, Trace, decide, explain,
};
use strongroom_authz::grants::{Grant, GrantConstraints, GrantPrincipal, GrantSet, ProposedGrant};
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::ids::{AccountId, GrantId, Partition};
use strongroom_core::world::Timestamp;

/// What a decision comes to, in the words of the corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    ExplicitDeny(Layer),
    NoAllow(Layer),
    Stranger,
}

impl Verdict {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "Allow" => Self::Allow,
            "Stranger" => Self::Stranger,
            _ => {
                let (kind, layer) = text.split_once(' ').expect("a verdict and its layer");
                let layer = match layer {
                    "Resource" => Layer::Resource,
                    "Identity" => Layer::Identity,
                    "Boundary" => Layer::Boundary,
                    "Session" => Layer::Session,
                    other => panic!("no layer is called {other}"),
                };
                match kind {
                    "ExplicitDeny" => Self::ExplicitDeny(layer),
                    "NoAllow" => Self::NoAllow(layer),
                    other => panic!("no verdict is called {other}"),
                }
            }
        }
    }

    pub(crate) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) => Self::Allow,
            Decision::Deny(refusal) => match &refusal.cause {
                Cause::Stranger => Self::Stranger,
                Cause::ExplicitDeny(at) => Self::ExplicitDeny(at.layer),
                Cause::NoAllow(layer) => Self::NoAllow(*layer),
            },
        }
    }
}

/// A caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Person {
    /// `root`, `user`, `role`, `federated`, `service`, `web`, `anonymous`.
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) id: String,
    /// The name of a role's session or of a federated one.
    pub(crate) session_name: String,
    pub(crate) tags: Vec<(String, String)>,
    /// Seconds since 1970; `None` with long-term credentials.
    pub(crate) issued_at: Option<i64>,
    pub(crate) mfa_at: Option<i64>,
    pub(crate) provider: Option<String>,
    pub(crate) source_identity: Option<String>,
}

impl Person {
    pub(crate) fn session(&self) -> Session {
        let moment = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        Session {
            issued_at: moment(self.issued_at.unwrap_or(0)),
            mfa_at: self.mfa_at.map(moment),
            federated_provider: self.provider.as_deref().map(Arc::from),
            source_identity: self.source_identity.as_deref().map(Arc::from),
        }
    }

    pub(crate) fn caller(&self) -> Caller {
        let account = || -> AccountId { self.account.parse().expect("twelve digits") };
        let user = || Caller::user(Partition::Aws, account(), &self.path, &self.name, &self.id);
        let caller = match self.kind.as_str() {
            "root" => Caller::root(Partition::Aws, account()),
            "user" => user(),
            "role" => Caller::assumed_role(
                Partition::Aws,
                account(),
                &self.path,
                &self.name,
                &self.id,
                &self.session_name,
                self.session(),
            ),
            "federated" => {
                Caller::federated_user(&user(), &self.session_name, self.session()).expect("a user federates")
            }
            "service" => Caller::service(Partition::Aws, &self.name),
            "web" => Caller::web_identity(Partition::Aws, &self.name),
            "anonymous" => Caller::anonymous(Partition::Aws),
            other => panic!("no caller is called {other}"),
        };
        let caller = if self.issued_at.is_some() { caller.with_session(self.session()) } else { caller };
        caller.with_tags(self.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }
}

/// A grant, or one that is to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GrantSpec {
    pub(crate) grantee: String,
    pub(crate) operations: Vec<String>,
    pub(crate) equals: Option<Vec<(String, String)>>,
    pub(crate) subset: Option<Vec<(String, String)>>,
    pub(crate) source_arn: Option<String>,
}

impl GrantSpec {
    pub(crate) fn proposed(&self) -> ProposedGrant {
        ProposedGrant {
            operations: self.operations.iter().map(|name| name.parse().expect("a grant operation")).collect(),
            constraints: GrantConstraints {
                encryption_context_equals: self.equals.clone(),
                encryption_context_subset: self.subset.clone(),
                source_arn: self.source_arn.clone(),
            },
        }
    }

    pub(crate) fn grant(&self, number: u8) -> Grant {
        let ProposedGrant { operations, constraints } = self.proposed();
        Grant {
            id: GrantId([number; 32]),
            grantee: principal(&self.grantee),
            retiring: None,
            issuing_account: principal("arn:aws:iam::111122223333:root"),
            operations,
            constraints,
        }
    }
}

pub(crate) fn principal(name: &str) -> GrantPrincipal {
    GrantPrincipal::parse_arn(name).or_else(|| GrantPrincipal::parse_service(name)).expect("somebody's name")
}

/// What is judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    pub(crate) person: Person,
    /// `service:name`
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) owner: String,
    pub(crate) cross_account: bool,
    /// Texts of key policies; `None` for resources without a policy.
    pub(crate) key_policies: Option<Vec<String>>,
    /// A trust policy, instead of key policies.
    pub(crate) trust: Option<String>,
    pub(crate) identity: Vec<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) session: Vec<String>,
    pub(crate) grants: Vec<GrantSpec>,
    pub(crate) proposed: Option<GrantSpec>,
    /// Condition keys and their values, those of the caller and the encryption context apart.
    pub(crate) context: Vec<(String, Vec<String>)>,
    pub(crate) encryption_context: Option<Vec<(String, String)>>,
}

impl World {
    /// Asks the engine.
    pub(crate) fn judge(&self) -> Decision {
        self.with_request(|request, policies, owner| {
            let plain = decide(request, policies, owner, &self.resource);
            let (traced, trace) = explain(request, policies, owner, &self.resource);
            assert_eq!(Verdict::of(&plain), Verdict::of(&traced), "a trace changes nothing: {trace:?}");
            plain
        })
    }

    pub(crate) fn explain(&self) -> (Decision, Trace) {
        self.with_request(|request, policies, owner| explain(request, policies, owner, &self.resource))
    }

    pub(crate) fn with_request<T>(&self, then: impl FnOnce(&Request<'_>, &Policies<'_>, AccountId) -> T) -> T {
        let caller = self.person.caller();
        let context = self.fixed_context();
        let proposed = self.proposed.as_ref().map(GrantSpec::proposed);
        let request = Request {
            caller: &caller,
            action: action(&self.action),
            context: &context,
            cross_account: if self.cross_account { CrossAccount::Effective } else { CrossAccount::WithoutEffect },
            proposed_grant: proposed.as_ref(),
        };
        let attach = |kind, texts: &[String]| -> Vec<_> { texts.iter().map(|text| attached(kind, text)).collect() };
        let resource = match (&self.trust, &self.key_policies) {
            (Some(trust), _) => Some(vec![attached(PolicyKind::Trust, trust)]),
            (None, Some(texts)) => Some(attach(PolicyKind::Key, texts)),
            (None, None) => None,
        };
        let identity = attach(PolicyKind::Identity, &self.identity);
        let boundary = self.boundary.as_ref().map(|text| attached(PolicyKind::Identity, text));
        let session = attach(PolicyKind::Identity, &self.session);
        let grants = self.grant_set();
        let policies = Policies {
            resource: resource.as_ref().map(|policies| ResourcePolicies { policies, grants: Some(&grants) }),
            identity: &identity,
            boundary: boundary.as_ref(),
            session: &session,
        };
        then(&request, &policies, self.owner.parse().expect("twelve digits"))
    }

    fn fixed_context(&self) -> FixedContext {
        let mut context = FixedContext::new();
        for (name, values) in &self.context {
            values.iter().for_each(|value| context.add_text(name, value).expect("a value of the key's type"));
        }
        if let Some(pairs) = &self.encryption_context {
            context.set_encryption_context(pairs.iter().cloned());
        }
        context
    }

    fn grant_set(&self) -> GrantSet {
        let mut set = GrantSet::default();
        for (number, spec) in (0..).zip(&self.grants) {
            set.insert(Arc::new(spec.grant(number)));
        }
        set
    }
}

pub(crate) fn attached(kind: PolicyKind, text: &str) -> AttachedPolicy {
    let policy = Policy::parse(kind, text).unwrap_or_else(|error| panic!("{error}: {text}"));
    AttachedPolicy { name: "policy".into(), policy: Arc::new(policy) }
}

/// Actions have static names, because the service's do; tests make theirs so, once for each name.
pub(crate) fn action(text: &str) -> Action {
    use std::collections::HashMap;
    use std::sync::{Mutex, OnceLock};

    static KNOWN: OnceLock<Mutex<HashMap<String, Action>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
    *known.entry(text.to_owned()).or_insert_with(|| {
        let (service, name) = text.split_once(':').expect("service:name");
        Action::new(service.to_owned().leak(), name.to_owned().leak())
    })
}

/// The pairs of a JSON object of texts.
pub(crate) fn pairs(json: &Json) -> Vec<(String, String)> {
    let object = json.as_object().expect("an object");
    object.iter().map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned())).collect()
}

/// The texts of a JSON list, or the one text.
pub(crate) fn texts(json: &Json) -> Vec<String> {
    let text = |json: &Json| json.as_str().unwrap_or_else(|| panic!("{json} is not text")).to_owned();
    match json {
        Json::Array(items) => items.iter().map(text).collect(),
        single => vec![text(single)],
    }
}
