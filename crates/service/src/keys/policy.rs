//! Key policies as text: the default one, and what is not acceptable as one.
//!
//! # Not here
//! What a policy means: `authz`.

use std::sync::Arc;

use strongroom_core::arn::KeyArn;

use crate::error::OpError;

/// AWS's documented bound, below that of the shape (behaviours 7.1).
const POLICY_MAX_BYTES: usize = 32 * 1024;

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

/// Refuses what cannot be stored as a key policy: too long, or not a JSON object.
///
/// # Errors
/// [`OpError::LimitExceeded`], [`OpError::MalformedPolicy`].
pub(crate) fn check_policy(text: &str) -> Result<(), OpError> {
    if text.len() > POLICY_MAX_BYTES {
        return Err(OpError::LimitExceeded("The key policy exceeds the limit of 32768 bytes.".into()));
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(OpError::MalformedPolicy("The new key policy is not a JSON object.".into())),
    }
}
