//! What operators see of a process: its log and its figures.

mod figures;
mod log;
pub(crate) mod metrics;
pub(crate) mod trace;

pub(crate) use figures::{build, process, start_time};
pub(crate) use log::{LogFormat, LogLevel, level, set_level, start};
