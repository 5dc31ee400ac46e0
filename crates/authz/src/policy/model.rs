//! A policy document as written, checked against the grammar: what is stored, printed and explained.
//!
//! # Invariant
//! Every text in here passed the rules of its element: principals name somebody, actions have a service, operators exist.

use crate::condition::operators::Operator;
pub use crate::condition::template::Version;

/// What a policy is attached to, which decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// To a key: every statement names principals; resources and actions may be missing.
    Key,
    /// To a user, group or role, as its permissions, its boundary or the policy of its session: no principals.
    Identity,
    /// To a role, saying who may assume it: principals, and no resources.
    Trust,
}

impl PolicyKind {
    /// The longest document of this kind, in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            // Behaviours 7.1.
            Self::Key => 32_768,
            // The API's limit for the member; IAM's quotas count characters without white space and lie below it.
            Self::Identity | Self::Trust => 131_072,
        }
    }
}

/// A whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The language; `None` when the document does not say, which means the older one.
    pub version: Option<Version>,
    /// What the author called it.
    pub id: Option<Box<str>>,
    /// At least one.
    pub statements: Vec<Statement>,
}

impl Document {
    /// The language that holds.
    pub fn language(&self) -> Version {
        self.version.unwrap_or(Version::V2008)
    }

    /// About how much memory this takes, and what is prepared from it: every text is there twice.
    pub(crate) fn weight_bytes(&self) -> usize {
        const OF_A_STATEMENT: usize = 400;
        const OF_A_TEXT: usize = 100;
        let of_texts =
            |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| OF_A_TEXT + 2 * text.len()).sum::<usize>();
        let of_statement = |statement: &Statement| {
            let principals = statement.principals.iter().flat_map(Element::listed).map(|principal| &*principal.name);
            let patterns =
                statement.actions.iter().chain(&statement.resources).flat_map(Element::listed).map(AsRef::as_ref);
            let conditions =
                statement.conditions.iter().flat_map(|own| own.values.iter().map(AsRef::as_ref).chain([&*own.key]));
            OF_A_STATEMENT + of_texts(&mut principals.chain(patterns).chain(conditions))
        };
        OF_A_STATEMENT + self.statements.iter().map(of_statement).sum::<usize>()
    }
}

/// What a statement does when it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever allows.
    Deny,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What the author called it.
    pub sid: Option<Box<str>>,
    /// What it does.
    pub effect: Effect,
    /// For whom; absent from identity policies.
    pub principals: Option<Element<Vec<PrincipalText>>>,
    /// For which actions; a statement of a key policy without has no effect.
    pub actions: Option<Element<Vec<Box<str>>>>,
    /// For which resources; a statement of a key policy without has no effect.
    pub resources: Option<Element<Vec<Box<str>>>>,
    /// When; all must hold.
    pub conditions: Vec<ConditionText>,
}

/// An element or its negation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element<T> {
    /// `Principal`, `Action`, `Resource`.
    Is(T),
    /// `NotPrincipal`, `NotAction`, `NotResource`.
    IsNot(T),
}

impl<T> Element<T> {
    /// What is listed, whichever way it is meant.
    pub fn listed(&self) -> &T {
        match self {
            Self::Is(listed) | Self::IsNot(listed) => listed,
        }
    }

    pub(crate) fn listed_mut(&mut self) -> &mut T {
        match self {
            Self::Is(listed) | Self::IsNot(listed) => listed,
        }
    }
}

/// What kind of name a principal is given by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// `AWS`: accounts, users, roles, sessions, everybody.
    Aws,
    /// `Service`
    Service,
    /// `Federated`: identity providers.
    Federated,
    /// `CanonicalUser`: an account by the id that S3 uses. No caller here has one.
    CanonicalUser,
}

impl PrincipalKind {
    /// All kinds, in the order in which they are printed.
    pub const ALL: &'static [Self] = &[Self::Aws, Self::Service, Self::Federated, Self::CanonicalUser];

    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}

/// A principal as written. The scalar `"Principal": "*"` is kept as `"AWS": "*"`, which means the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalText {
    /// What kind of name.
    pub kind: PrincipalKind,
    /// The name.
    pub name: Box<str>,
}

/// One condition: an operator, a key, and the values of which one must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionText {
    /// The operator as written.
    pub operator_name: Box<str>,
    /// The operator.
    pub operator: Operator,
    /// The key as written.
    pub key: Box<str>,
    /// The values; booleans and numbers as text.
    pub values: Vec<Box<str>>,
}
