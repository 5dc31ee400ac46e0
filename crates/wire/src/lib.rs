//! The AWS protocols as pure functions: bytes to typed values and back.
//!
//! - [`target`]: which operation a request names;
//! - [`sigv4`]: who signed it;
//! - [`json`]: what its body says, and the body of the reply;
//! - [`kms`]: the shapes, constraints, errors and facts of the KMS API;
//! - [`query`]: the same for IAM and STS, with the forms and the XML that they speak.
//!
//! # Invariants
//! - No function does I/O, reads a clock or panics on input; each can be fuzzed alone.
//! - Whatever fails has the name, the text and the status that AWS gives it.
//!
//! # Not here
//! Sockets, the secret of an access key, what a caller may do, and what the operations do.

pub mod json;
pub mod kms;
pub mod query;
pub mod sigv4;
pub mod target;
pub mod time;
