//! The buckets of requests: one for each request quota of an account in a Region.
//!
//! A bucket holds a second's worth of requests and fills evenly (GCRA). Taking from one is an atomic word; finding it is one
//! look-up in a sharded map.
//!
//! # Invariants
//! - A refused request takes nothing.
//! - Memory is bounded: of [`PAIRS_MAX`] pairs of account and Region the ones that call are kept. A pair that comes back begins
//!   with full buckets, as one does that was silent for that long.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as Elapsing;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{InsufficientCapacity, Quota, RateLimiter};
use quick_cache::sync::Cache;
use strongroom_core::ids::{AccountId, Region};
use strongroom_core::world::Clock;

use super::requests::{RequestQuota, RequestRates};

/// Pairs of account and Region whose buckets are kept, of about 5 KB each.
const PAIRS_MAX: usize = 2_048;

/// Our clock in the limiter's form: it measures by what elapses, which no change of the time of day touches.
#[derive(Clone)]
struct Elapsed(Arc<dyn Clock>);

impl Elapsing for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

/// The buckets of one account in one Region; none where there is no limit.
type Buckets = [Option<Bucket>; RequestQuota::COUNT];

/// The account has made too many requests of this kind in this Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverRate;

/// The buckets of all accounts.
pub(crate) struct Throttle {
    rates: RequestRates,
    clock: Elapsed,
    pairs: Cache<(AccountId, Region), Arc<Buckets>>,
}

impl Throttle {
    /// Full buckets for everybody.
    pub(crate) fn new(rates: RequestRates, clock: Arc<dyn Clock>) -> Self {
        Self { rates, clock: Elapsed(clock), pairs: Cache::new(PAIRS_MAX) }
    }

    /// Takes `requests` from the account's bucket. More than a whole bucket holds are as many as it holds.
    ///
    /// # Errors
    /// [`OverRate`]: there are not as many in it, and nothing was taken.
    pub(crate) fn take(
        &self,
        account: AccountId,
        region: Region,
        quota: RequestQuota,
        requests: NonZeroU32,
    ) -> Result<(), OverRate> {
        let made = || Ok::<_, OverRate>(Arc::new(self.full(region)));
        let buckets = self.pairs.get_or_insert_with(&(account, region), made)?;
        let Some(bucket) = &buckets[quota.index()] else { return Ok(()) };
        let taken = match bucket.check_n(requests) {
            Ok(taken) => taken,
            Err(InsufficientCapacity(whole)) => match NonZeroU32::new(whole) {
                Some(whole) => bucket.check_n(whole).unwrap_or(Ok(())),
                None => Ok(()),
            },
        };
        taken.map_err(|_| OverRate)
    }

    fn full(&self, region: Region) -> Buckets {
        let mut buckets = [const { None }; RequestQuota::COUNT];
        for quota in RequestQuota::all() {
            let per_second = self.rates.per_second(quota, region);
            buckets[quota.index()] =
                limit(per_second).map(|limit| RateLimiter::direct_with_clock(limit, self.clock.clone()));
        }
        buckets
    }
}

