//! A seed: accounts, keys and faults that a node of `dev` has from its start.
//!
//! # Invariants
//! - Everything is checked before anything is written: first what the seed says by itself ([`Seed::check`]), then what it says
//!   against the store.
//! - What was seeded once is never seeded again. The store remembers what the seed said of each key and account; when it says
//!   the same again nothing is written, whatever became of the key since. When it says something else the node does not start.
//! - A key, its aliases, its grants and what is remembered of them are written together.
//! - The same seed makes the same ids of material and of identities in every store.
//!
//! # Not here
//! The file in which a seed is written: `server`.

mod accounts;
mod check;
mod keys;
mod memory;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{KeySpec, KeyUsage, Origin, RotationType};
use strongroom_core::ids::{AccountId, AliasName, GrantId};
use strongroom_core::key::{Import, Tag};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;
use strongroom_crypto::material::Material;
use strongroom_wire::kms;

use super::FaultRule;

pub use check::SeedProblem;
pub(crate) use memory::{Note, Sower};

/// What a node of `dev` begins with.
#[derive(Debug, Default)]
pub struct Seed {
    /// Who there is, beside the access key `test`.
    pub accounts: Vec<SeedAccount>,
    /// Keys with their aliases and grants.
    pub keys: Vec<SeedKey>,
    /// Fault rules, in force from the start.
    pub faults: Vec<FaultRule>,
}

/// A key.
#[derive(Debug)]
pub struct SeedKey {
    /// Account, Region and id.
    pub arn: KeyArn,
    /// What it is.
    pub spec: KeySpec,
    /// What it is for.
    pub usage: KeyUsage,
    /// `AWS_KMS` or `EXTERNAL`.
    pub origin: Origin,
    /// Free text.
    pub description: String,
    /// Where it stands.
    pub state: SeedState,
    /// When it was made; when it is seeded, without it.
    pub creation_date: Option<Timestamp>,
    /// The policy's text; the default one without it.
    pub policy: Option<String>,
    /// No key twice.
    pub tags: Vec<Tag>,
    /// Its material, oldest first; the last one encrypts. Without any, fresh material is made, or waited for.
    pub materials: Vec<SeedMaterial>,
    /// How often it rotates, if it does by itself.
    pub rotation_period_days: Option<u32>,
    /// Its names.
    pub aliases: Vec<AliasName>,
    /// Its grants.
    pub grants: Vec<SeedGrant>,
}

/// Where a seeded key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedState {
    /// `Enabled`; `PendingImport` when its material is still to be imported.
    Enabled,
    /// `Disabled`
    Disabled,
    /// `PendingDeletion`, for so many days from when it is seeded.
    PendingDeletion {
        /// 7 to 30.
        window_days: u32,
    },
}

/// One material of a key.
#[derive(Debug)]
pub struct SeedMaterial {
    /// The material itself.
    pub material: Material,
    /// When the key was rotated to it; when it is seeded, without it. Not for the first one.
    pub rotation_date: Option<Timestamp>,
    /// Who rotated.
    pub rotation_type: RotationType,
    /// What its owner says; for origin `EXTERNAL` alone.
    pub import: Import,
}

/// A grant.
#[derive(Debug)]
pub struct SeedGrant {
    /// Its id.
    pub id: GrantId,
    /// Who made it; the key's own account, without it.
    pub issuing_account: Option<AccountId>,
    /// When; when it is seeded, without it.
    pub creation_date: Option<Timestamp>,
    /// What `CreateGrant` would be asked for.
    pub request: kms::CreateGrantInput,
}

/// An account and who belongs to it. Documents are the texts of policies.
#[derive(Debug)]
pub struct SeedAccount {
    /// Its id.
    pub id: AccountId,
    /// Access keys of its root user.
    pub access_keys: Vec<SeedAccessKey>,
    /// Managed policies.
    pub policies: Vec<SeedPolicy>,
    /// Groups.
    pub groups: Vec<SeedGroup>,
    /// Users.
    pub users: Vec<SeedUser>,
    /// Roles.
    pub roles: Vec<SeedRole>,
}

/// An access key. It is never stored: it holds as long as the seed says so.
#[derive(Debug)]
pub struct SeedAccessKey {
    /// As it stands in requests.
    pub id: String,
    /// What signs.
    pub secret: SecretBytes,
}

/// A policy with a name.
#[derive(Clone, Debug)]
pub struct SeedPolicy {
    /// Unique among its like.
    pub name: String,
    /// The document's text.
    pub document: String,
}

/// A group.
#[derive(Debug)]
pub struct SeedGroup {
    /// Its name.
    pub name: String,
    /// Managed policies, by name (the account's own) or ARN.
    pub policies: Vec<String>,
    /// Policies of its own.
    pub inline_policies: Vec<SeedPolicy>,
}

/// A user.
#[derive(Debug)]
pub struct SeedUser {
    /// Its name.
    pub name: String,
    /// `/`, or names between slashes.
    pub path: String,
    /// No key twice.
    pub tags: Vec<Tag>,
    /// Managed policies, by name (the account's own) or ARN.
    pub policies: Vec<String>,
    /// Policies of its own.
    pub inline_policies: Vec<SeedPolicy>,
    /// The policy that bounds it, by name or ARN.
    pub permissions_boundary: Option<String>,
    /// Groups by name.
    pub groups: Vec<String>,
    /// What signs for it.
    pub access_keys: Vec<SeedAccessKey>,
}

/// A role.
#[derive(Debug)]
pub struct SeedRole {
    /// Its name.
    pub name: String,
    /// `/`, or names between slashes.
    pub path: String,
    /// Free text.
    pub description: Option<String>,
    /// The longest session, 3600 to 43200.
    pub max_session_seconds: u32,
    /// The text of its trust policy.
    pub trust_policy: String,
    /// No key twice.
    pub tags: Vec<Tag>,
    /// Managed policies, by name (the account's own) or ARN.
    pub policies: Vec<String>,
    /// Policies of its own.
    pub inline_policies: Vec<SeedPolicy>,
    /// The policy that bounds it, by name or ARN.
    pub permissions_boundary: Option<String>,
}
