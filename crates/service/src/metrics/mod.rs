//! What the node counts and measures, in a form that knows no exposition format: the process turns it into text.
//!
//! # Invariants
//! - Noting a call takes no lock and allocates nothing: every series of an operation has its place from the start.
//! - Label values come from finite lists in the code: never a key, an account, a principal, an address.
//! - Reading the figures costs what they are, not what the store holds.

mod histogram;
mod store;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use strongroom_core::generated::OpName;
use strongroom_wire::kms::ErrorCode;
use strongroom_wire::query::{self, Api};

pub(crate) use histogram::Histogram;
pub(crate) use store::MeasuredStore;

use crate::gate::Refusal;

/// Series of one name.
#[derive(Clone, Debug)]
pub struct Family {
    /// In Prometheus' manner, with the unit last and without `_total`.
    pub name: &'static str,
    /// One sentence without its full stop.
    pub help: &'static str,
    /// One value for each set of labels, all of one kind.
    pub samples: Vec<Sample>,
}

/// Names and values of labels.
pub type Labels = Vec<(&'static str, &'static str)>;

/// One series.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: Value,
}

/// What a series is worth.
#[derive(Clone, Debug)]
pub enum Value {
    /// It only grows.
    Counter(u64),
    /// It comes and goes.
    Gauge(f64),
    /// A distribution.
    Histogram {
        /// The upper bound of each bucket and how many were observed in it alone; the last bound is infinite.
        buckets: Vec<(f64, u64)>,
        /// The sum of all that was observed.
        sum: f64,
    },
}

impl Family {
    /// A family from its samples.
    pub fn new(name: &'static str, help: &'static str, samples: Vec<Sample>) -> Self {
        Self { name, help, samples }
    }

    /// A single gauge without labels.
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::new(name, help, vec![Sample { labels: Vec::new(), value: Value::Gauge(value) }])
    }

    /// A single counter without labels.
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::new(name, help, vec![Sample { labels: Vec::new(), value: Value::Counter(value) }])
    }
}

/// How well a cache serves.
pub(crate) struct CacheFigures {
    pub(crate) name: &'static str,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) entries: usize,
}

/// The families of all caches.
pub(crate) fn cache_families(caches: &[CacheFigures]) -> [Family; 2] {
    let requests = caches.iter().flat_map(|cache| {
        [("hit", cache.hits), ("miss", cache.misses)].map(|(result, count)| Sample {
            labels: vec![("cache", cache.name), ("result", result)],
            value: Value::Counter(count),
        })
    });
    #[expect(clippy::cast_precision_loss, reason = "caches are bounded far below 2^53 entries")]
    let entries = caches
        .iter()
        .map(|cache| Sample { labels: vec![("cache", cache.name)], value: Value::Gauge(cache.entries as f64) });
    [
        Family::new("strongroom_cache_requests", "Look-ups in a cache, by what they found", requests.collect()),
        Family::new("strongroom_cache_entries", "What a cache holds now", entries.collect()),
    ]
}

/// What a request for no operation of the API is called.
const NO_OPERATION: &str = "None";
/// The name of the service in labels, as in signatures.
const KMS: &str = "kms";
/// The code of a call that succeeded.
const SUCCESS: &str = "Success";

const OPERATIONS: usize = OpName::ALL.len() + 1;
const CODES: usize = ErrorCode::ALL.len() + 1;

/// The counters of one node.
pub(crate) struct Metrics {
    /// By operation, then by code; the last operation is none, the last code is success.
    calls: Box<[[AtomicU64; CODES]; OPERATIONS]>,
    durations: Box<[Histogram; OPERATIONS]>,
    crypto: Box<[Histogram; OPERATIONS]>,
    refusals: [AtomicU64; Refusal::ALL.len()],
    /// By operation.
    throttles: [AtomicU64; OpName::ALL.len()],
    /// Calls of IAM and STS, which nobody makes by the thousand a second.
    query: Mutex<BTreeMap<QueryCall, Histogram>>,
}

/// Service, operation and code.
type QueryCall = (&'static str, &'static str, &'static str);

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Box::new([const { [const { AtomicU64::new(0) }; CODES] }; OPERATIONS]),
            durations: Box::new([const { Histogram::new() }; OPERATIONS]),
            crypto: Box::new([const { Histogram::new() }; OPERATIONS]),
            refusals: [const { AtomicU64::new(0) }; Refusal::ALL.len()],
            throttles: [const { AtomicU64::new(0) }; OpName::ALL.len()],
            query: Mutex::default(),
        }
    }
}

impl Metrics {
    /// A call was answered.
    pub(crate) fn note_call(&self, op: Option<OpName>, error: Option<ErrorCode>, took: Duration) {
        let op = op.map_or(OPERATIONS - 1, |op| op as usize);
        let code = error.map_or(CODES - 1, |code| code as usize);
        self.calls[op][code].fetch_add(1, Ordering::Relaxed);
        self.durations[op].observe(took);
    }

    /// A call of IAM or STS was answered.
    pub(crate) fn note_query(
        &self,
        api: Api,
        op: Option<query::OpName>,
        code: Option<query::ErrorCode>,
        took: Duration,
    ) {
        let operation = op.map_or(NO_OPERATION, query::OpName::as_str);
        let series = (api.service(), operation, code.map_or(SUCCESS, query::ErrorCode::as_str));
        self.query.lock().unwrap_or_else(PoisonError::into_inner).entry(series).or_default().observe(took);
    }

    /// An operation's cryptography took so long, on whatever thread.
    pub(crate) fn note_crypto(&self, op: OpName, took: Duration) {
        self.crypto[op as usize].observe(took);
    }

