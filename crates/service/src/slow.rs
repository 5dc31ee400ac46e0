//! The bounded pool for slow mathematics: it must not delay symmetric calls, and a flood of it must not keep others waiting.
//!
//! Key generation has a lane of its own, because one RSA key costs as much as hundreds of signatures.
//!
//! # Invariants
//! - A lane takes no more work than its threads can do within [`Lane::wait_max_us`]; beyond that it refuses at once ([`Refused::Full`]).
//!   Nobody waits without a bound.
//! - Work that nobody waits for any more is not done.
//! - A panic in a job ends that job alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use strongroom_core::generated::KeySpec;
use strongroom_crypto::cost::{Work, cost_us};
use tokio::sync::oneshot;

use crate::metrics::{Family, Sample, Value};
use crate::node::Limits;

/// Why a job gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The lane has as much work as it can do in time.
    #[error("the pool for slow work is full")]
    Full,
    /// The job panicked.
    #[error("a slow job panicked")]
    Panicked,
}

/// Jobs in a lane at most, whatever they cost.
const JOBS_MAX: usize = 65_536;

struct Job {
    cost_us: u64,
    run: Box<dyn FnOnce() + Send>,
}

/// Threads of their own for jobs that take longer than a symmetric call may wait.
pub(crate) struct SlowPool {
    operations: Lane,
    generation: Lane,
}

/// One queue and its threads.
struct Lane {
    jobs: SyncSender<Job>,
    name: &'static str,
    /// The cost of what is queued or running.
    pending_us: Arc<AtomicU64>,
    /// How many jobs that is.
    pending_jobs: Arc<AtomicU64>,
    /// Jobs that found no room.
    refused: AtomicU64,
    wait_max_us: u64,
}

impl SlowPool {
    /// `slow_threads` workers for operations and one for key generation; nobody waits for them longer than about
    /// `slow_wait_max_ms`. The workers end when the pool is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn new(limits: &Limits) -> std::io::Result<Self> {
        Ok(Self {
            operations: Lane::new("slow", limits.slow_threads, limits)?,
            generation: Lane::new("keygen", 1, limits)?,
        })
    }

    /// Does `job`, which is this work with a key of this spec.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        spec: KeySpec,
        work: Work,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        self.lane(work).submit(cost_us(spec, work).into(), move || {
            if !reply.is_closed() {
                drop(reply.send(job()));
            }
        })?;
        answer.await.map_err(|_| Refused::Panicked)
    }

    /// Does `job` without anybody waiting for it, and only when the lane has nothing else to do.
    ///
    /// # Errors
    /// [`Refused::Full`] when it has.
    pub(crate) fn run_when_idle(
        &self,
        spec: KeySpec,
        work: Work,
        job: impl FnOnce() + Send + 'static,
    ) -> Result<(), Refused> {
        let lane = self.lane(work);
        if lane.pending_us.load(Ordering::Acquire) > 0 {
            return Err(Refused::Full);
        }
        lane.submit(cost_us(spec, work).into(), job)
    }

    /// The families of both lanes.
    pub(crate) fn families(&self) -> Vec<Family> {
        let lanes = [&self.operations, &self.generation];
        let of = |value: fn(&Lane) -> Value| {
            lanes.map(|lane| Sample { labels: vec![("lane", lane.name)], value: value(lane) }).into()
        };
        #[expect(clippy::cast_precision_loss, reason = "both are bounded far below 2^53")]
        let (jobs, work) = (
            of(|lane| Value::Gauge(lane.pending_jobs.load(Ordering::Relaxed) as f64)),
            of(|lane| Value::Gauge(lane.pending_us.load(Ordering::Relaxed) as f64 / 1e6)),
        );
        let refused = of(|lane| Value::Counter(lane.refused.load(Ordering::Relaxed)));
        vec![
            Family::new("strongroom_slow_jobs", "Slow work that is queued or running, in jobs", jobs),
            Family::new("strongroom_slow_work_seconds", "Slow work that is queued or running, by its usual cost", work),
            Family::new("strongroom_slow_throttles", "Slow work that found no room; callers were throttled", refused),
        ]
    }

    /// Whether the lane has more to do than one such job, which the asking one is.
    pub(crate) fn has_more_than(&self, spec: KeySpec, work: Work) -> bool {
        self.lane(work).pending_us.load(Ordering::Acquire) > cost_us(spec, work).into()
    }

    const fn lane(&self, work: Work) -> &Lane {
        match work {
            Work::Generate => &self.generation,
            Work::Open | Work::Private | Work::Public => &self.operations,
        }
    }
}

