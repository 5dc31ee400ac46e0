//! The condition values of a request, looked up one by one when a policy asks for them (behaviours 7.6 and 7.7).
//!
//! # Invariants
//! - Nothing is computed or copied before a policy asks.
//! - An operation that does not set a field of [`Asked`] has no value for its key, so positive conditions on it never match.
//!
//! # Not here
//! Values of the caller and its session: the engine reads those from the caller itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use strongroom_authz::condition::keys::ConditionKey;
use strongroom_authz::context::{Pairs, RequestContext, Value, encryption_context_values, values_in_any_case};
use strongroom_authz::grants::ProposedGrant;
use strongroom_core::generated::{
    AlgorithmSpec, DataKeyPairSpec, EncryptionAlgorithmSpec, ExpirationModelType, KeyAgreementAlgorithmSpec, KeySpec,
    KeyUsage, MacAlgorithmSpec, MessageType, MultiRegionKeyType, OpName, Origin, WrappingKeySpec,
};
use strongroom_core::grant::{GrantParty, GrantTerms};
use strongroom_core::ids::{AccountId, AliasName, Region};
use strongroom_core::key::{KeyRecord, Tag};
use strongroom_core::world::Timestamp;
use strongroom_wire::kms::facts;

use crate::gate::TlsDetails;

/// How a request arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// Who is at the other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether the connection is TLS.
    pub(crate) is_secure: bool,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) referer: Option<&'a str>,
    /// How the connection is protected.
    pub(crate) tls: Option<&'a TlsDetails>,
    /// The host that the caller meant.
    pub(crate) host: Option<&'a str>,
    /// The access key that the signature names; before authentication it proves nothing.
    pub(crate) access_key_id: Option<&'a str>,
}

impl Circumstances<'_> {
    /// The same, for a task that outlives the request.
    pub(crate) fn keep(&self) -> KeptCircumstances {
        let keep = |text: Option<&str>| text.map(str::to_owned);
        KeptCircumstances {
            peer: self.peer,
            is_secure: self.is_secure,
            user_agent: keep(self.user_agent),
            referer: keep(self.referer),
            tls: self.tls.cloned(),
            host: keep(self.host),
            access_key_id: keep(self.access_key_id),
        }
    }
}

/// [`Circumstances`] with texts of their own.
#[derive(Clone, Debug)]
pub(crate) struct KeptCircumstances {
    peer: IpAddr,
    is_secure: bool,
    user_agent: Option<String>,
    referer: Option<String>,
    tls: Option<TlsDetails>,
    host: Option<String>,
    access_key_id: Option<String>,
}

impl KeptCircumstances {
    pub(crate) fn get(&self) -> Circumstances<'_> {
        Circumstances {
            peer: self.peer,
            is_secure: self.is_secure,
            user_agent: self.user_agent.as_deref(),
            referer: self.referer.as_deref(),
            tls: self.tls.as_ref(),
            host: self.host.as_deref(),
            access_key_id: self.access_key_id.as_deref(),
        }
    }
}

/// What an operation was asked to do, in as far as policies can ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// Of operations that have one; empty when the caller gave none.
    pub(crate) encryption_context: Option<&'a BTreeMap<String, String>>,
    pub(crate) encryption_algorithm: Option<EncryptionAlgorithmSpec>,
    /// As AWS spells it.
    pub(crate) signing_algorithm: Option<&'a str>,
    pub(crate) message_type: Option<MessageType>,
    pub(crate) mac_algorithm: Option<MacAlgorithmSpec>,
    pub(crate) key_agreement_algorithm: Option<KeyAgreementAlgorithmSpec>,
    pub(crate) data_key_pair_spec: Option<DataKeyPairSpec>,
    pub(crate) re_encrypt_on_same_key: Option<bool>,
    /// The alias by which the request names its key.
    pub(crate) request_alias: Option<&'a AliasName>,
    pub(crate) policy_name: Option<&'a str>,
    pub(crate) bypass_policy_lockout_safety_check: Option<bool>,
    pub(crate) pending_window_in_days: Option<i32>,
    pub(crate) rotation_period_in_days: Option<u32>,
    pub(crate) wrapping_algorithm: Option<AlgorithmSpec>,
    pub(crate) wrapping_key_spec: Option<WrappingKeySpec>,
    pub(crate) expiration_model: Option<ExpirationModelType>,
    /// When imported material is to expire.
    pub(crate) valid_to: Option<Timestamp>,
    /// Where a replica is to be made.
    pub(crate) replica_region: Option<Region>,
    /// Where the primary is to be.
    pub(crate) primary_region: Option<Region>,
    /// Tags to be set.
    pub(crate) tags: &'a [Tag],
    /// Keys of tags to be removed.
    pub(crate) tag_keys: &'a [String],
    /// Whole days since the key was last used, where a policy asks; `None` when no use is known.
    pub(crate) days_without_key_usage: Option<i64>,
    /// The grant to be made, or to be retired.
    pub(crate) grant: Option<AskedGrant<'a>>,
}

