//! A store whose verbs are timed, and whose failures are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use strongroom_store::{Batch, Error, Record, Store, StoreFuture, Table};
use tracing::Instrument;

use super::{Family, Histogram, Sample, Value};

#[derive(Clone, Copy)]
enum Verb {
    Get,
    Scan,
    Commit,
}

const VERBS: [(Verb, &str); 3] = [(Verb::Get, "get"), (Verb::Scan, "scan"), (Verb::Commit, "commit")];

/// What the verbs took.
#[derive(Default)]
struct Times {
    durations: [Histogram; VERBS.len()],
    failures: [AtomicU64; VERBS.len()],
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Times {
    async fn of<T>(&self, verb: Verb, work: StoreFuture<'_, T>) -> Result<T, Error> {
        let begun = Instant::now();
        let span = tracing::debug_span!(target: "strongroom::call", "store", verb = VERBS[verb as usize].1);
        let outcome = work.instrument(span).await;
        self.durations[verb as usize].observe(begun.elapsed());
        if matches!(outcome, Err(Error::Io(_) | Error::Closed | Error::Full)) {
            self.failures[verb as usize].fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}

/// The store beneath, timed.
pub(crate) struct MeasuredStore {
    inner: Arc<dyn Store>,
    times: Arc<Times>,
}

impl MeasuredStore {
    /// Times `inner` from now on.
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, times: Arc::default() }
    }

    /// The families of these times.
    pub(crate) fn families(&self) -> Vec<Family> {
        let labels = |verb: &'static str| vec![("verb", verb)];
        let durations = VERBS
            .map(|(verb, name)| Sample { labels: labels(name), value: self.times.durations[verb as usize].value() });
        let failures = VERBS.map(|(verb, name)| Sample {
            labels: labels(name),
            value: Value::Counter(self.times.failures[verb as usize].load(Ordering::Relaxed)),
        });
        vec![
            Family::new("strongroom_store_duration_seconds", "Time that the store took, by verb", durations.into()),
            Family::new(
                "strongroom_store_failures",
                "Failures of the store: input and output, no space, closed",
                failures.into(),
            ),
        ]
    }
}

impl Store for MeasuredStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        Box::pin(self.times.of(Verb::Get, self.inner.get(table, key)))
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(self.times.of(Verb::Scan, self.inner.scan(table, prefix, after, limit)))
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let (work, times) = (self.inner.commit(batch), Arc::clone(&self.times));
        Box::pin(async move { times.of(Verb::Commit, work).await })
    }
}
