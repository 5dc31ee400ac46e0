//! Conditions: keys, operators, values, and how they are evaluated.

pub(crate) mod arn;
pub(crate) mod eval;
pub mod keys;
pub mod operators;
pub(crate) mod template;
pub(crate) mod values;