/// A grant that a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AskedGrant<'a> {
    /// It is to be made.
    New(&'a GrantTerms, &'a ProposedGrant),
    /// It is there and to be retired.
    Retiring(&'a GrantTerms),
}

impl<'a> AskedGrant<'a> {
    fn terms(self) -> &'a GrantTerms {
        match self {
            Self::New(terms, _) | Self::Retiring(terms) => terms,
        }
    }

    /// The terms, when the grant is to be made: most keys are about those alone.
    fn new_terms(self) -> Option<&'a GrantTerms> {
        match self {
            Self::New(terms, _) => Some(terms),
            Self::Retiring(_) => None,
        }
    }
}

static NO_CONTEXT: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Asked<'a> {
    /// Encryption or decryption with `algorithm`. An encryption context belongs to the symmetric one alone.
    pub(crate) fn encryption(
        algorithm: EncryptionAlgorithmSpec,
        context: Option<&'a BTreeMap<String, String>>,
    ) -> Self {
        let is_symmetric = algorithm == EncryptionAlgorithmSpec::SymmetricDefault;
        Self {
            encryption_context: is_symmetric.then(|| context.unwrap_or(&NO_CONTEXT)),
            encryption_algorithm: Some(algorithm),
            ..Self::default()
        }
    }

    /// The grant to be made, as the engine compares it with others.
    pub(crate) fn proposed_grant(&self) -> Option<&'a ProposedGrant> {
        match self.grant? {
            AskedGrant::New(_, proposed) => Some(proposed),
            AskedGrant::Retiring(_) => None,
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A key, and the aliases that point to it.
    Key(&'a KeyRecord, &'a [AliasName]),
    /// A key that is to be made.
    NewKey(NewKey),
    /// Something else that the account owns.
    Other(AccountId),
}

/// What policies can ask about a key that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewKey {
    pub(crate) account: AccountId,
    pub(crate) spec: KeySpec,
    pub(crate) usage: KeyUsage,
    pub(crate) origin: Origin,
    pub(crate) multi_region: Option<MultiRegionKeyType>,
}

impl Subject<'_> {
    fn account(&self) -> AccountId {
        match self {
            Self::Key(record, _) => record.arn.account,
            Self::NewKey(key) => key.account,
            Self::Other(account) => *account,
        }
    }

    /// The properties of the key, whether it is there or is to be made.
    fn key(&self) -> Option<NewKey> {
        match self {
            Self::Key(record, _) => Some(NewKey {
                account: record.arn.account,
                spec: record.spec,
                usage: record.usage,
                origin: record.origin,
                multi_region: record.multi_region.as_ref().map(|family| family.kind),
            }),
            Self::NewKey(key) => Some(*key),
            Self::Other(_) => None,
        }
    }
}

/// The condition values of one request for one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) op: OpName,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) circumstances: Circumstances<'a>,
    pub(crate) asked: &'a Asked<'a>,
    pub(crate) subject: Subject<'a>,
}

