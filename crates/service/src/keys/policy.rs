//! Key policies as text: the default one, and what is not acceptable as one.
//!
//! # Not here
//! What a policy means: `authz`.

use std::sync::Arc;

use strongroom_authz::policy::Policy;
use strongroom_authz::policy::error::PolicyError;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::arn::KeyArn;

use crate::error::OpError;

/// The one name that a key policy can have.
pub(crate) const POLICY_NAME: &str = "default";

/// The policy of a key that was created without one (behaviours 7.2).
pub(crate) fn default_policy(arn: &KeyArn) -> Arc<str> {
    let (partition, account) = (arn.region.partition(), arn.account);
    format!(
        "{{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {{\n    \
         \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {{\n      \
         \"AWS\" : \"arn:{partition}:iam::{account}:root\"\n    }},\n    \"Action\" : \"kms:*\",\n    \
         \"Resource\" : \"*\"\n  }} ]\n}}"
    )
    .into()
}

/// Reads a key policy.
///
/// # Errors
/// [`OpError::LimitExceeded`], [`OpError::MalformedPolicy`], with the reason for the caller.
pub(crate) fn read_policy(text: &str) -> Result<Policy, OpError> {
    Policy::parse(PolicyKind::Key, text).map_err(|error| match error {
        PolicyError::TooLong { .. } => OpError::LimitExceeded(error.to_string().into()),
        PolicyError::Malformed(reason) => OpError::MalformedPolicy(reason.to_string().into()),
    })
}
