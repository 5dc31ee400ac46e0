//! Algorithms over bytes: the only crate that names aws-lc-rs or RustCrypto.
//!
//! # Invariants
//! - aws-lc-rs computes whatever it can; each exception is named, with its reason, where it is made.
//! - Types of the libraries below do not leave this crate.
//! - Secrets enter and leave as [`strongroom_core::secret`] types; randomness is handed in, or is the library's own where
//!   its interface takes none.
//! - An error says that an input was refused, never at which step: the difference is what padding oracles are made of.
//!
//! # Not here
//! Keys as resources, their states, policies and stored records; which algorithms a key may be used with.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "in a test the panic is the report"))]

pub mod aead;
mod alg;
pub mod cost;
pub mod derived;
pub mod digest;
pub mod error;
pub mod mac;
pub mod material;
pub mod passphrase;
pub mod public;
pub mod rng;
pub mod wrap;

#[cfg(test)]
mod testing;
