//! What `cargo xtask codegen` writes from `model/` for both APIs; only this list of files is by hand.

pub mod faults;
