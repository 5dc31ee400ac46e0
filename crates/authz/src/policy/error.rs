//! Why a policy document is refused. The texts are for the caller.

use crate::policy::MAX_STATEMENTS;
use crate::policy::json::MAX_DEPTH;

/// Why a policy cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is longer than its kind may be. KMS answers LimitExceededException, IAM LimitExceeded.
    #[error("The policy has {bytes} bytes; the limit is {limit_bytes} bytes.")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit of its kind.
        limit_bytes: usize,
    },
    /// It is not a policy. KMS answers MalformedPolicyDocumentException, IAM MalformedPolicyDocument.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It has a character that policies may not have, such as U+0000 or one above U+00FF.
    #[error("The policy contains characters that are not allowed.")]
    Characters,
    /// It is not JSON, or it repeats a member.
    #[error("This policy contains invalid Json")]
    NotJson,
    /// It repeats a member of an object.
    #[error("This policy contains invalid Json: the key \"{0}\" occurs more than once")]
    DuplicateKey(Box<str>),
    /// Its arrays and objects are nested too deeply.
    #[error("Syntax errors in policy: more than {MAX_DEPTH} levels of nesting.")]
    TooDeep,
    /// It has too many statements.
    #[error("Syntax errors in policy: more than {MAX_STATEMENTS} statements.")]
    TooManyStatements,
    /// The value of an element has the wrong type, or none at all.
    #[error("Syntax errors in policy: invalid value for {0}.")]
    WrongType(&'static str),
    /// An element that there is not.
    #[error("Syntax errors in policy: unknown element \"{0}\".")]
    UnknownElement(Box<str>),
    /// An element that must be there is not.
    #[error("Missing required field {0}")]
    Missing(&'static str),
    /// An element that this kind of policy cannot have.
    #[error("Has prohibited field {0}")]
    Prohibited(&'static str),
    /// An element and its negation in one statement.
    #[error("Syntax errors in policy: a statement has both {0} and {1}.")]
    Both(&'static str, &'static str),
    /// A list after `NotAction`, `NotResource` or `NotPrincipal` that is empty, and so would mean everything.
    #[error("Syntax errors in policy: {0} must not be empty.")]
    EmptyNegation(&'static str),
    /// A version that there is not.
    #[error("The policy must contain a valid version string")]
    UnknownVersion,
    /// An effect other than Allow and Deny.
    #[error("Invalid effect: {0}")]
    UnknownEffect(Box<str>),
    /// A statement id with characters that this kind of policy does not take.
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    Sid,
    /// Two statements with the same id.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    /// A statement of an identity policy that has no action.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// A statement of an identity policy that has no resource.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// An identity policy with a principal.
    #[error("Policy document should not specify a principal.")]
    PrincipalInIdentityPolicy,
    /// `NotPrincipal` with `Allow`, which would allow everybody else.
    #[error("NotPrincipal is not supported with the Allow effect.")]
    NotPrincipalAllows,
    /// A statement of a key policy without a principal, or with one that names nobody.
    #[error("Policy contains a statement with one or more invalid principals.")]
    KeyPrincipal,
    /// A statement of a trust policy whose principal names nobody.
    #[error("Invalid principal in policy: \"{kind}\":\"{name}\"")]
    TrustPrincipal {
        /// `AWS`, `Service`, `Federated` or `CanonicalUser`.
        kind: &'static str,
        /// What was given.
        name: Box<str>,
    },
    /// An action that is neither `*` nor of the form `service:name`.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    /// An action whose service has characters that no service has.
    #[error("Vendor {0} is not valid")]
    Vendor(Box<str>),
    /// An action of another service in a trust policy.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotAssumeRole,
    /// A resource that is neither `*` nor an ARN.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    Resource(Box<str>),
    /// A condition operator that there is not.
    #[error("Invalid Condition type : {0}.")]
    UnknownOperator(Box<str>),
    /// A value that the operator cannot compare.
    #[error("Invalid value \"{value}\" for the condition type {operator}.")]
    OperandType {
        /// The operator as written.
        operator: Box<str>,
        /// The value as written.
        value: Box<str>,
    },
    /// A policy variable that cannot be read.
    #[error("Invalid policy variable: {0}")]
    Variable(Box<str>),
    /// `ForAllValues` over a key that has one value at most, which fits when there is none (behaviours 7.1).
    #[error(
        "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without \
         the specified {what} or with an unspecified {what}. To fix, remove ForAllValues."
    )]
    OverlyPermissive {
        /// `encryption context` or `tag`.
        what: &'static str,
    },
}
