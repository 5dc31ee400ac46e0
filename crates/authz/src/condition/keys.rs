//! The condition keys: the one list of them, with the type of each, and where its value comes from.
//!
//! # Invariants
//! - Names compare without regard to case, the part after a family's prefix included.
//! - A key that is not in the list is [`ConditionKey::Unlisted`]; the request may still have a value for it (claims of web
//!   identity tokens), and mostly has none.
//!
//! # Not here
//! The values. [`RequestContext`](crate::context::RequestContext) has those of requests, operations and resources;
//! [`Caller`](crate::caller::Caller) those of callers.

use std::fmt;

/// What values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Text.
    String,
    /// Text in the form of an ARN.
    Arn,
    /// A number.
    Numeric,
    /// A moment.
    Date,
    /// `true` or `false`.
    Bool,
    /// An IP address.
    Ip,
}

/// What the engine reads of a caller and its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerFact {
    /// The account's digits.
    Account,
    /// The ARN of the user, the role, the root.
    Arn,
    /// The identity provider behind the session.
    FederatedProvider,
    /// Whether it is a service.
    IsService,
    /// Seconds since the second factor was proved.
    MfaAge,
    /// Whether the session has a second factor.
    MfaPresent,
    /// The name of the service that it is.
    ServiceName,
    /// What AssumeRole was told in SourceIdentity.
    SourceIdentity,
    /// A tag.
    Tag,
    /// When its credentials were issued.
    TokenIssueTime,
    /// What kind of principal it is.
    Type,
    /// Its unique id.
    UserId,
    /// The name of a user.
    Username,
}

/// Where the value of a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The caller and its session.
    Caller(CallerFact),
    /// How the request arrived: address, time, transport, services in between.
    Request,
    /// What the operation was asked to do.
    Operation,
    /// The key or other resource.
    Resource,
}

/// Whether a key can have more than one value in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// At most one.
    Single,
    /// Any number; conditions need `ForAnyValue:` or `ForAllValues:`.
    Multiple,
}

/// In which policies a key has its value; elsewhere it is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In all.
    Everywhere,
    /// In policies of identities alone (behaviours 7.6 and 7.7).
    IdentityPolicies,
}

/// One row of the list.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts {
    /// The name; for a family of keys the prefix, which ends with `/` or `:`.
    pub name: &'static str,
    /// What its values are.
    pub value_type: KeyType,
    /// How many values it can have.
    pub cardinality: Cardinality,
    /// Where they come from.
    pub source: Source,
    /// Where it has them.
    pub reach: Reach,
}

macro_rules! condition_keys {
    ($( $variant:ident $name:literal $type:ident $cardinality:ident $source:ident $(($fact:ident))? $reach:ident; )+) => {
        /// A condition key or a family of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ConditionKey {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )+
            /// A key that is not in the list; its name is kept whole.
            Unlisted,
        }

        impl ConditionKey {
            /// Every key of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The row of the list.
            pub const fn facts(self) -> KeyFacts {
                match self {
                    $(Self::$variant => KeyFacts {
                        name: $name,
                        value_type: KeyType::$type,
                        cardinality: Cardinality::$cardinality,
                        source: Source::$source $((CallerFact::$fact))?,
                        reach: Reach::$reach,
                    },)+
                    Self::Unlisted => KeyFacts {
                        name: "",
                        value_type: KeyType::String,
                        cardinality: Cardinality::Single,
                        source: Source::Request,
                        reach: Reach::Everywhere,
                    },
                }
            }
        }
    };
}

