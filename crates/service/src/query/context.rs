//! The condition values of a request to IAM or STS, looked up one by one when a policy asks for them.
//!
//! # Invariants
//! - Nothing is computed or copied before a policy asks.
//! - An operation that does not set a field of [`Asked`] has no value for its key, so positive conditions on it never match.
//!
//! # Not here
//! Values of the caller and its session: the engine reads those from the caller itself.

use strongroom_authz::condition::keys::ConditionKey;
use strongroom_authz::context::{RequestContext, Value, values_in_any_case};
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::key::Tag;
use strongroom_core::world::Timestamp;

use crate::context::{Circumstances, Tags};

/// What an operation was asked to do, in as far as policies can ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// Tags to be set.
    pub(crate) tags: &'a [Tag],
    /// Keys of tags to be removed.
    pub(crate) tag_keys: &'a [String],
    /// The tags that the resource has.
    pub(crate) resource_tags: &'a [Tag],
    /// The managed policy to be attached or detached.
    pub(crate) policy_arn: Option<&'a str>,
    /// The boundary that the user or role has or is to have.
    pub(crate) permissions_boundary: Option<&'a str>,
    /// Seconds that a session is asked to last, where the request says it.
    pub(crate) duration_secs: Option<i32>,
    pub(crate) external_id: Option<&'a str>,
    pub(crate) role_session_name: Option<&'a str>,
    pub(crate) source_identity: Option<&'a str>,
    pub(crate) transitive_tag_keys: &'a [String],
    /// Claims of a web identity token under their condition keys, such as `issuer.example/path:aud`.
    pub(crate) claims: &'a [(String, Vec<String>)],
}

/// The condition values of one request for one resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) circumstances: Circumstances<'a>,
    pub(crate) asked: &'a Asked<'a>,
    /// Who owns the resource.
    pub(crate) owner: AccountId,
}

impl Values<'_> {
    /// The one value of a key that has one at most.
    fn single(&self, key: ConditionKey) -> Option<Value<'_>> {
        use ConditionKey as K;
        let asked = self.asked;
        match key {
            K::AwsCurrentTime | K::AwsEpochTime => Some(Value::Date(self.now)),
            K::AwsReferer => self.circumstances.referer.map(Value::Text),
            K::AwsRequestedRegion => Some(Value::Text(self.region.as_str())),
            K::AwsSecureTransport => Some(Value::Bool(self.circumstances.is_secure)),
            K::AwsSourceIp => Some(Value::Ip(self.circumstances.peer)),
            K::AwsUserAgent => self.circumstances.user_agent.map(Value::Text),
            K::AwsViaAwsService => Some(Value::Bool(false)),
            K::AwsResourceAccount => Some(Value::Text(self.owner.as_str())),

            K::StsDurationSeconds => asked.duration_secs.map(|secs| Value::Number(secs.into())),
            K::StsExternalId => asked.external_id.map(Value::Text),
            K::StsRoleSessionName => asked.role_session_name.map(Value::Text),
            K::StsSourceIdentity => asked.source_identity.map(Value::Text),
            K::IamPermissionsBoundary => asked.permissions_boundary.map(Value::Text),
            K::IamPolicyArn => asked.policy_arn.map(Value::Text),

            // Those with several values, and families.
            K::AwsRequestTag
            | K::AwsResourceTag
            | K::AwsTagKeys
            | K::IamResourceTag
            | K::StsTransitiveTagKeys
            | K::Unlisted => None,

            // No service calls here on behalf of somebody, none is passed a role, and there are no VPCs.
            K::AwsCalledVia
            | K::AwsCalledViaFirst
            | K::AwsCalledViaLast
            | K::AwsSourceAccount
            | K::AwsSourceArn
            | K::AwsSourceVpc
            | K::AwsSourceVpce
            | K::AwsVpcSourceIp
            | K::IamAwsServiceName
            | K::IamPassedToService => None,

            // Those of KMS.
            K::KmsBypassPolicyLockoutSafetyCheck
            | K::KmsCustomerMasterKeySpec
            | K::KmsCustomerMasterKeyUsage
            | K::KmsDataKeyPairSpec
            | K::KmsEncryptionAlgorithm
            | K::KmsEncryptionContext
            | K::KmsEncryptionContextKeys
            | K::KmsExpirationModel
            | K::KmsGrantConstraintSourceArn
            | K::KmsGrantConstraintType
            | K::KmsGrantIsForAwsResource
            | K::KmsGrantOperations
            | K::KmsGranteePrincipal
            | K::KmsGranteeServicePrincipal
            | K::KmsKeyAgreementAlgorithm
            | K::KmsKeyOrigin
            | K::KmsKeySpec
            | K::KmsKeyUsage
            | K::KmsMacAlgorithm
            | K::KmsMessageType
            | K::KmsMultiRegion
            | K::KmsMultiRegionKeyType
            | K::KmsPolicyName
            | K::KmsPrimaryRegion
            | K::KmsReEncryptOnSameKey
            | K::KmsRecipientAttestationImageSha384
            | K::KmsRecipientAttestationNitroTpmPcr
            | K::KmsRecipientAttestationPcr
            | K::KmsReplicaRegion
            | K::KmsRequestAlias
            | K::KmsResourceAliases
            | K::KmsRetiringPrincipal
            | K::KmsRetiringServicePrincipal
            | K::KmsRotationPeriodInDays
            | K::KmsScheduleKeyDeletionPendingWindowInDays
            | K::KmsSigningAlgorithm
            | K::KmsTrailingDaysWithoutKeyUsage
            | K::KmsValidTo
            | K::KmsViaService
            | K::KmsWrappingAlgorithm
            | K::KmsWrappingKeySpec => None,

            // The engine reads these from the caller.
            K::AwsFederatedProvider
            | K::AwsMultiFactorAuthAge
            | K::AwsMultiFactorAuthPresent
            | K::AwsPrincipalAccount
            | K::AwsPrincipalArn
            | K::AwsPrincipalIsAwsService
            | K::AwsPrincipalServiceName
            | K::AwsPrincipalServiceNamesList
            | K::AwsPrincipalTag
            | K::AwsPrincipalType
            | K::AwsSourceIdentity
            | K::AwsTokenIssueTime
            | K::AwsUserid
            | K::AwsUsername
            | K::KmsCallerAccount => None,
        }
    }
}

