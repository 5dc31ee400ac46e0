//! AWS protocols as pure functions: bytes to typed values and back.
//!
//! # Invariants
//! - No sockets, no clock, no store: whatever a function needs is handed in, so that every one can be tested and fuzzed.
//! - No input makes a function panic, and work is bounded by the input's size.
//!
//! # Not here
//! What operations do, and what callers may do.

pub mod sigv4;
pub mod target;