condition_keys! {
    // AWS's global keys.
    AwsCalledVia "aws:CalledVia" String Multiple Request Everywhere;
    AwsCalledViaFirst "aws:CalledViaFirst" String Single Request Everywhere;
    AwsCalledViaLast "aws:CalledViaLast" String Single Request Everywhere;
    AwsCurrentTime "aws:CurrentTime" Date Single Request Everywhere;
    AwsEpochTime "aws:EpochTime" Date Single Request Everywhere;
    AwsFederatedProvider "aws:FederatedProvider" Arn Single Caller(FederatedProvider) Everywhere;
    AwsMultiFactorAuthAge "aws:MultiFactorAuthAge" Numeric Single Caller(MfaAge) Everywhere;
    AwsMultiFactorAuthPresent "aws:MultiFactorAuthPresent" Bool Single Caller(MfaPresent) Everywhere;
    AwsPrincipalAccount "aws:PrincipalAccount" String Single Caller(Account) Everywhere;
    AwsPrincipalArn "aws:PrincipalArn" Arn Single Caller(Arn) Everywhere;
    AwsPrincipalIsAwsService "aws:PrincipalIsAWSService" Bool Single Caller(IsService) Everywhere;
    AwsPrincipalServiceName "aws:PrincipalServiceName" String Single Caller(ServiceName) Everywhere;
    AwsPrincipalServiceNamesList "aws:PrincipalServiceNamesList" String Multiple Caller(ServiceName) Everywhere;
    AwsPrincipalTag "aws:PrincipalTag/" String Single Caller(Tag) Everywhere;
    AwsPrincipalType "aws:PrincipalType" String Single Caller(Type) Everywhere;
    AwsReferer "aws:Referer" String Single Request Everywhere;
    AwsRequestTag "aws:RequestTag/" String Single Operation Everywhere;
    AwsRequestedRegion "aws:RequestedRegion" String Single Request Everywhere;
    AwsResourceAccount "aws:ResourceAccount" String Single Resource Everywhere;
    AwsResourceTag "aws:ResourceTag/" String Single Resource IdentityPolicies;
    AwsSecureTransport "aws:SecureTransport" Bool Single Request Everywhere;
    AwsSourceAccount "aws:SourceAccount" String Single Request Everywhere;
    AwsSourceArn "aws:SourceArn" Arn Single Request Everywhere;
    AwsSourceIdentity "aws:SourceIdentity" String Single Caller(SourceIdentity) Everywhere;
    AwsSourceIp "aws:SourceIp" Ip Single Request Everywhere;
    AwsSourceVpc "aws:SourceVpc" String Single Request Everywhere;
    AwsSourceVpce "aws:SourceVpce" String Single Request Everywhere;
    AwsTagKeys "aws:TagKeys" String Multiple Operation Everywhere;
    AwsTokenIssueTime "aws:TokenIssueTime" Date Single Caller(TokenIssueTime) Everywhere;
    AwsUserAgent "aws:UserAgent" String Single Request Everywhere;
    AwsUserid "aws:userid" String Single Caller(UserId) Everywhere;
    AwsUsername "aws:username" String Single Caller(Username) Everywhere;
    AwsViaAwsService "aws:ViaAWSService" Bool Single Request Everywhere;
    AwsVpcSourceIp "aws:VpcSourceIp" Ip Single Request Everywhere;

    // Those of KMS (behaviours 7.6).
    KmsBypassPolicyLockoutSafetyCheck "kms:BypassPolicyLockoutSafetyCheck" Bool Single Operation Everywhere;
    KmsCallerAccount "kms:CallerAccount" String Single Caller(Account) Everywhere;
    KmsCustomerMasterKeySpec "kms:CustomerMasterKeySpec" String Single Resource Everywhere;
    KmsCustomerMasterKeyUsage "kms:CustomerMasterKeyUsage" String Single Resource Everywhere;
    KmsDataKeyPairSpec "kms:DataKeyPairSpec" String Single Operation Everywhere;
    KmsEncryptionAlgorithm "kms:EncryptionAlgorithm" String Single Operation Everywhere;
    KmsEncryptionContext "kms:EncryptionContext:" String Single Operation Everywhere;
    KmsEncryptionContextKeys "kms:EncryptionContextKeys" String Multiple Operation Everywhere;
    KmsExpirationModel "kms:ExpirationModel" String Single Operation Everywhere;
    KmsGrantConstraintSourceArn "kms:GrantConstraintSourceArn" Arn Single Operation Everywhere;
    KmsGrantConstraintType "kms:GrantConstraintType" String Single Operation Everywhere;
    KmsGrantIsForAwsResource "kms:GrantIsForAWSResource" Bool Single Operation Everywhere;
    KmsGrantOperations "kms:GrantOperations" String Multiple Operation Everywhere;
    KmsGranteePrincipal "kms:GranteePrincipal" String Single Operation Everywhere;
    KmsGranteeServicePrincipal "kms:GranteeServicePrincipal" String Single Operation Everywhere;
    KmsKeyAgreementAlgorithm "kms:KeyAgreementAlgorithm" String Single Operation Everywhere;
    KmsKeyOrigin "kms:KeyOrigin" String Single Resource Everywhere;
    KmsKeySpec "kms:KeySpec" String Single Resource Everywhere;
    KmsKeyUsage "kms:KeyUsage" String Single Resource Everywhere;
    KmsMacAlgorithm "kms:MacAlgorithm" String Single Operation Everywhere;
    KmsMessageType "kms:MessageType" String Single Operation Everywhere;
    KmsMultiRegion "kms:MultiRegion" Bool Single Resource Everywhere;
    KmsMultiRegionKeyType "kms:MultiRegionKeyType" String Single Resource Everywhere;
    KmsPolicyName "kms:PolicyName" String Single Operation Everywhere;
    KmsPrimaryRegion "kms:PrimaryRegion" String Single Operation Everywhere;
    KmsReEncryptOnSameKey "kms:ReEncryptOnSameKey" Bool Single Operation Everywhere;
    KmsRecipientAttestationImageSha384 "kms:RecipientAttestation:ImageSha384" String Single Operation Everywhere;
    KmsRecipientAttestationNitroTpmPcr "kms:RecipientAttestation:NitroTPMPCR" String Single Operation Everywhere;
    KmsRecipientAttestationPcr "kms:RecipientAttestation:PCR" String Single Operation Everywhere;
    KmsReplicaRegion "kms:ReplicaRegion" String Single Operation Everywhere;
    KmsRequestAlias "kms:RequestAlias" String Single Operation Everywhere;
    KmsResourceAliases "kms:ResourceAliases" String Multiple Resource IdentityPolicies;
    KmsRetiringPrincipal "kms:RetiringPrincipal" String Single Operation Everywhere;
    KmsRetiringServicePrincipal "kms:RetiringServicePrincipal" String Single Operation Everywhere;
    KmsRotationPeriodInDays "kms:RotationPeriodInDays" Numeric Single Operation Everywhere;
    KmsScheduleKeyDeletionPendingWindowInDays "kms:ScheduleKeyDeletionPendingWindowInDays" Numeric Single Operation Everywhere;
    KmsSigningAlgorithm "kms:SigningAlgorithm" String Single Operation Everywhere;
    KmsTrailingDaysWithoutKeyUsage "kms:TrailingDaysWithoutKeyUsage" Numeric Single Resource Everywhere;
    KmsValidTo "kms:ValidTo" Date Single Operation Everywhere;
    KmsViaService "kms:ViaService" String Single Request Everywhere;
    KmsWrappingAlgorithm "kms:WrappingAlgorithm" String Single Operation Everywhere;
    KmsWrappingKeySpec "kms:WrappingKeySpec" String Single Operation Everywhere;

    // Those of STS and IAM.
    StsDurationSeconds "sts:DurationSeconds" Numeric Single Operation Everywhere;
    StsExternalId "sts:ExternalId" String Single Operation Everywhere;
    StsRoleSessionName "sts:RoleSessionName" String Single Operation Everywhere;
    StsSourceIdentity "sts:SourceIdentity" String Single Operation Everywhere;
    StsTransitiveTagKeys "sts:TransitiveTagKeys" String Multiple Operation Everywhere;
    IamAwsServiceName "iam:AWSServiceName" String Single Operation Everywhere;
    IamPassedToService "iam:PassedToService" String Single Operation Everywhere;
    IamPermissionsBoundary "iam:PermissionsBoundary" Arn Single Operation Everywhere;
    IamPolicyArn "iam:PolicyARN" Arn Single Operation Everywhere;
    IamResourceTag "iam:ResourceTag/" String Single Resource IdentityPolicies;
}

