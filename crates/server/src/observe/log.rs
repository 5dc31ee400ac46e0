//! Logs: to standard error, as text for people or JSON for machines.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

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
    change: Box<dyn Fn(Targets) -> Result<(), reload::Error> + Send + Sync>,
}

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

/// Starts logging.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let (targets, handle) = reload::Layer::new(level.targets());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    let started = match format {
        LogFormat::Text => registry.with(lines.with_ansi(may_colour(&io::stderr()))).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    // A second start in one process (tests) keeps the first.
    if started.is_ok() {
        let change = Box::new(move |targets| handle.reload(targets));
        let _ = LOG.set(Log { level: Mutex::new(level), change });
    }
}
