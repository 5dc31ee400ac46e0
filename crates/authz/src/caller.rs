//! Who asks: the principal that signed the request, and what its session adds.
//!
//! # Invariants
//! - A `Caller` is made from what authentication proved; nothing here comes from the request's body.
//! - ARNs are built here from their parts, so that two callers with the same ARN are the same principal.

use std::sync::Arc;

use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::world::Timestamp;

/// The principal that signed, as AWS tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account.
    Root,
    /// An IAM user, with its own access key or with a session of GetSessionToken.
    User {
        /// The user's name, without its path.
        name: Arc<str>,
        /// The unique id, `AIDA…`.
        id: Arc<str>,
    },
    /// A session of an assumed role.
    AssumedRole {
        /// The ARN of the role, path included.
        role_arn: Arc<str>,
        /// The unique id of the role, `AROA…`.
        role_id: Arc<str>,
        /// The name that was chosen when the role was assumed.
        session_name: Arc<str>,
        /// `AROA…:session`.
        user_id: Arc<str>,
    },
    /// A session of GetFederationToken, which acts for the IAM user that asked for it.
    FederatedUser {
        /// `account:name`.
        user_id: Arc<str>,
        /// The ARN of the user whose permissions it has.
        issuer_arn: Arc<str>,
        /// The unique id of that user.
        issuer_id: Arc<str>,
    },
    /// A service that acts for itself, such as `acm.us-east-2.amazonaws.com`.
    Service,
    /// A holder of a token of an identity provider, before it has assumed a role.
    WebIdentity,
    /// Nobody in particular: no credentials at all.
    Anonymous,
}

/// Facts that temporary credentials carry; long-term credentials have none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// When the credentials were issued.
    pub issued_at: Timestamp,
    /// When the caller last proved a second factor, if at all.
    pub mfa_at: Option<Timestamp>,
    /// The identity provider behind the session: `aws:FederatedProvider`.
    pub federated_provider: Option<Arc<str>>,
    /// What AssumeRole was told in SourceIdentity.
    pub source_identity: Option<Arc<str>>,
}

/// Who asks, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    partition: Partition,
    account: Option<AccountId>,
    principal: Principal,
    arn: Arc<str>,
    session: Option<Session>,
    tags: Arc<[(Box<str>, Box<str>)]>,
}

impl Caller {
    /// The root user of `account`.
    pub fn root(partition: Partition, account: AccountId) -> Self {
        let arn = format!("arn:{partition}:iam::{account}:root");
        Self::new(partition, Some(account), Principal::Root, arn)
    }

    /// The IAM user `name` under `path` (which begins and ends with `/`), whose unique id is `id`.
    pub fn user(partition: Partition, account: AccountId, path: &str, name: &str, id: &str) -> Self {
        let arn = format!("arn:{partition}:iam::{account}:user{path}{name}");
        Self::new(partition, Some(account), Principal::User { name: name.into(), id: id.into() }, arn)
    }

    /// A session of the role `role_name` under `path` (which begins and ends with `/`), whose unique id is `role_id`.
    pub fn assumed_role(
        partition: Partition,
        account: AccountId,
        path: &str,
        role_name: &str,
        role_id: &str,
        session_name: &str,
        session: Session,
    ) -> Self {
        let principal = Principal::AssumedRole {
            role_arn: format!("arn:{partition}:iam::{account}:role{path}{role_name}").into(),
            role_id: role_id.into(),
            session_name: session_name.into(),
            user_id: format!("{role_id}:{session_name}").into(),
        };
        let arn = format!("arn:{partition}:sts::{account}:assumed-role/{role_name}/{session_name}");
        Self::new(partition, Some(account), principal, arn).with_session(session)
    }

