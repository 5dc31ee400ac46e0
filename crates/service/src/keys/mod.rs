//! Keys and aliases as the operations see them: found, changed and kept in memory.

mod find;
mod grant_tokens;
mod keyring;
mod last_usage;
mod lifecycle;
mod metadata;
mod policy;
mod tags;

pub(crate) use find::{Forms, KeyName};
pub(crate) use grant_tokens::check_grant_tokens;
pub(crate) use keyring::Keyring;
pub(crate) use keyring::{no_such_alias, no_such_key};
pub(crate) use last_usage::LastUsage;
pub(crate) use lifecycle::{Passed, check_external, check_rotates, let_time_pass};
pub(crate) use metadata::{key_metadata, model_of, new_key_id};
pub(crate) use policy::{check_policy, default_policy};
pub(crate) use tags::check_tags;
