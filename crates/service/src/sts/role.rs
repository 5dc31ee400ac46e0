//! What assuming a role has in common, whoever does it: finding the role, its session's policies and tags, and the limits.
//!
//! Sources: STS API Reference, "AssumeRole" and "AssumeRoleWithWebIdentity"; IAM User Guide, "Passing session tags".

use strongroom_authz::caller::Principal;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::identity::RoleRecord;
use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::key::Tag;
use strongroom_wire::query::sts;

use super::sessions::Wanted;
use crate::identity::account::Account;
use crate::query::{Cx, Error};

/// Seconds that a session lasts when nobody says otherwise.
pub(super) const DEFAULT_SECS: i32 = 3_600;

/// Characters of a session policy.
const POLICY_CHARS_MAX: usize = 2_048;

/// Managed policies of a session.
const POLICY_ARNS_MAX: usize = 10;

/// Bytes that policies and tags of a session may take together, so that a token fits the head of a request.
const PACKED_BYTES_MAX: usize = 6_144;

/// Partition, account, path and name of a role.
pub(super) struct RoleName<'a> {
    pub(super) partition: Partition,
    pub(super) account: AccountId,
    /// Begins and ends with `/`.
    pub(super) path: &'a str,
    pub(super) name: &'a str,
}

impl<'a> RoleName<'a> {
    /// Reads the ARN of a role. Whoever signed asks for one of the partition that was signed for.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(super) fn read(cx: &Cx<'_>, arn: &'a str) -> Result<Self, Error> {
        let read = || {
            let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
            let (account, role) = rest.split_once(":role")?;
            let at = role.rfind('/')?;
            let (path, name) = role.split_at(at + 1);
            let is_whole = path.starts_with('/') && !name.is_empty();
            let (partition, account) = (partition.parse().ok()?, account.parse().ok()?);
            is_whole.then_some(Self { partition, account, path, name })
        };
        let is_open = *cx.caller.principal() == Principal::Anonymous;
        let named = read().filter(|name| is_open || name.partition == cx.region.partition());
        named.ok_or_else(|| Error::Invalid("Request ARN is invalid".into()))
    }

    /// Whether the role is called exactly so.
    pub(super) fn is_of(&self, role: &RoleRecord) -> bool {
        role.naming.name == self.name && role.naming.path == self.path
    }
}

/// How long a session is to last.
///
/// # Errors
/// [`Error::Invalid`] beyond the role's own limit.
pub(super) fn duration(asked: Option<i32>, role: &RoleRecord, is_chained: bool) -> Result<i64, Error> {
    let secs = asked.unwrap_or(DEFAULT_SECS);
    if i64::from(secs) > i64::from(role.max_session_secs) {
        return Err(Error::Invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into(),
        ));
    }
    if is_chained && secs > DEFAULT_SECS {
        return Err(Error::Invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining".into(),
        ));
    }
    Ok(secs.into())
}

/// Adds the session policies that a request passes.
///
/// # Errors
/// [`Error::MalformedPolicy`], [`Error::Invalid`].
pub(super) fn add_policies(
    wanted: &mut Wanted,
    account: &Account,
    policy: Option<String>,
    arns: Option<Vec<sts::PolicyDescriptorType>>,
) -> Result<(), Error> {
    if let Some(text) = &policy {
        if text.chars().count() > POLICY_CHARS_MAX {
            return Err(Error::PackedPolicyTooLarge(
                format!("The session policy is longer than {POLICY_CHARS_MAX} characters.").into(),
            ));
        }
        Policy::parse(PolicyKind::Identity, text).map_err(|error| Error::MalformedPolicy(error.to_string().into()))?;
    }
    let arns: Vec<String> = arns.unwrap_or_default().into_iter().filter_map(|policy| policy.arn).collect();
    if arns.len() > POLICY_ARNS_MAX {
        return Err(Error::Invalid(
            format!(
                "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have \
                 length less than or equal to {POLICY_ARNS_MAX}"
            )
            .into(),
        ));
    }
    if let Some(unknown) = arns.iter().find(|arn| account.policy_ref(arn).is_none()) {
        return Err(Error::Invalid(format!("Policy {unknown} does not exist or is not attachable.").into()));
    }
    (wanted.policy, wanted.policy_arns) = (policy, arns);
    Ok(())
}

/// Adds the tags that a request passes to those that the caller's session hands on.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub(super) fn add_tags(
    wanted: &mut Wanted,
    inherited: &[Tag],
    tags: Vec<Tag>,
    transitive: Vec<String>,
) -> Result<(), Error> {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    for (at, tag) in tags.iter().enumerate() {
        if tags[..at].iter().any(|earlier| same(&earlier.key, &tag.key)) {
            return Err(Error::InvalidParameter(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".into(),
            ));
        }
        if tag.key.get(..4).is_some_and(|head| same(head, "aws:")) {
            return Err(Error::InvalidParameter(
                format!("Tag key {} begins with aws:, which is reserved.", tag.key).into(),
            ));
        }
        if inherited.iter().any(|own| same(&own.key, &tag.key)) {
            return Err(Error::InvalidParameter(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                 from the calling session."
                    .into(),
            ));
        }
    }
    if let Some(key) = transitive.iter().find(|key| !tags.iter().any(|tag| same(&tag.key, key))) {
        return Err(Error::InvalidParameter(
            format!("The specified transitive tag key {key} must be included in the requested tags.").into(),
        ));
    }
    wanted.transitive = inherited.iter().map(|tag| tag.key.clone()).chain(transitive).collect();
    wanted.tags = inherited.iter().cloned().chain(tags).collect();
    Ok(())
}

/// How much of what a session may carry is used, in percent; nothing when it carries nothing.
///
/// # Errors
/// [`Error::PackedPolicyTooLarge`].
pub(super) fn packed_percent(wanted: &Wanted) -> Result<Option<i32>, Error> {
    let of_tags: usize = wanted.tags.iter().map(|tag| tag.key.len() + tag.value.len() + 2).sum();
    let of_arns: usize = wanted.policy_arns.iter().map(|arn| arn.len() + 1).sum();
    let bytes = of_tags + of_arns + wanted.policy.as_ref().map_or(0, String::len);
    let percent = (bytes * 100).div_ceil(PACKED_BYTES_MAX);
    if percent > 100 {
        return Err(Error::PackedPolicyTooLarge(
            format!("Packed size of session policies and tags consumes {percent}% of allotted space.").into(),
        ));
    }
    Ok(i32::try_from(percent).ok().filter(|percent| *percent > 0))
}

/// The tags of a request.
pub(super) fn tags_of(tags: Option<Vec<sts::Tag>>) -> Vec<Tag> {
    tags.unwrap_or_default().into_iter().map(|tag| Tag { key: tag.key, value: tag.value }).collect()
}
