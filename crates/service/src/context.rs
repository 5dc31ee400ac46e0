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
    DataKeyPairSpec, EncryptionAlgorithmSpec, KeyAgreementAlgorithmSpec, KeySpec, KeyUsage, MacAlgorithmSpec,
    MessageType, MultiRegionKeyType, OpName, Origin,
};
use strongroom_core::grant::{GrantParty, GrantTerms};
use strongroom_core::ids::{AccountId, AliasName, Region};
use strongroom_core::key::{KeyRecord, Tag};
use strongroom_core::world::Timestamp;
use strongroom_wire::kms::facts;

/// How a request arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// Who is at the other end of the connection.
    pub(crate) peer: IpAddr,
    /// Whether the connection is TLS.
    pub(crate) is_secure: bool,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) referer: Option<&'a str>,
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
    /// Tags to be set.
    pub(crate) tags: &'a [Tag],
    /// Keys of tags to be removed.
    pub(crate) tag_keys: &'a [String],
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
            K::KmsPolicyName => asked.policy_name.map(Value::Text),
            K::KmsReEncryptOnSameKey => asked.re_encrypt_on_same_key.map(Value::Bool),
            K::KmsRequestAlias => asked.request_alias.map(|alias| Value::Text(alias.as_str())),
            K::KmsRetiringPrincipal => principal(new_grant?.retiring.as_ref()),
            K::KmsRetiringServicePrincipal => service(new_grant?.retiring.as_ref()),
            K::KmsScheduleKeyDeletionPendingWindowInDays => {
                asked.pending_window_in_days.map(|days| Value::Number(days.into()))
            }
            K::KmsSigningAlgorithm => asked.signing_algorithm.map(Value::Text),

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
            K::KmsExpirationModel
            | K::KmsPrimaryRegion
            | K::KmsRecipientAttestationImageSha384
            | K::KmsRecipientAttestationNitroTpmPcr
            | K::KmsRecipientAttestationPcr
            | K::KmsReplicaRegion
            | K::KmsRotationPeriodInDays
            | K::KmsTrailingDaysWithoutKeyUsage
            | K::KmsValidTo
            | K::KmsWrappingAlgorithm
            | K::KmsWrappingKeySpec
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
struct Tags<'a>(&'a [Tag]);

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
