//! The service from its front: signed requests in, replies out. One binary, so that the libraries are linked once.

#![allow(clippy::unwrap_used, reason = "in a test the panic is the report")]

mod algorithms;
mod aliases;
mod fixtures;
mod grants;
mod hanging_up;
mod kms;
mod laws;
mod policies;
mod states;
mod strangers;