/// How the members of a key are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It has no members.
    Exact,
    /// By any text after the prefix.
    Family,
    /// By a number after the prefix.
    Numbered,
}

impl ConditionKey {
    /// Whether it is a family, whose members are told apart by what follows the prefix.
    pub fn is_family(self) -> bool {
        self.form() != Form::Exact
    }

    fn form(self) -> Form {
        if matches!(self, Self::KmsRecipientAttestationNitroTpmPcr | Self::KmsRecipientAttestationPcr) {
            Form::Numbered
        } else if self.facts().name.ends_with(['/', ':']) {
            Form::Family
        } else {
            Form::Exact
        }
    }
}

/// A condition key as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName {
    key: ConditionKey,
    /// What follows a family's prefix; the whole name of an unlisted key; empty for the others.
    rest: Box<str>,
}

impl KeyName {
    /// The key that `name` means; `None` when no key can be called so.
    pub fn parse(name: &str) -> Option<Self> {
        let (vendor, own) = name.split_once(':')?;
        if vendor.is_empty() || own.is_empty() || name.contains(['$', '{', '}', '*', '?']) {
            return None;
        }
        let listed = ConditionKey::ALL.iter().find_map(|key| Some((*key, key.rest_of(name)?)));
        let (key, rest) = listed.unwrap_or((ConditionKey::Unlisted, name));
        Some(Self { key, rest: rest.into() })
    }