/// A bucket's size and pace; `None` when it never runs dry.
fn limit(per_second: f64) -> Option<Quota> {
    if per_second.is_infinite() {
        return None;
    }
    // Rounded down: whoever keeps to the rate must not fall behind it by a fraction of a nanosecond.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are from 0.001 to a million")]
    let (whole, period_nanos) = (NonZeroU32::new(per_second.ceil() as u32)?, (1e9 / per_second) as u64);
    Quota::with_period(Duration::from_nanos(period_nanos)).map(|quota| quota.allow_burst(whole))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;
    use strongroom_core::generated::OpName;
    use strongroom_core::world::{ManualClock, Timestamp};

    use super::*;

    const CREATE_KEY: RequestQuota = RequestQuota::Operation(OpName::CreateKey);

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().expect("twelve digits")
    }

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    fn with_rate(per_second: f64) -> (Throttle, Arc<ManualClock>) {
        let mut rates = RequestRates::default();
        rates.set(CREATE_KEY, per_second).expect("a rate");
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
        (Throttle::new(rates, clock.clone()), clock)
    }

    /// How many of `tries` requests pass.
    fn pass(throttle: &Throttle, account: AccountId, region: Region, tries: usize) -> usize {
        (0..tries).filter(|_| throttle.take(account, region, CREATE_KEY, NonZeroU32::MIN).is_ok()).count()
    }

    #[test]
    fn a_second_s_worth_passes_and_the_bucket_fills_evenly() {
        let (throttle, clock) = with_rate(5.0);
        let (me, here) = (account(1), region("us-east-1"));
        assert_eq!(pass(&throttle, me, here, 9), 5);
        clock.advance_millis(199);
        assert_eq!(pass(&throttle, me, here, 9), 0);
        clock.advance_millis(1);
        assert_eq!(pass(&throttle, me, here, 9), 1);
        clock.advance_millis(600);
        assert_eq!(pass(&throttle, me, here, 9), 3);
        clock.advance_millis(1_000_000);
        assert_eq!(pass(&throttle, me, here, 9), 5, "no more than a bucket holds");
    }

    #[test]
    fn accounts_regions_and_quotas_have_buckets_of_their_own() {
        let (throttle, _clock) = with_rate(2.0);
        let here = region("us-east-1");
        assert_eq!(pass(&throttle, account(1), here, 1_000), 2);
        assert_eq!(pass(&throttle, account(2), here, 1_000), 2);
        assert_eq!(pass(&throttle, account(1), region("eu-west-1"), 1_000), 2);
        let other = RequestQuota::Operation(OpName::DescribeKey);
        assert_eq!(throttle.take(account(1), here, other, NonZeroU32::MIN), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up() {
        let (throttle, clock) = with_rate(1.0);
        let (me, here) = (account(1), region("us-east-1"));
        assert_eq!(pass(&throttle, me, here, 2), 1);
        clock.advance_millis(-3_600_000);
        clock.advance_millis(1_000);
        assert_eq!(pass(&throttle, me, here, 2), 1);
    }

    #[test]
    fn less_than_one_a_second_and_more_than_a_bucket() {
        let (throttle, clock) = with_rate(0.1);
        let (me, here) = (account(1), region("us-east-1"));
        let two = NonZeroU32::new(2).expect("two");
        assert_eq!(throttle.take(me, here, CREATE_KEY, two), Ok(()), "two are the whole bucket of one");
        assert_eq!(throttle.take(me, here, CREATE_KEY, two), Err(OverRate));
        clock.advance_millis(9_999);
        assert_eq!(pass(&throttle, me, here, 3), 0);
        clock.advance_millis(1);
        assert_eq!(pass(&throttle, me, here, 3), 1);
        let (unlimited, _clock) = with_rate(f64::INFINITY);
        assert_eq!(pass(&unlimited, me, here, 100_000), 100_000);
    }

    #[test]
    fn threads_together_get_what_one_would_get() {
        let (throttle, _clock) = with_rate(1_000.0);
        let passed = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let count = pass(&throttle, account(1), region("us-east-1"), 500);
                    passed.fetch_add(u32::try_from(count).expect("small"), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(passed.into_inner(), 1_000);
    }

    proptest! {
        /// Over any stretch of time no more than a bucket and what came in since passes, and a caller that keeps to the rate is
        /// never refused.
        #[test]
        fn nobody_gets_more_than_the_rate(rate in 1u32..40, steps in prop::collection::vec((0i64..700, 0usize..20), 1..40)) {
            let (throttle, clock) = with_rate(f64::from(rate));
            let (mut passed, mut millis) = (0, 0);
            for (wait, tries) in steps {
                clock.advance_millis(wait);
                millis += wait;
                passed += pass(&throttle, account(1), region("us-east-1"), tries);
                let bound = i64::from(rate) + i64::from(rate) * millis / 1_000;
                prop_assert!(i64::try_from(passed).expect("small") <= bound, "{passed} in {millis} ms at {rate}");
            }
            clock.advance_millis(1_000);
            prop_assert_eq!(pass(&throttle, account(1), region("us-east-1"), 100), rate as usize);
        }
    }
}
