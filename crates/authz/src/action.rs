//! What a caller wants to do, in the words that policies use.

use std::fmt;

/// An action as policies name it: `kms:Decrypt`, `sts:AssumeRole`.
///
/// The names come from the services' operation lists, which are known when the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    service: &'static str,
    name: &'static str,
}

impl Action {
    /// The action `service:name`.
    pub const fn new(service: &'static str, name: &'static str) -> Self {
        Self { service, name }
    }

    /// An action of the key management service, such as `Decrypt` or `ReEncryptFrom`.
    pub const fn kms(name: &'static str) -> Self {
        Self::new("kms", name)
    }

    /// The part before the colon.
    pub const fn service(self) -> &'static str {
        self.service
    }

    /// The part after the colon.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}