    /// Whether both name one key.
    pub fn means_the_same(&self, other: &Self) -> bool {
        self.key == other.key && self.rest.eq_ignore_ascii_case(&other.rest)
    }

    /// The key or its family.
    pub fn key(&self) -> ConditionKey {
        self.key
    }

    /// What follows a family's prefix (compare it without regard to case); the whole name of an unlisted key.
    pub fn rest(&self) -> &str {
        &self.rest
    }
}

impl ConditionKey {
    /// What follows this key's name in `name`, when `name` is this key or a member of this family.
    fn rest_of(self, name: &str) -> Option<&str> {
        let own = self.facts().name;
        let head = name.as_bytes().get(..own.len())?;
        if !head.eq_ignore_ascii_case(own.as_bytes()) {
            return None;
        }
        // The names are ASCII, so the cut falls between characters.
        let rest = name.get(own.len()..)?;
        let fits = match self.form() {
            Form::Exact => rest.is_empty(),
            Form::Family => !rest.is_empty(),
            Form::Numbered => (1..=2).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()),
        };
        fits.then_some(rest)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.key.facts().name, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        check("aws:PrincipalArn", Some((ConditionKey::AwsPrincipalArn, "")));
        check("AWS:principalarn", Some((ConditionKey::AwsPrincipalArn, "")));
        check("aws:PrincipalTag/Team", Some((ConditionKey::AwsPrincipalTag, "Team")));
        check("aws:PrincipalTag/", Some((ConditionKey::Unlisted, "aws:PrincipalTag/")));
        check("kms:EncryptionContext:aws:ebs:id", Some((ConditionKey::KmsEncryptionContext, "aws:ebs:id")));
        check("kms:EncryptionContextKeys", Some((ConditionKey::KmsEncryptionContextKeys, "")));
        check("kms:RecipientAttestation:PCR8", Some((ConditionKey::KmsRecipientAttestationPcr, "8")));
        check("kms:RecipientAttestation:PCRx", Some((ConditionKey::Unlisted, "kms:RecipientAttestation:PCRx")));
        check("kms:RecipientAttestation:NitroTPMPCR4", Some((ConditionKey::KmsRecipientAttestationNitroTpmPcr, "4")));
        check("accounts.google.com:aud", Some((ConditionKey::Unlisted, "accounts.google.com:aud")));
        check("PrincipalArn", None);
        check(":x", None);
        check("aws:", None);
        check("aws:${aws:userid}", None);

        #[track_caller]
        fn check(name: &str, expect: Option<(ConditionKey, &str)>) {
            let got = KeyName::parse(name);
            assert_eq!(got.as_ref().map(|name| (name.key(), name.rest())), expect);
        }
    }

    #[test]
    fn every_listed_name_means_itself() {
        for key in ConditionKey::ALL {
            let member = if key.is_family() { "7" } else { "" };
            let name = KeyName::parse(&format!("{}{member}", key.facts().name)).expect("a listed key");
            assert_eq!((name.key(), name.rest()), (*key, member));
        }
    }
}
