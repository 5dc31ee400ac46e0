//! The nouns of Strongroom: identifiers, key specs, states, records, secrets.
//!
//! # Not here
//! I/O, async, JSON, the time of day. Everything above may import this crate; it imports none of ours.

pub mod arn;
pub mod family;
pub mod generated;
pub mod grant;
pub mod identity;
pub mod ids;
pub mod key;
mod lifecycle;
pub mod secret;
pub mod spec;
pub mod state;
pub mod world;
