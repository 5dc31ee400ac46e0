//! The APIs that speak the Query protocol, IAM and STS: the gate, the frame around every operation, its errors, and the condition
//! values of its requests.
//!
//! # Invariants
//! - Every operation is signed but those that the model excepts; nothing is decoded before the signature was good.
//! - What is not on the record is not answered.
//!
//! # Not here
//! What the operations do: `iam` and `sts`, one file an operation.

mod context;
mod error;
mod frame;
mod gate;
mod resource;

pub(crate) use context::Asked;
pub(crate) use error::Error;
pub(crate) use frame::{Call, Cx, Operation, serve};
pub(crate) use resource::Named;