impl Values<'_> {
    fn encryption_contexts(&self) -> [Option<&BTreeMap<String, String>>; 3] {
        let constraints = self.asked.grant.map(|grant| &grant.terms().constraints);
        [
            self.asked.encryption_context,
            constraints.and_then(|constraints| constraints.encryption_context_equals.as_ref()),
            constraints.and_then(|constraints| constraints.encryption_context_subset.as_ref()),
        ]
    }

    /// Whether the operation can be about a grant for a service of AWS's own. None calls here.
    fn can_be_for_aws_resource(&self) -> bool {
        facts(self.op).condition_keys.contains(&"kms:GrantIsForAWSResource")
    }

    fn each_tag_key(&self, each: &mut dyn FnMut(Value<'_>)) {
        self.asked.tags.iter().for_each(|tag| each(Value::Text(&tag.key)));
        self.asked.tag_keys.iter().for_each(|key| each(Value::Text(key)));
    }

    fn each_constraint_type(&self, each: &mut dyn FnMut(Value<'_>)) {
        let Some(grant) = self.asked.grant else { return };
        let constraints = &grant.terms().constraints;
        if constraints.encryption_context_equals.is_some() {
            each(Value::Text("EncryptionContextEquals"));
        }
        if constraints.encryption_context_subset.is_some() {
            each(Value::Text("EncryptionContextSubset"));
        }
    }

    /// The one value of a key that has one at most.
    fn single(&self, key: ConditionKey) -> Option<Value<'_>> {
        use ConditionKey as K;
        let asked = self.asked;
        let new_grant = asked.grant.and_then(AskedGrant::new_terms);
        let of_key = self.subject.key();
        match key {
            K::AwsCurrentTime | K::AwsEpochTime => Some(Value::Date(self.now)),
            K::AwsReferer => self.circumstances.referer.map(Value::Text),
            K::AwsRequestedRegion => Some(Value::Text(self.region.as_str())),
            K::AwsSecureTransport => Some(Value::Bool(self.circumstances.is_secure)),
            K::AwsSourceIp => Some(Value::Ip(self.circumstances.peer)),
            K::AwsUserAgent => self.circumstances.user_agent.map(Value::Text),
            K::AwsViaAwsService => Some(Value::Bool(false)),

            K::KmsBypassPolicyLockoutSafetyCheck => asked.bypass_policy_lockout_safety_check.map(Value::Bool),
            K::KmsDataKeyPairSpec => asked.data_key_pair_spec.map(|spec| Value::Text(spec.as_str())),
            K::KmsEncryptionAlgorithm => asked.encryption_algorithm.map(|algorithm| Value::Text(algorithm.as_str())),
            K::KmsGrantConstraintSourceArn => new_grant?.constraints.source_arn.as_deref().map(Value::Text),
            K::KmsGrantIsForAwsResource => self.can_be_for_aws_resource().then_some(Value::Bool(false)),
            K::KmsGranteePrincipal => principal(Some(&new_grant?.grantee)),
            K::KmsGranteeServicePrincipal => service(Some(&new_grant?.grantee)),
            K::KmsKeyAgreementAlgorithm => {
                asked.key_agreement_algorithm.map(|algorithm| Value::Text(algorithm.as_str()))
            }
            K::KmsKeyOrigin => of_key.map(|key| Value::Text(key.origin.as_str())),
            K::KmsKeySpec | K::KmsCustomerMasterKeySpec => of_key.map(|key| Value::Text(key.spec.as_str())),
            K::KmsKeyUsage | K::KmsCustomerMasterKeyUsage => of_key.map(|key| Value::Text(key.usage.as_str())),
            K::KmsMacAlgorithm => asked.mac_algorithm.map(|algorithm| Value::Text(algorithm.as_str())),
            K::KmsMessageType => asked.message_type.map(|kind| Value::Text(kind.as_str())),
            K::KmsMultiRegion => of_key.map(|key| Value::Bool(key.multi_region.is_some())),
            K::KmsMultiRegionKeyType => of_key?.multi_region.map(|kind| Value::Text(kind.as_str())),
            K::KmsPrimaryRegion => asked.primary_region.as_ref().map(|region| Value::Text(region.as_str())),
            K::KmsReplicaRegion => asked.replica_region.as_ref().map(|region| Value::Text(region.as_str())),
            K::KmsPolicyName => asked.policy_name.map(Value::Text),
            K::KmsReEncryptOnSameKey => asked.re_encrypt_on_same_key.map(Value::Bool),
            K::KmsRequestAlias => asked.request_alias.map(|alias| Value::Text(alias.as_str())),
            K::KmsRetiringPrincipal => principal(new_grant?.retiring.as_ref()),
            K::KmsRetiringServicePrincipal => service(new_grant?.retiring.as_ref()),
            K::KmsScheduleKeyDeletionPendingWindowInDays => {
                asked.pending_window_in_days.map(|days| Value::Number(days.into()))
            }
            K::KmsSigningAlgorithm => asked.signing_algorithm.map(Value::Text),
            K::KmsExpirationModel => asked.expiration_model.map(|model| Value::Text(model.as_str())),
            K::KmsRotationPeriodInDays => asked.rotation_period_in_days.map(|days| Value::Number(days.into())),
            K::KmsValidTo => asked.valid_to.map(Value::Date),
            K::KmsTrailingDaysWithoutKeyUsage => asked.days_without_key_usage.map(Value::Number),
            K::KmsWrappingAlgorithm => asked.wrapping_algorithm.map(|algorithm| Value::Text(algorithm.as_str())),
            K::KmsWrappingKeySpec => asked.wrapping_key_spec.map(|spec| Value::Text(spec.as_str())),

            // Those with several values, and families.
            K::AwsRequestTag
            | K::AwsResourceTag
            | K::AwsTagKeys
            | K::AwsResourceAccount
            | K::KmsEncryptionContext
            | K::KmsEncryptionContextKeys
            | K::KmsGrantConstraintType
            | K::KmsGrantOperations
            | K::KmsResourceAliases => None,

            // No service calls here on behalf of somebody, and there are no VPCs.
            K::AwsCalledVia
            | K::AwsCalledViaFirst
            | K::AwsCalledViaLast
            | K::AwsSourceAccount
            | K::AwsSourceArn
            | K::AwsSourceVpc
            | K::AwsSourceVpce
            | K::AwsVpcSourceIp
            | K::KmsViaService => None,

            // Parameters of operations that this service does not offer.
            K::KmsRecipientAttestationImageSha384
            | K::KmsRecipientAttestationNitroTpmPcr
            | K::KmsRecipientAttestationPcr
            | K::StsDurationSeconds
            | K::StsExternalId
            | K::StsRoleSessionName
            | K::StsSourceIdentity
            | K::StsTransitiveTagKeys
            | K::IamAwsServiceName
            | K::IamPassedToService
            | K::IamPermissionsBoundary
            | K::IamPolicyArn
            | K::IamResourceTag => None,

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
            | K::KmsCallerAccount
            | K::Unlisted => None,
        }
    }
}

