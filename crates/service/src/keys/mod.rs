//! Keys and aliases as the operations see them: found, changed and kept in memory.

mod entry;
mod find;
mod grant_tokens;
mod grants;
mod keyring;
mod last_usage;
mod lifecycle;
mod metadata;
mod policy;
mod tags;

pub(crate) use entry::KeyEntry;
pub(crate) use find::{Forms, KeyName};
pub(crate) use grant_tokens::{check_grant_tokens, make_grant_token, read_grant_token};
pub(crate) use grants::{KeptGrant, principal, proposed};
pub(crate) use keyring::{Keyring, SeededKey};
pub(crate) use keyring::{no_such_alias, no_such_grant, no_such_key};
pub(crate) use last_usage::LastUsage;
pub(crate) use lifecycle::{
    Passed, check_external, check_no_replica, check_primary, check_rotates, let_time_pass, new_materials,
};
pub(crate) use metadata::{key_metadata, model_of, new_key_id};
pub(crate) use policy::{POLICY_NAME, default_policy, read_policy};
pub(crate) use tags::{TAGS_MAX, check_tags};
