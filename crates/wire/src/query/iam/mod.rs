//! The IAM API: the operations that people and tools use for identities, most of it generated.
//!
//! # Not here
//! What the operations do (`service`), and how parameters become shapes (`form`).

pub mod generated;

pub use generated::enums::*;
pub use generated::ops::{NAMESPACE, Request, VERSION, decode_any, input_structure};
pub use generated::shapes::*;