    /// Something was refused before it was a request.
    pub(crate) fn note_refusal(&self, refusal: Refusal) {
        self.refusals[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A call was refused by a request quota.
    pub(crate) fn note_throttle(&self, op: OpName) {
        self.throttles[op as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The families of these counters. An operation that was never called has no series.
    pub(crate) fn families(&self) -> Vec<Family> {
        let mut calls = Vec::new();
        for (op, by_code) in self.calls.iter().enumerate() {
            for (code, count) in by_code.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = vec![("service", KMS), ("operation", operation(op)), ("code", code_name(code))];
                    calls.push(Sample { labels, value: Value::Counter(count) });
                }
            }
        }
        let mut durations = by_operation(&self.durations);
        for (&(service, operation, code), took) in &*self.query.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = vec![("service", service), ("operation", operation), ("code", code)];
            calls.push(Sample { labels, value: Value::Counter(took.count()) });
        }
        durations.extend(self.query_durations());
        let refusals = Refusal::ALL.iter().map(|refusal| Sample {
            labels: vec![("reason", refusal.name())],
            value: Value::Counter(self.refusals[*refusal as usize].load(Ordering::Relaxed)),
        });
        let throttles = OpName::ALL.iter().filter_map(|op| {
            let count = self.throttles[*op as usize].load(Ordering::Relaxed);
            let labels = vec![("service", KMS), ("operation", op.as_str())];
            (count > 0).then_some(Sample { labels, value: Value::Counter(count) })
        });
        vec![
            Family::new("strongroom_calls", "Answered calls by service, operation and error code", calls),
            Family::new("strongroom_call_duration_seconds", "Time from a whole request to its reply", durations),
            Family::new(
                "strongroom_crypto_duration_seconds",
                "Time that an operation's cryptography took",
                by_operation(&self.crypto),
            ),
            Family::new(
                "strongroom_refusals",
                "What was refused before it was a request, by reason",
                refusals.collect(),
            ),
            Family::new(
                "strongroom_throttles",
                "Calls refused because the account was over a request quota, by operation",
                throttles.collect(),
            ),
        ]
    }
}

impl Metrics {
    /// One distribution for each operation of IAM and STS, whatever its outcomes.
    fn query_durations(&self) -> Vec<Sample> {
        let mut merged: BTreeMap<(&'static str, &'static str), Histogram> = BTreeMap::new();
        for (&(service, operation, _), took) in &*self.query.lock().unwrap_or_else(PoisonError::into_inner) {
            merged.entry((service, operation)).or_default().add(took);
        }
        let sample = |((service, operation), took): (_, Histogram)| Sample {
            labels: vec![("service", service), ("operation", operation)],
            value: took.value(),
        };
        merged.into_iter().map(sample).collect()
    }
}

fn by_operation(histograms: &[Histogram; OPERATIONS]) -> Vec<Sample> {
    let used = histograms.iter().enumerate().filter(|(_, histogram)| !histogram.is_empty());
    used.map(|(op, histogram)| Sample {
        labels: vec![("service", KMS), ("operation", operation(op))],
        value: histogram.value(),
    })
    .collect()
}

fn operation(index: usize) -> &'static str {
    OpName::ALL.get(index).map_or(NO_OPERATION, |op| op.as_str())
}

fn code_name(index: usize) -> &'static str {
    ErrorCode::ALL.get(index).map_or(SUCCESS, |code| code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists are indexed by the enums' own numbers.
    #[test]
    fn every_name_stands_at_its_number() {
        for (index, op) in OpName::ALL.iter().enumerate() {
            assert_eq!(*op as usize, index, "{op}");
        }
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index, "{code:?}");
        }
        for (index, refusal) in Refusal::ALL.iter().enumerate() {
            assert_eq!(*refusal as usize, index, "{refusal:?}");
        }
    }

    #[test]
    fn what_is_noted_is_found_again() {
        let metrics = Metrics::default();
        metrics.note_call(Some(OpName::Encrypt), None, Duration::from_micros(20));
        metrics.note_call(Some(OpName::Encrypt), Some(ErrorCode::DisabledException), Duration::from_micros(20));
        metrics.note_call(None, Some(ErrorCode::UnknownOperationException), Duration::ZERO);
        metrics.note_refusal(Refusal::Timeout);
        metrics.note_throttle(OpName::CreateKey);
        let families = metrics.families();
        let find = |name: &str, labels: &[(&str, &str)]| {
            let family = families.iter().find(|family| family.name == name).expect("exists");
            let sample = family.samples.iter().find(|sample| sample.labels == labels).expect("has these labels");
            match &sample.value {
                Value::Counter(count) => *count,
                Value::Histogram { buckets, .. } => buckets.iter().map(|(_, count)| count).sum(),
                Value::Gauge(_) => unreachable!("none here"),
            }
        };
        assert_eq!(find("strongroom_calls", &[("service", "kms"), ("operation", "Encrypt"), ("code", "Success")]), 1);
        assert_eq!(
            find("strongroom_calls", &[("service", "kms"), ("operation", "Encrypt"), ("code", "DisabledException")]),
            1
        );
        assert_eq!(
            find(
                "strongroom_calls",
                &[("service", "kms"), ("operation", "None"), ("code", "UnknownOperationException")]
            ),
            1
        );
        assert_eq!(find("strongroom_call_duration_seconds", &[("service", "kms"), ("operation", "Encrypt")]), 2);
        assert_eq!(find("strongroom_refusals", &[("reason", "timeout")]), 1);
        assert_eq!(find("strongroom_refusals", &[("reason", "overloaded")]), 0);
        assert_eq!(find("strongroom_throttles", &[("service", "kms"), ("operation", "CreateKey")]), 1);
    }
}
