//! A distribution of times in fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Value;

/// Upper bounds in nanoseconds: from a symmetric call in memory to a key generation that waited.
const BOUNDS_NS: [u64; 18] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// Observed times. Noting one is two additions.
pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Without observations.
    pub(crate) const fn new() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], sum_ns: AtomicU64::new(0) }
    }

    /// Notes one.
    pub(crate) fn observe(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NS.partition_point(|bound| *bound < ns);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// How many were noted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Adds what another has observed.
    pub(crate) fn add(&self, other: &Self) {
        for (ours, theirs) in self.counts.iter().zip(&other.counts) {
            ours.fetch_add(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(other.sum_ns.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether nothing was observed.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// The figures. Observations that come meanwhile may be in the sum and not in a bucket.
    pub(crate) fn value(&self) -> Value {
        let bounds = BOUNDS_NS.iter().map(|ns| seconds(*ns)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Value::Histogram { buckets: bounds.zip(counts).collect(), sum: seconds(self.sum_ns.load(Ordering::Relaxed)) }
    }
}

fn seconds(ns: u64) -> f64 {
    Duration::from_nanos(ns).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_once_under_its_bound() {
        check(0, 0);
        check(10_000, 0);
        check(10_001, 1);
        check(1_000_000_000, 15);
        check(10_000_000_001, 18);
        check(u64::MAX, 18);

        #[track_caller]
        fn check(ns: u64, bucket: usize) {
            let histogram = Histogram::new();
            assert!(histogram.is_empty());
            histogram.observe(Duration::from_nanos(ns));
            assert!(!histogram.is_empty());
            let Value::Histogram { buckets, sum } = histogram.value() else { panic!("a histogram") };
            let found: Vec<_> = buckets.iter().map(|(_, count)| *count).collect();
            assert_eq!(found.iter().sum::<u64>(), 1);
            assert_eq!(found[bucket], 1);
            assert_eq!(buckets.last().map(|(bound, _)| *bound), Some(f64::INFINITY));
            assert!((sum - ns as f64 / 1e9).abs() <= 1e-6 * (1.0 + sum), "{sum}");
        }
    }
}
