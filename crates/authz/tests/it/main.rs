//! The policy engine against its corpus of decisions, and against a slow, obvious second implementation.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot be set up has failed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the enum is that of JSON values")]

mod corpus;
mod costs;
mod documents;
mod lockout;
mod oracle;
mod proofs;
mod property;
mod retirement;
mod world;