impl RequestContext for Values<'_> {
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        let asked = self.asked;
        if let Some(value) = self.single(key) {
            each(value);
        } else if key == ConditionKey::AwsRequestTag {
            values_in_any_case(&Tags(asked.tags), rest, each);
        } else if matches!(key, ConditionKey::AwsResourceTag | ConditionKey::IamResourceTag) {
            values_in_any_case(&Tags(asked.resource_tags), rest, each);
        } else if key == ConditionKey::AwsTagKeys {
            asked.tags.iter().for_each(|tag| each(Value::Text(&tag.key)));
            asked.tag_keys.iter().for_each(|key| each(Value::Text(key)));
        } else if key == ConditionKey::StsTransitiveTagKeys {
            asked.transitive_tag_keys.iter().for_each(|key| each(Value::Text(key)));
        } else if key == ConditionKey::Unlisted {
            let claims = asked.claims.iter().filter(|(name, _)| name.eq_ignore_ascii_case(rest));
            claims.flat_map(|(_, values)| values).for_each(|value| each(Value::Text(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use strongroom_authz::condition::keys::Source;

    use super::*;

    /// Condition keys that have no value in any request to IAM and STS, and why.
    fn reason_for_absence(key: ConditionKey) -> Option<&'static str> {
        let name = key.facts().name;
        let is_one_of = |names: &[&str]| names.iter().any(|own| name.starts_with(own));
        match () {
            () if is_one_of(&["kms:"]) => Some("of requests to KMS"),
            () if is_one_of(&["aws:CalledVia", "aws:SourceAccount", "aws:SourceArn"]) => {
                Some("no service calls on behalf of another")
            }
            () if is_one_of(&["aws:SourceVpc", "aws:VpcSourceIp"]) => Some("there are no VPCs"),
            () if is_one_of(&["iam:PassedToService", "iam:AWSServiceName"]) => {
                Some("there are no services to pass a role to, or to make one for")
            }
            () => None,
        }
    }

    #[test]
    fn every_condition_key_has_a_value_or_a_reason_to_have_none() {
        let tags = [Tag { key: "Cost".into(), value: "7".into() }];
        let keys = ["Cost".to_owned()];
        let asked = Asked {
            tags: &tags,
            tag_keys: &keys,
            resource_tags: &tags,
            policy_arn: Some("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            permissions_boundary: Some("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            duration_secs: Some(900),
            external_id: Some("x"),
            role_session_name: Some("one"),
            source_identity: Some("ann"),
            transitive_tag_keys: &keys,
            claims: &[],
        };
        let circumstances = Circumstances {
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            is_secure: true,
            user_agent: Some("agent"),
            referer: Some("referer"),
            tls: None,
            host: None,
            access_key_id: None,
        };
        let values = Values {
            region: "us-east-1".parse().expect("a Region"),
            now: Timestamp::from_millis(1_000),
            circumstances,
            asked: &asked,
            owner: "111122223333".parse().expect("an account"),
        };
        for key in ConditionKey::ALL.iter().filter(|key| !matches!(key.facts().source, Source::Caller(_))) {
            let rest = if key.is_family() { "cost" } else { "" };
            let mut has_value = false;
            values.values(*key, rest, &mut |_| has_value = true);
            assert_eq!(has_value, reason_for_absence(*key).is_none(), "{}", key.facts().name);
        }
    }
}