    /// A federated session `name` with the permissions of the user `issuer`.
    ///
    /// `None` when `issuer` is not an IAM user: nobody else can ask for such a session.
    pub fn federated_user(issuer: &Self, name: &str, session: Session) -> Option<Self> {
        let account = issuer.account?;
        let Principal::User { id, .. } = &issuer.principal else { return None };
        let principal = Principal::FederatedUser {
            user_id: format!("{account}:{name}").into(),
            issuer_arn: issuer.arn.clone(),
            issuer_id: id.clone(),
        };
        let arn = format!("arn:{}:sts::{account}:federated-user/{name}", issuer.partition);
        Some(Self::new(issuer.partition, Some(account), principal, arn).with_session(session))
    }

    /// A service principal, such as `acm.us-east-2.amazonaws.com`. It belongs to no account.
    pub fn service(partition: Partition, name: &str) -> Self {
        Self::new(partition, None, Principal::Service, name.to_owned())
    }

    /// A holder of a token of `provider`: the ARN of an OIDC provider, or the bare name of a built-in one.
    pub fn web_identity(partition: Partition, provider: &str) -> Self {
        Self::new(partition, None, Principal::WebIdentity, provider.to_owned())
    }

    /// A caller without credentials.
    pub fn anonymous(partition: Partition) -> Self {
        Self::new(partition, None, Principal::Anonymous, "anonymous".to_owned())
    }

    fn new(partition: Partition, account: Option<AccountId>, principal: Principal, arn: String) -> Self {
        Self { partition, account, principal, arn: arn.into(), session: None, tags: Arc::from([]) }
    }

    /// The same caller with temporary credentials.
    pub fn with_session(self, session: Session) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The same caller with the tags of its user or role, overlaid by those of its session.
    pub fn with_tags<K: Into<Box<str>>, V: Into<Box<str>>>(self, tags: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { tags: tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect(), ..self }
    }

    /// The partition whose credentials were used.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account that the principal belongs to; services, identity providers' users and strangers have none.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The account's digits.
    pub(crate) fn account_text(&self) -> Option<&str> {
        self.account.as_ref().map(AccountId::as_str)
    }

    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name that messages and audit records show: the session's ARN for roles, the name of a service.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The value of `aws:PrincipalArn`: for a role's session it is the role.
    pub fn principal_arn(&self) -> &str {
        match &self.principal {
            Principal::AssumedRole { role_arn, .. } => role_arn,
            Principal::Root
            | Principal::User { .. }
            | Principal::FederatedUser { .. }
            | Principal::Service
            | Principal::WebIdentity
            | Principal::Anonymous => &self.arn,
        }
    }

    /// The value of `aws:userid`, as GetCallerIdentity shows it.
    pub fn user_id(&self) -> &str {
        match &self.principal {
            Principal::Root => self.account.as_ref().map_or("", AccountId::as_str),
            Principal::User { id, .. } => id,
            Principal::AssumedRole { user_id, .. } | Principal::FederatedUser { user_id, .. } => user_id,
            Principal::Service | Principal::WebIdentity => &self.arn,
            Principal::Anonymous => "anonymous",
        }
    }

    /// The value of `aws:PrincipalType`.
    pub fn principal_type(&self) -> &'static str {
        match self.principal {
            Principal::Root => "Account",
            Principal::User { .. } => "User",
            Principal::AssumedRole { .. } => "AssumedRole",
            Principal::FederatedUser { .. } => "FederatedUser",
            Principal::Service => "Service",
            Principal::WebIdentity => "WebIdentityUser",
            Principal::Anonymous => "Anonymous",
        }
    }

    /// The name of an IAM user.
    pub(crate) fn user_name(&self) -> Option<&str> {
        match &self.principal {
            Principal::User { name, .. } => Some(name),
            Principal::Root
            | Principal::AssumedRole { .. }
            | Principal::FederatedUser { .. }
            | Principal::Service
            | Principal::WebIdentity
            | Principal::Anonymous => None,
        }
    }

    /// What temporary credentials add; `None` with long-term ones.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The tags of the principal and its session.
    pub fn tags(&self) -> &[(Box<str>, Box<str>)] {
        &self.tags
    }
}
