//! What IAM and STS protect.

use std::fmt;

use strongroom_authz::proof::Protected;
use strongroom_core::ids::AccountId;

/// A user, role, group, policy or provider, or where there is none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Whose it is.
    pub(crate) owner: AccountId,
    /// Its ARN; `*` for what has none.
    pub(crate) arn: String,
}

impl Protected for Named {
    fn owner(&self) -> AccountId {
        self.owner
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(&self.arn)
    }
}
