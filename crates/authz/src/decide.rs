//! The decision: what it says, and what it rests on.

use crate::action::Action;
use crate::proof::SystemTask;

/// The outcome of judging one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller may.
    Allow(Allowed),
    /// The caller may not.
    Deny(Refusal),
}

/// What an allow rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// The resource belongs to the caller's account.
    OwnAccount,
    /// Nobody asked: it is a task of the service.
    System(SystemTask),
}

/// What a deny rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller's account is not the owner's, and nothing of the owner's lets it in.
    Stranger,
}

impl Refusal {
    /// The last part of AWS's message, after the resource.
    pub(crate) fn reason(&self, _action: Action) -> String {
        match self {
            Self::Stranger => {
                "because the resource does not exist in this Region, no resource-based policies allow access, \
                               or a resource-based policy explicitly denies access"
                    .to_owned()
            }
        }
    }
}
