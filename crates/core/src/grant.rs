//! What the service keeps about grants. What a grant allows is `authz`'s business.

use std::collections::BTreeMap;

use crate::arn::KeyArn;
use crate::generated::GrantOperation;
use crate::identity::NamedPrincipal;
use crate::ids::{AccountId, GrantId};
use crate::world::Timestamp;

/// A grant on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRecord {
    /// Its id; never changes, as nothing of a grant does.
    pub id: GrantId,
    /// The key that it is attached to.
    pub key: KeyArn,
    /// When it was made.
    pub creation_date: Timestamp,
    /// The account whose principal made it.
    pub issuing_account: AccountId,
    /// What was asked for.
    pub terms: GrantTerms,
    /// The users and roles among grantee and retiring principal, as they were when the grant was made.
    pub principals: Vec<NamedPrincipal>,
}

impl GrantRecord {
    /// The root of the account that made it, as lists show it.
    pub fn issuing_root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.key.region.partition(), self.issuing_account)
    }
}

/// What the maker of a grant asked for. Two requests with equal terms and a name ask for the same grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTerms {
    /// 1 to 256 characters; makes retries safe.
    pub name: Option<String>,
    /// Who may use it.
    pub grantee: GrantParty,
    /// Who may retire it.
    pub retiring: Option<GrantParty>,
    /// What it allows; no operation twice.
    pub operations: Vec<GrantOperation>,
    /// When it allows.
    pub constraints: GrantConstraints,
}

/// Whom a grant names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GrantParty {
    /// An IAM principal, by its ARN.
    Principal(String),
    /// A service, by its name.
    Service(String),
}

impl GrantParty {
    /// The ARN or the name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Principal(text) | Self::Service(text) => text,
        }
    }
}

/// What a request must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantConstraints {
    /// Its encryption context is exactly this.
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    /// Its encryption context has these pairs.
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    /// It comes on behalf of this resource.
    pub source_arn: Option<String>,
}
