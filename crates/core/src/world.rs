//! Time and chance, handed in: a seed replays a failure.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved by `millis`, stopping at the ends of the range.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This moment moved by whole days of 24 hours.
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(86_400_000))
    }
}

/// Where the time of day comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How long it has been since a moment that stays the same while the process lives. It never goes backwards, whatever is
    /// done to the time of day: rates are measured by it.
    fn elapsed(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGINNING.elapsed()
    }
}

/// A clock that stands still until it is moved; for tests, and for the movable clock of `dev`.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_millis: AtomicI64,
    elapsed_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        Self { now_millis: AtomicI64::new(at.as_millis()), elapsed_millis: AtomicU64::new(0) }
    }

    /// Moves the clock forward. By a negative number the time of day alone is set back.
    pub fn advance_millis(&self, millis: i64) {
        self.now_millis.fetch_add(millis, Ordering::SeqCst);
        self.elapsed_millis.fetch_add(u64::try_from(millis).unwrap_or(0), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_millis.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_millis.load(Ordering::SeqCst))
    }
}

/// Randomness failed: nothing may be made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random number generator failed")]
pub struct NoEntropy;

/// Where random bytes come from. The service's own comes from the crypto library; tests hand in a seeded one.
pub trait Rng: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// [`NoEntropy`], with `out` not to be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

/// A predictable generator for tests alone (SplitMix64): the same seed gives the same bytes.
#[derive(Debug)]
pub struct SeededRng(Mutex<u64>);

impl SeededRng {
    /// Starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays() {
        let (mut a, mut b) = ([0; 21], [0; 21]);
        SeededRng::new(7).fill(&mut a).expect("never fails");
        SeededRng::new(7).fill(&mut b).expect("never fails");
        assert_eq!(a, b);
        SeededRng::new(8).fill(&mut b).expect("never fails");
        assert_ne!(a, b);
    }

    #[test]
    fn what_elapses_does_not_follow_the_time_of_day_backwards() {
        let clock = ManualClock::at(Timestamp::from_millis(5_000));
        clock.advance_millis(30);
        clock.advance_millis(-4_000);
        assert_eq!((clock.now().as_millis(), clock.elapsed().as_millis()), (1_030, 30));
        let before = SystemClock.elapsed();
        assert!(SystemClock.elapsed() >= before);
    }

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_millis(1999).as_secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
        assert_eq!(Timestamp::from_millis(0).plus_days(2).as_millis(), 172_800_000);
    }
}