impl RequestContext for Values<'_> {
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        if let Some(value) = self.single(key) {
            each(value);
            return;
        }
        if key == ConditionKey::AwsRequestTag {
            values_in_any_case(&Tags(self.asked.tags), rest, each);
        } else if key == ConditionKey::AwsResourceTag {
            if let Subject::Key(record, _) = self.subject {
                values_in_any_case(&Tags(&record.tags), rest, each);
            }
        } else if key == ConditionKey::AwsResourceAccount {
            each(Value::Text(self.subject.account().as_str()));
        } else if key == ConditionKey::AwsTagKeys {
            self.each_tag_key(each);
        } else if key == ConditionKey::KmsGrantConstraintType {
            self.each_constraint_type(each);
        } else if key == ConditionKey::KmsGrantOperations {
            let terms = self.asked.grant.and_then(AskedGrant::new_terms);
            let operations = terms.map_or(&[][..], |terms| &terms.operations);
            operations.iter().for_each(|operation| each(Value::Text(operation.as_str())));
        } else if key == ConditionKey::KmsResourceAliases
            && let Subject::Key(_, aliases) = self.subject
        {
            aliases.iter().for_each(|alias| each(Value::Text(alias.as_str())));
        }
        for context in self.encryption_contexts().into_iter().flatten() {
            encryption_context_values(context, key, rest, each);
        }
    }

    fn encryption_context(&self) -> Option<&dyn Pairs> {
        self.asked.encryption_context.map(|context| context as &dyn Pairs)
    }
}

/// Condition keys that have no value in any request to this service, and why. Those of callers have theirs from the caller.
pub(crate) fn reason_for_absence(key: ConditionKey) -> Option<&'static str> {
    let name = key.facts().name;
    let behind = ["aws:CalledVia", "aws:SourceAccount", "aws:SourceArn", "kms:ViaService"];
    let network = ["aws:SourceVpc", "aws:VpcSourceIp"];
    let is_one_of = |names: &[&str]| names.iter().any(|own| name.starts_with(own));
    match () {
        () if is_one_of(&behind) => Some("no service calls on behalf of another"),
        () if is_one_of(&network) => Some("there are no VPCs"),
        () if is_one_of(&["kms:RecipientAttestation:"]) => Some("no attestation documents are read"),
        () if is_one_of(&["sts:", "iam:"]) => Some("of requests to IAM and STS"),
        () => None,
    }
}

