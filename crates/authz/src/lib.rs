//! Who may do what: the policy engine.
//!
//! # Invariants
//! - Pure: everything it judges is handed in. The same inputs give the same decision, on every node and in a replay.
//! - Whoever holds an [`Authorized`](proof::Authorized) was judged. There is no other way to get one.
//! - An explicit deny wins, and what cannot be evaluated denies.
//!
//! # Not here
//! The store, the clock, the wire, the network; how a request's condition values are gathered (`service`); which operation
//! needs which permission (the operations say so).

pub mod action;
pub mod caller;
pub mod condition;
pub mod context;
pub mod decide;
mod glob;
pub mod grants;
pub mod policy;
pub mod proof;
