//! Operations on keys as resources.

mod cancel_key_deletion;
mod create_key;
mod describe_key;
mod disable_key;
mod enable_key;
mod get_key_last_usage;
mod list_keys;
mod schedule_key_deletion;
mod update_key_description;

pub(super) use cancel_key_deletion::CancelKeyDeletion;
pub(super) use create_key::CreateKey;
pub(super) use describe_key::DescribeKey;
pub(super) use disable_key::DisableKey;
pub(super) use enable_key::EnableKey;
pub(super) use get_key_last_usage::GetKeyLastUsage;
pub(super) use list_keys::ListKeys;
pub(super) use schedule_key_deletion::ScheduleKeyDeletion;
pub(super) use update_key_description::UpdateKeyDescription;
