//! What `strongroom dev` is told in words: durations and fault rules.

pub(crate) mod duration;
pub(crate) mod fault;
