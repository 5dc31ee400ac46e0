//! Types of members that the model's shapes alone do not give.

use std::collections::BTreeMap;

use strongroom_core::secret::SecretBytes;

use crate::json::Text;

/// What an encryption is bound to, sorted by key.
pub type EncryptionContext = BTreeMap<String, String>;

/// A string whose disclosure breaks something: a password, a credential.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretText(SecretBytes);

impl SecretText {
    pub(crate) fn new(text: Text<'_>) -> Self {
        Self(text.into_secret())
    }

    /// A copy of `text`; the caller wipes the original.
    pub fn copy_from(text: &str) -> Self {
        Self(SecretBytes::copy_from(text.as_bytes()))
    }

    /// The only way in; reviewers search for this word.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).expect("made from text")
    }
}

/// The value of an enum member that lets a few more values pass than keys can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted<T> {
    /// One of the enum.
    Offered(T),
    /// A name that passes the request's constraints, and that no key can offer.
    Foreign(&'static str),
}
