//! Quotas and what a request may say beyond its shapes (IAM User Guide, "IAM and AWS STS quotas").

use strongroom_authz::policy::model::PolicyKind;
use strongroom_authz::policy::{Policy, quota_chars};
use strongroom_core::key::Tag;
use strongroom_wire::query::iam;

use super::error::IamError;
use crate::query::Error;

pub(crate) const USERS_MAX: usize = 5_000;
pub(crate) const GROUPS_MAX: usize = 300;
pub(crate) const ROLES_MAX: usize = 1_000;
pub(crate) const POLICIES_MAX: usize = 1_500;
pub(crate) const PROVIDERS_MAX: usize = 100;
pub(crate) const ACCESS_KEYS_OF_A_USER_MAX: usize = 2;
pub(crate) const GROUPS_OF_A_USER_MAX: usize = 10;
pub(crate) const ATTACHED_MAX: usize = 10;
pub(crate) const VERSIONS_MAX: usize = 5;
pub(crate) const TAGS_MAX: usize = 50;
pub(crate) const CLIENT_IDS_MAX: usize = 100;
pub(crate) const THUMBPRINTS_MAX: usize = 5;
/// How long sessions of a role last when nobody says otherwise.
pub(crate) const SESSION_SECS_DEFAULT: u32 = 3_600;
/// Characters of a managed policy that are not white space.
pub(crate) const MANAGED_POLICY_CHARS_MAX: usize = 6_144;
/// The same of a trust policy.
pub(crate) const TRUST_POLICY_CHARS_MAX: usize = 2_048;

/// Whether upper and lower case make different tag keys: for users and roles they do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagCase {
    Matters,
    DoesNotMatter,
}

impl TagCase {
    fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Matters => one == other,
            Self::DoesNotMatter => one.eq_ignore_ascii_case(other),
        }
    }
}

/// Checks tags that a request brings.
pub(crate) fn read_tags(tags: &[iam::Tag], case: TagCase) -> Result<Vec<Tag>, Error> {
    let mut known: Vec<Tag> = Vec::with_capacity(tags.len());
    for tag in tags {
        if tag.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(
                IamError::InvalidInput("Tag keys starting with 'aws:' are reserved for system use.".into()).into()
            );
        }
        if known.iter().any(|own| case.is_same(&own.key, &tag.key)) {
            let text = match case {
                TagCase::Matters => "Duplicate tag keys found.",
                TagCase::DoesNotMatter => "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            };
            return Err(IamError::InvalidInput(text.into()).into());
        }
        known.push(Tag { key: tag.key.clone(), value: tag.value.clone() });
    }
    Ok(known)
}

/// Sets tags beside those that are there.
pub(crate) fn set_tags(own: &mut Vec<Tag>, new: &[Tag], case: TagCase) -> Result<(), Error> {
    for tag in new {
        match own.iter_mut().find(|own| case.is_same(&own.key, &tag.key)) {
            Some(known) => known.clone_from(tag),
            None => own.push(tag.clone()),
        }
    }
    if own.len() > TAGS_MAX {
        return Err(IamError::LimitExceeded("The number of tags has reached the maximum limit.".into()).into());
    }
    Ok(())
}

/// Takes tags away; one that is not there is no error.
pub(crate) fn remove_tags(own: &mut Vec<Tag>, keys: &[String], case: TagCase) {
    own.retain(|tag| !keys.iter().any(|key| case.is_same(&tag.key, key)));
}

/// Reads an identity policy.
pub(crate) fn read_identity_policy(document: &str) -> Result<(), Error> {
    Policy::parse(PolicyKind::Identity, document).map_err(IamError::from)?;
    Ok(())
}

/// Reads a managed policy, and holds it against the quota.
pub(crate) fn read_managed_policy(document: &str) -> Result<(), Error> {
    if quota_chars(document) > MANAGED_POLICY_CHARS_MAX {
        return Err(IamError::quota("PolicySize", MANAGED_POLICY_CHARS_MAX).into());
    }
    read_identity_policy(document)
}

/// Reads a trust policy, and holds it against the quota.
pub(crate) fn read_trust_policy(document: &str) -> Result<Policy, Error> {
    if quota_chars(document) > TRUST_POLICY_CHARS_MAX {
        return Err(IamError::quota("ACLSizePerRole", TRUST_POLICY_CHARS_MAX).into());
    }
    Ok(Policy::parse(PolicyKind::Trust, document).map_err(IamError::from)?)
}

/// The number of a version, `v3`.
pub(crate) fn read_version(text: &str) -> Option<u32> {
    // A version can have a suffix after a dot in AWS's pattern; none is ever given.
    text.strip_prefix('v')?.parse().ok()
}