fn principal(party: Option<&GrantParty>) -> Option<Value<'_>> {
    match party? {
        GrantParty::Principal(arn) => Some(Value::Text(arn)),
        GrantParty::Service(_) => None,
    }
}

fn service(party: Option<&GrantParty>) -> Option<Value<'_>> {
    match party? {
        GrantParty::Service(name) => Some(Value::Text(name)),
        GrantParty::Principal(_) => None,
    }
}

/// Tags as pairs.
pub(crate) struct Tags<'a>(pub(crate) &'a [Tag]);

impl Pairs for Tags<'_> {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.0.iter().for_each(|tag| each(&tag.key, &tag.value));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use strongroom_authz::condition::keys::Source;
    use strongroom_core::generated::{GrantOperation, KeyState};
    use strongroom_core::grant::GrantConstraints;
    use strongroom_core::key::MultiRegion;

    use super::*;

    fn context() -> BTreeMap<String, String> {
        [("Team".to_owned(), "a".to_owned()), ("x".to_owned(), "y".to_owned())].into()
    }

    fn terms(services: bool) -> GrantTerms {
        let party = |name: &str| match services {
            true => GrantParty::Service(format!("{name}.amazonaws.com")),
            false => GrantParty::Principal(format!("arn:aws:iam::111122223333:user/{name}")),
        };
        GrantTerms {
            name: None,
            grantee: party("s3"),
            retiring: Some(party("ec2")),
            operations: vec![GrantOperation::Decrypt, GrantOperation::Encrypt],
            constraints: GrantConstraints {
                encryption_context_equals: None,
                encryption_context_subset: Some(context()),
                source_arn: Some("arn:aws:s3:us-east-1:111122223333:bucket".into()),
            },
        }
    }

    fn key_record() -> KeyRecord {
        let region: Region = "us-east-1".parse().expect("a Region");
        KeyRecord {
            arn: "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab".parse().expect("an ARN"),
            creation_date: Timestamp::from_millis(0),
            description: String::new(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            state: KeyState::Enabled,
            deletion_date: None,
            multi_region: Some(MultiRegion {
                kind: MultiRegionKeyType::Primary,
                primary: region,
                replicas: Vec::new(),
                deletion_window_days: None,
            }),
            policy: "{}".into(),
            policy_principals: Vec::new(),
            tags: vec![Tag { key: "Team".into(), value: "blue".into() }],
            materials: Vec::new(),
            pending_material: None,
            rotation: strongroom_core::key::RotationState::default(),
            scheduled: None,
        }
    }

    /// What a policy sees of a request in which everything was asked that an offered operation can be asked.
    fn seen(key: ConditionKey, rest: &str, terms: &GrantTerms) -> Vec<String> {
        let (record, context) = (key_record(), context());
        let aliases: Vec<AliasName> = ["alias/a", "alias/b"].map(|alias| alias.parse().expect("an alias")).into();
        let proposed = crate::keys::proposed(terms);
        let tags = [Tag { key: "Cost".into(), value: "7".into() }];
        let asked = Asked {
            signing_algorithm: Some("ECDSA_SHA_256"),
            message_type: Some(MessageType::Raw),
            mac_algorithm: Some(MacAlgorithmSpec::HmacSha256),
            key_agreement_algorithm: Some(KeyAgreementAlgorithmSpec::Ecdh),
            data_key_pair_spec: Some(DataKeyPairSpec::Rsa2048),
            re_encrypt_on_same_key: Some(true),
            request_alias: Some(&aliases[0]),
            policy_name: Some("default"),
            bypass_policy_lockout_safety_check: Some(false),
            pending_window_in_days: Some(7),
            rotation_period_in_days: Some(90),
            wrapping_algorithm: Some(AlgorithmSpec::RsaAesKeyWrapSha256),
            wrapping_key_spec: Some(WrappingKeySpec::Rsa4096),
            expiration_model: Some(ExpirationModelType::KeyMaterialExpires),
            valid_to: Some(Timestamp::from_millis(2_000)),
            replica_region: Some(record.arn.region),
            primary_region: Some(record.arn.region),
            tags: &tags,
            days_without_key_usage: Some(90),
            grant: Some(AskedGrant::New(terms, &proposed)),
            ..Asked::encryption(EncryptionAlgorithmSpec::SymmetricDefault, Some(&context))
        };
        let values = Values {
            op: OpName::CreateGrant,
            region: record.arn.region,
            now: Timestamp::from_millis(1_000),
            circumstances: Circumstances {
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
                is_secure: true,
                user_agent: Some("agent"),
                referer: Some("referer"),
                tls: None,
                host: None,
                access_key_id: None,
            },
            asked: &asked,
            subject: Subject::Key(&record, &aliases),
        };
        let mut seen = Vec::new();
        values.values(key, rest, &mut |value| seen.push(format!("{value:?}")));
        seen
    }

    #[test]
    fn every_condition_key_has_a_value_or_a_reason_to_have_none() {
        let mut with_value = 0;
        for key in ConditionKey::ALL {
            if matches!(key.facts().source, Source::Caller(_)) {
                continue;
            }
            // A member of the families that there is.
            let rest = if *key == ConditionKey::AwsRequestTag {
                "cost"
            } else if [ConditionKey::AwsResourceTag, ConditionKey::KmsEncryptionContext].contains(key) {
                "team"
            } else {
                ""
            };
            let found = [false, true].iter().any(|services| !seen(*key, rest, &terms(*services)).is_empty());
            assert_eq!(found, reason_for_absence(*key).is_none(), "{}", key.facts().name);
            with_value += usize::from(found);
        }
        assert_eq!(with_value, 49);
    }

    #[test]
    fn values_are_those_of_request_and_key() {
        let principals = &terms(false);
        let check = |key: ConditionKey, rest: &str, expect: &[&str]| {
            let expect: Vec<_> = expect.iter().map(|text| format!("{:?}", Value::Text(text))).collect();
            assert_eq!(seen(key, rest, principals), expect, "{}{rest}", key.facts().name);
        };
        check(ConditionKey::AwsResourceTag, "TEAM", &["blue"]);
        check(ConditionKey::AwsResourceTag, "Cost", &[]);
        check(ConditionKey::AwsRequestTag, "cost", &["7"]);
        check(ConditionKey::AwsTagKeys, "", &["Cost"]);
        check(ConditionKey::AwsResourceAccount, "", &["111122223333"]);
        check(ConditionKey::KmsResourceAliases, "", &["alias/a", "alias/b"]);
        check(ConditionKey::KmsRequestAlias, "", &["alias/a"]);
        check(ConditionKey::KmsMultiRegionKeyType, "", &["PRIMARY"]);
        check(ConditionKey::KmsGrantOperations, "", &["Decrypt", "Encrypt"]);
        check(ConditionKey::KmsGranteeServicePrincipal, "", &[]);
        check(ConditionKey::KmsGranteePrincipal, "", &["arn:aws:iam::111122223333:user/s3"]);
        check(ConditionKey::KmsGrantConstraintType, "", &["EncryptionContextSubset"]);
    }

    /// What is asked of a key that is to be made comes from the request.
    #[test]
    fn a_new_key_has_its_properties_before_it_is_there() {
        let account: AccountId = "111122223333".parse().expect("an account");
        let subject = Subject::NewKey(NewKey {
            account,
            spec: KeySpec::Hmac256,
            usage: KeyUsage::GenerateVerifyMac,
            origin: Origin::AwsKms,
            multi_region: None,
        });
        let asked = Asked::default();
        let values = Values {
            op: OpName::CreateKey,
            region: "us-east-1".parse().expect("a Region"),
            now: Timestamp::from_millis(0),
            circumstances: Circumstances {
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
                is_secure: false,
                user_agent: None,
                referer: None,
                tls: None,
                host: None,
                access_key_id: None,
            },
            asked: &asked,
            subject,
        };
        let check = |key: ConditionKey, expect: &[Value<'_>]| {
            let mut seen = Vec::new();
            values.values(key, "", &mut |value| seen.push(format!("{value:?}")));
            assert_eq!(seen, expect.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>(), "{key:?}");
        };
        check(ConditionKey::KmsKeySpec, &[Value::Text("HMAC_256")]);
        check(ConditionKey::KmsCustomerMasterKeyUsage, &[Value::Text("GENERATE_VERIFY_MAC")]);
        check(ConditionKey::KmsMultiRegion, &[Value::Bool(false)]);
        check(ConditionKey::KmsMultiRegionKeyType, &[]);
        check(ConditionKey::KmsGrantIsForAwsResource, &[]);
        check(ConditionKey::AwsUserAgent, &[]);
    }
}
