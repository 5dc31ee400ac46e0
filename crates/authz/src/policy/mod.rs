//! Policies: read, checked and prepared once, when they are stored; then only matched.
//!
//! # Invariants
//! - Whoever holds a [`Policy`] holds one that its kind's rules allow.
//! - Preparing costs time in proportion to the document; nothing is prepared when a request comes.

pub mod error;
mod json;
pub mod lint;
pub(crate) mod matcher;
pub mod model;
mod parse;
pub(crate) mod principal;
mod text;

use crate::condition::keys::KeyName;
use error::{Malformed, PolicyError};
use matcher::StatementMatcher;
use model::{Document, Element, PolicyKind, PrincipalKind, PrincipalText};

pub use principal::Grade;

/// How many statements a document may have. More cannot fit into a key policy, whose shortest useful statement has 34 bytes.
pub const MAX_STATEMENTS: usize = 1_000;

/// A policy, ready to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    kind: PolicyKind,
    document: Document,
    statements: Box<[StatementMatcher]>,
    /// Each once.
    condition_keys: Box<[KeyName]>,
    weight_bytes: usize,
}

impl Policy {
    /// Reads a policy of `kind`.
    ///
    /// # Errors
    /// [`PolicyError`] with the reason that the caller reads.
    pub fn parse(kind: PolicyKind, text: &str) -> Result<Self, PolicyError> {
        let document = Document::parse(kind, text)?;
        if kind == PolicyKind::Key {
            lint::refuse_overly_permissive(&document)?;
        }
        Ok(Self::compile(kind, document)?)
    }

    fn compile(kind: PolicyKind, document: Document) -> Result<Self, Malformed> {
        let version = document.language();
        let statements = document
            .statements
            .iter()
            .map(|statement| StatementMatcher::compile(kind, statement, version))
            .collect::<Result<Box<[StatementMatcher]>, _>>()?;
        let mut condition_keys: Vec<KeyName> = Vec::new();
        for key in statements.iter().flat_map(StatementMatcher::condition_keys) {
            if !condition_keys.iter().any(|own| own.means_the_same(key)) {
                condition_keys.push(key.clone());
            }
        }
        let weight_bytes = document.weight_bytes();
        Ok(Self { kind, document, statements, condition_keys: condition_keys.into(), weight_bytes })
    }

    /// What it is attached to.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The document as written.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document as GetKeyPolicy prints it.
    pub fn canonical_text(&self) -> String {
        self.document.canonical_text()
    }

    /// Every principal that it names, in order, `*` included: whoever stores the policy checks that they exist.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalText> {
        self.document.statements.iter().filter_map(|statement| statement.principals.as_ref()).flat_map(Element::listed)
    }

    /// The policy with principals of the kind `AWS` renamed where `rename` says so: ARNs to unique ids when it is stored,
    /// so that a user who is deleted and made anew is another one, and back to ARNs when it is shown.
    ///
    /// # Errors
    /// [`Malformed::KeyPrincipal`] when a new name names nobody.
    pub fn with_principals(&self, rename: &mut dyn FnMut(&str) -> Option<Box<str>>) -> Result<Self, Malformed> {
        let mut document = self.document.clone();
        let elements = document.statements.iter_mut().filter_map(|statement| statement.principals.as_mut());
        for principal in elements.flat_map(Element::listed_mut) {
            if principal.kind == PrincipalKind::Aws
                && let Some(name) = rename(&principal.name)
            {
                principal.name = name;
            }
        }
        Self::compile(self.kind, document)
    }

    /// Every condition key that a decision by this policy can ask for, each once.
    pub fn condition_keys(&self) -> &[KeyName] {
        &self.condition_keys
    }

    /// The condition keys that one condition of one statement looks at, counted from zero: its own, and variables.
    pub fn keys_of_condition(&self, statement: usize, condition: usize) -> impl Iterator<Item = &KeyName> {
        self.statements.get(statement).into_iter().flat_map(move |own| own.keys_of_condition(condition))
    }

    /// About how much memory it takes.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    pub(crate) fn statements(&self) -> &[StatementMatcher] {
        &self.statements
    }
}

/// The length of a document as IAM's quotas count it: characters that are not white space.
pub fn quota_chars(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
