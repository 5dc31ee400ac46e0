//! What `cargo xtask codegen` writes from `model/`; only this list of files is by hand.

pub mod constraints;
mod decode;
mod encode;
pub mod enums;
#[cfg(test)]
pub(crate) mod forms;
pub mod ops;
#[cfg(test)]
pub(crate) mod samples;
pub mod shapes;
mod shown;
