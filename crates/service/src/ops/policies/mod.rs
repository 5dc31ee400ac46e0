//! Operations on key policies.

mod get_key_policy;
mod list_key_policies;
mod put_key_policy;

pub(super) use get_key_policy::GetKeyPolicy;
pub(super) use list_key_policies::ListKeyPolicies;
pub(super) use put_key_policy::PutKeyPolicy;

use crate::error::OpError;

/// The policy that AWS's resource sharing manages; no key is ever shared here.
const SHARING_POLICY_NAME: &str = "AWS_RAM";

/// The answer to a policy name that no policy of a key has.
fn no_such_policy() -> OpError {
    OpError::NotFound("No such policy exists".into())
}
