//! How sinks fare: for the admin listener and for scrapers.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use strongroom_service::{Family, Sample, Value};

/// How a sink fares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SinkStatus {
    pub(crate) name: String,
    /// Events that arrived since the server started.
    pub(crate) sent: u64,
    /// Records of the log, of every kind, that it has still to look at.
    pub(crate) lag: u64,
    /// Attempts to send that failed.
    pub(crate) failures: u64,
    /// Records that will not arrive: refused by the receiver, or moved away before their turn.
    pub(crate) lost: u64,
    /// Why the last attempt failed, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// What a sink counts.
pub(super) struct Figures {
    pub(super) name: &'static str,
    position: AtomicU64,
    sent: AtomicU64,
    failures: AtomicU64,
    lost: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Figures {
    pub(super) fn new(name: &'static str, position: u64) -> Self {
        Self {
            name,
            position: AtomicU64::new(position),
            sent: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            problem: Mutex::default(),
        }
    }

    pub(super) fn pass(&self, sent: u64, lost: u64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }

    pub(super) fn stand_at(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// Whether it is the first failure after a success.
    pub(super) fn fail(&self, error: &io::Error) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.problem().replace(error.to_string()).is_none()
    }

    /// Whether there was a problem.
    pub(super) fn recover(&self) -> bool {
        self.problem().take().is_some()
    }

    /// `end` is the number of the log's next line.
    pub(super) fn status(&self, end: u64) -> SinkStatus {
        SinkStatus {
            name: self.name.to_owned(),
            sent: self.sent.load(Ordering::Relaxed),
            lag: self.lag(end),
            failures: self.failures.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            problem: self.problem().clone(),
        }
    }

    fn lag(&self, end: u64) -> u64 {
        end.saturating_sub(self.position.load(Ordering::Relaxed))
    }

    fn problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One family for each figure, with the sinks as its label; none where there is no sink.
pub(super) fn families(all: &[&Figures], end: u64) -> Vec<Family> {
    if all.is_empty() {
        return Vec::new();
    }
    let family = |name, help, value: &dyn Fn(&Figures) -> Value| {
        let one = |figures: &&Figures| Sample { labels: vec![("sink", figures.name)], value: value(figures) };
        Family::new(name, help, all.iter().map(one).collect())
    };
    let counter = |count: &AtomicU64| Value::Counter(count.load(Ordering::Relaxed));
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let lag = |figures: &Figures| Value::Gauge(figures.lag(end) as f64);
    vec![
        family("strongroom_audit_sink_events", "Audit events that a sink's receiver took", &|one| counter(&one.sent)),
        family("strongroom_audit_sink_lag_records", "Records of the audit log that a sink has still to look at", &lag),
        family("strongroom_audit_sink_failures", "Attempts of a sink to send that failed", &|one| {
            counter(&one.failures)
        }),
        family(
            "strongroom_audit_sink_lost_records",
            "Records that do not reach a sink's receiver: refused by it, or moved away before their turn",
            &|one| counter(&one.lost),
        ),
    ]
}
