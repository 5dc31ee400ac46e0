//! The AWS SDK for Rust against the real binary: see `tests/kms.rs`.