impl Lane {
    fn new(name: &'static str, threads: usize, limits: &Limits) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(JOBS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let (pending_us, pending_jobs) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        for at in 0..threads {
            let (queue, pending_us) = (Arc::clone(&queue), Arc::clone(&pending_us));
            let pending_jobs = Arc::clone(&pending_jobs);
            let on_start = limits.on_slow_thread_start;
            thread::Builder::new().name(format!("{name}-{at}")).spawn(move || {
                on_start();
                work_off(&queue, &pending_us, &pending_jobs);
            })?;
        }
        let wait_max_us = u64::from(limits.slow_wait_max_ms) * 1000;
        let wait_max_us = wait_max_us.saturating_mul(u64::try_from(threads).unwrap_or(1));
        Ok(Self { jobs, name, pending_us, pending_jobs, refused: AtomicU64::new(0), wait_max_us })
    }

    fn submit(&self, cost_us: u64, run: impl FnOnce() + Send + 'static) -> Result<(), Refused> {
        // One job always fits into an empty lane, whatever it costs.
        let before = self.pending_us.fetch_add(cost_us, Ordering::AcqRel);
        let fits = before == 0 || before + cost_us <= self.wait_max_us;
        let job = Job { cost_us, run: Box::new(run) };
        self.pending_jobs.fetch_add(1, Ordering::Relaxed);
        if fits && self.jobs.try_send(job).is_ok() {
            return Ok(());
        }
        self.pending_us.fetch_sub(cost_us, Ordering::AcqRel);
        self.pending_jobs.fetch_sub(1, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Refused::Full)
    }
}

fn work_off(queue: &Mutex<Receiver<Job>>, pending_us: &AtomicU64, pending_jobs: &AtomicU64) {
    loop {
        // Held while waiting: the others queue on the mutex as they would on the channel.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { cost_us, run }) = job else { return };
        // The panic hook has told of it; whoever waits learns it from the channel that closes.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        pending_us.fetch_sub(cost_us, Ordering::AcqRel);
        pending_jobs.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use super::*;

    const SPEC: KeySpec = KeySpec::Rsa4096;

    fn one_thread(wait_max_ms: u32) -> SlowPool {
        let limits = Limits { slow_threads: 1, slow_wait_max_ms: wait_max_ms, ..Limits::default() };
        SlowPool::new(&limits).unwrap()
    }

    /// A pool whose only operations thread is busy until the sender is dropped.
    async fn busy_pool(wait_max_ms: u32) -> (SlowPool, std::sync::mpsc::Sender<()>) {
        let pool = one_thread(wait_max_ms);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let busy = move || {
            let _ = started.send(());
            let _ = wait.recv();
        };
        pool.operations.submit(1, busy).unwrap();
        running.await.unwrap();
        (pool, release)
    }

    #[tokio::test]
    async fn a_full_lane_refuses_at_once_and_recovers() {
        let (pool, release) = busy_pool(10).await;
        let cost = u64::from(cost_us(SPEC, Work::Private));
        let mut taken = 1;
        while pool.operations.submit(cost, || ()).is_ok() {
            taken += cost;
        }
        assert!(taken <= 10_000, "{taken} us were taken");
        assert_eq!(pool.run(SPEC, Work::Private, || 1).await, Err(Refused::Full));
        assert_eq!(pool.run(SPEC, Work::Generate, || 2).await, Ok(2), "key generation has its own lane");
        drop(release);
        while pool.run(SPEC, Work::Private, || 3).await != Ok(3) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_not_done() {
        let (pool, release) = busy_pool(1_000).await;
        let done = Arc::new(AtomicBool::new(false));
        let job = {
            let done = Arc::clone(&done);
            move || done.store(true, Ordering::SeqCst)
        };
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), pool.run(SPEC, Work::Private, job));
        assert!(waiting.await.is_err());
        drop(release);
        assert_eq!(pool.run(SPEC, Work::Private, || 1).await, Ok(1), "the one after it");
        assert!(!done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_job_alone() {
        let pool = one_thread(1_000);
        assert_eq!(pool.run(SPEC, Work::Private, || panic!("a bug")).await, Err::<(), _>(Refused::Panicked));
        assert_eq!(pool.run(SPEC, Work::Private, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn idle_work_comes_last() {
        let (pool, release) = busy_pool(1_000).await;
        assert_eq!(pool.run_when_idle(SPEC, Work::Private, || ()), Err(Refused::Full));
        drop(release);
        while pool.run_when_idle(SPEC, Work::Private, || ()).is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn every_thread_begins_as_it_was_told() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let begin = || {
            BEGUN.fetch_add(1, Ordering::SeqCst);
        };
        let limits = Limits { slow_threads: 3, on_slow_thread_start: begin, ..Limits::default() };
        let _pool = SlowPool::new(&limits).unwrap();
        while BEGUN.load(Ordering::SeqCst) < 3 + 1 {
            thread::yield_now();
        }
    }
}
