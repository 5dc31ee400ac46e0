//! Operations on the account as a whole.

mod get_account_summary;
mod list_account_aliases;

pub(super) use get_account_summary::GetAccountSummary;
pub(super) use list_account_aliases::ListAccountAliases;
