//! The KMS API: shapes, constraints, errors and facts of its 56 operations, most of it generated.
//!
//! # Not here
//! What the operations do (`service`), and how bytes become shapes (`json`).

pub mod constraint;
pub mod facts;
mod fault;
pub mod generated;
mod value;
mod violations;

pub use fault::Fault;
pub use generated::facts::{TARGET_PREFIX, facts};
pub use generated::faults::ErrorCode;
pub use generated::ops::{Request, decode_any, input_structure};
pub use generated::shapes::*;
pub use value::{Admitted, EncryptionContext, SecretText};
pub use violations::Violations;
pub(crate) use violations::{Items, Presence};

#[cfg(test)]
mod tests;
