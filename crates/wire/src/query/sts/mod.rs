//! The STS API: the operations that give out temporary credentials, most of it generated.
//!
//! # Not here
//! What the operations do (`service`), and how parameters become shapes (`form`).

pub mod generated;

pub use generated::enums::*;
pub use generated::ops::{NAMESPACE, Request, VERSION, decode_any, input_structure};
pub use generated::shapes::*;
