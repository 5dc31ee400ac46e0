//! What the service keeps about accounts and who belongs to them: users, groups, roles, policies, identity providers, access
//! keys. What a policy means is `authz`'s business.
//!
//! # Invariants
//! - A record names others by what never changes: a user's groups and an access key's owner by unique id, a policy by the name
//!   that nothing can rename.
//! - No record holds an ARN of its own account. ARNs begin with a partition, and an account is in all of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::ids::BadId;
use crate::key::Tag;
use crate::secret::SecretBytes;
use crate::world::Timestamp;

/// What begins a unique id (IAM User Guide, "Unique identifiers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UniqueIdKind {
    /// `AIDA`
    User,
    /// `AGPA`
    Group,
    /// `AROA`
    Role,
    /// `ANPA`
    ManagedPolicy,
    /// `AKIA`: a long-term access key.
    AccessKey,
    /// `ASIA`: an access key of temporary credentials.
    TemporaryAccessKey,
}

impl UniqueIdKind {
    /// The four letters.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::ManagedPolicy => "ANPA",
            Self::AccessKey => "AKIA",
            Self::TemporaryAccessKey => "ASIA",
        }
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// When it was made.
    pub created: Timestamp,
    /// What the operator calls it, as ListAccountAliases shows it.
    pub alias: Option<String>,
}

/// A managed policy, by what never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyRef {
    /// One of the account's own, by its name in lower case.
    Customer(Arc<str>),
    /// One that comes with the service, by path and name, such as `/AdministratorAccess` or `/service-role/X`.
    Aws(Arc<str>),
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(name) => write!(f, "customer:{name}"),
            Self::Aws(name) => write!(f, "aws:{name}"),
        }
    }
}

impl FromStr for PolicyRef {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.split_once(':') {
            Some(("customer", name)) => Ok(Self::Customer(name.into())),
            Some(("aws", name)) => Ok(Self::Aws(name.into())),
            Some(_) | None => Err(BadId("policy reference")),
        }
    }
}

/// What users, groups, roles and policies have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// As it was given; another one of the same letters in any case cannot exist.
    pub name: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// The unique id, never given to another.
    pub id: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Name, path, unique id.
    pub naming: Naming,
    /// Tags, in the order in which they were set.
    pub tags: Vec<Tag>,
    /// The permissions boundary.
    pub boundary: Option<PolicyRef>,
    /// Managed policies, in the order in which they were attached.
    pub attached: Vec<PolicyRef>,
    /// Unique ids of its groups, in the order in which it joined them.
    pub groups: Vec<Arc<str>>,
}

/// A group. Its members say so themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// Name, path, unique id.
    pub naming: Naming,
    /// Managed policies, in the order in which they were attached.
    pub attached: Vec<PolicyRef>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// Name, path, unique id.
    pub naming: Naming,
    /// Free text of at most 1,000 characters.
    pub description: Option<String>,
    /// How long its sessions may last, 3,600 to 43,200.
    pub max_session_secs: u32,
    /// The trust policy.
    pub trust: PrincipalPolicy,
    /// Tags, in the order in which they were set.
    pub tags: Vec<Tag>,
    /// The permissions boundary.
    pub boundary: Option<PolicyRef>,
    /// Managed policies, in the order in which they were attached.
    pub attached: Vec<PolicyRef>,
}

/// A policy that names principals, and who they were when it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalPolicy {
    /// The document as it was given.
    pub document: Arc<str>,
    /// Users and roles that it names.
    pub principals: Vec<NamedPrincipal>,
}

/// A user or role that a policy or a grant names: the ARN that was written, and the unique id that it had at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedPrincipal {
    /// The ARN.
    pub arn: Box<str>,
    /// `AIDA…` or `AROA…`.
    pub id: Box<str>,
}

/// A managed policy of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicyRecord {
    /// Name, path, unique id.
    pub naming: Naming,
    /// When a version was last made or chosen.
    pub updated: Timestamp,
    /// Free text of at most 1,000 characters; never changes.
    pub description: Option<String>,
    /// One to five, by ascending number.
    pub versions: Vec<PolicyVersion>,
    /// The number of the one that holds.
    pub default_version: u32,
    /// The number that the next one gets; numbers are not used again.
    pub next_version: u32,
    /// Tags, in the order in which they were set.
    pub tags: Vec<Tag>,
}

impl ManagedPolicyRecord {
    /// The version with this number.
    pub fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// `v1` is 1.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// The document as it was given.
    pub document: Arc<str>,
}

/// An OIDC provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProviderRecord {
    /// The issuer without `https://`.
    pub url: String,
    /// When it was made.
    pub created: Timestamp,
    /// Audiences that are taken.
    pub client_ids: Vec<String>,
    /// SHA-1 of certificates, 40 hex digits each.
    pub thumbprints: Vec<String>,
    /// Tags, in the order in which they were set.
    pub tags: Vec<Tag>,
}

/// Who signs with an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessKeyOwner {
    /// The root user of the account.
    Root,
    /// The user with this unique id.
    User(Arc<str>),
}

/// A long-term access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// `AKIA…`
    pub id: Arc<str>,
    /// Whose.
    pub owner: AccessKeyOwner,
    /// Whether signatures with it are taken.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// What signs.
    pub secret: Arc<SecretBytes>,
}
