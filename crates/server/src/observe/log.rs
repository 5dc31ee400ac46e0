//! Logs: to standard error, as text for people or JSON for machines.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, reload};

use super::trace;
use crate::cli::terminal::may_colour;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What an operator did.
    #[default]
    Info,
    /// What happened to single connections and calls.
    Debug,
    /// Every step on the way.
    Trace,
}

impl LogLevel {
    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }

    /// Its name, as it is written on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level is for our own lines: libraries speak of what they carry, so they may warn and no more.
    fn targets(self) -> Targets {
        Targets::new().with_default(LevelFilter::WARN.min(self.filter())).with_target("strongroom", self.filter())
    }
}

/// The one log of this process, as `tracing` has it: its level, and the handle that changes it.
struct Log {
    level: Mutex<LogLevel>,
    change: Change,
    trace: Change,
}

/// Puts other targets in force.
type Change = Box<dyn Fn(Targets) -> Result<(), reload::Error> + Send + Sync>;

static LOG: OnceLock<Log> = OnceLock::new();

/// How much is logged now.
pub(crate) fn level() -> LogLevel {
    LOG.get().map(|log| *log.level.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
}

/// Logs more or less from now on.
///
/// # Errors
/// When the log is gone, or was never started.
pub(crate) fn set_level(level: LogLevel) -> Result<(), reload::Error> {
    let Some(log) = LOG.get() else { return Ok(()) };
    let mut current = log.level.lock().unwrap_or_else(PoisonError::into_inner);
    (log.change)(level.targets())?;
    *current = level;
    tracing::info!(level = level.name(), "the log level was changed");
    Ok(())
}

/// Starts logging. No span is traced before [`trace_calls`].
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let (lines_wanted, change_lines) = reload::Layer::new(level.targets());
    let (spans_wanted, change_spans) = reload::Layer::new(trace::targets(false));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(may_colour(&io::stderr())).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let registry = tracing_subscriber::registry()
        .with(lines.with_filter(lines_wanted))
        .with(trace::layer().with_filter(spans_wanted));
    // A second start in one process (tests) keeps the first.
    if registry.try_init().is_ok() {
        let change = Box::new(move |targets| change_lines.reload(targets));
        let trace = Box::new(move |targets| change_spans.reload(targets));
        let _ = LOG.set(Log { level: Mutex::new(level), change, trace });
    }
}

/// Has calls traced from now on.
pub(super) fn trace_calls() {
    if let Some(Err(error)) = LOG.get().map(|log| (log.trace)(trace::targets(true))) {
        tracing::warn!(%error, "calls cannot be traced");
    }
}
