//! Operations on access keys.

mod create_access_key;
mod delete_access_key;
mod get_access_key_last_used;
mod list_access_keys;
mod update_access_key;

pub(super) use create_access_key::CreateAccessKey;
pub(super) use delete_access_key::DeleteAccessKey;
pub(super) use get_access_key_last_used::GetAccessKeyLastUsed;
pub(super) use list_access_keys::ListAccessKeys;
pub(super) use update_access_key::UpdateAccessKey;
