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

/// Refuses what cannot be stored as a key policy.
///
/// # Errors
/// [`OpError::LimitExceeded`] beyond 32 KB, [`OpError::MalformedPolicy`] for what the policy language does not know.
pub(crate) fn check_policy(text: &str) -> Result<(), OpError> {
    match Policy::parse(PolicyKind::Key, text) {
        Ok(_) => Ok(()),
        Err(error @ PolicyError::TooLong { .. }) => Err(OpError::LimitExceeded(error.to_string().into())),
        Err(error @ PolicyError::Malformed { .. }) => Err(OpError::MalformedPolicy(error.to_string().into())),
    }
}
