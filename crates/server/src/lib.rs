//! The process: sockets, configuration, roles. `strongroom dev`, `strongroom serve` and `strongroom init`.
//!
//! # Invariants
//! - Nothing here knows an operation, a key or a policy: a request goes to the service's node whole, its reply comes back whole.
//! - Standard output carries what was promised (the line that says "ready"); everything else goes to standard error.
//! - No secret is printed, logged or put into an error; the process leaves no core dump and cannot be traced by its own user.
//!
//! # Not here
//! What a request means (`service`), where records lie (`store`), what opens the root key (`vault`): they are built here and
//! handed over.

pub mod admin;
pub mod cli;
pub mod config;
pub mod net;
mod observe;
mod process;
mod seed;
pub mod sinks;
