//! The bounded pool for slow mathematics: it must not delay symmetric calls.
//!
//! # Invariants
//! - A full queue refuses at once ([`Full`]); nobody waits without a bound.
//! - A panic in a job ends that job alone.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// The queue is full, or the pool is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pool for slow work is full")]
pub(crate) struct Full;

type Job = Box<dyn FnOnce() + Send>;

/// Threads of their own for jobs that take longer than a symmetric call may wait.
pub(crate) struct SlowPool {
    queue: SyncSender<Job>,
}

impl SlowPool {
    /// `threads` workers behind a queue of `queue_max` jobs. The workers end when the pool is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn new(threads: usize, queue_max: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for at in 0..threads {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name(format!("slow-{at}")).spawn(move || work(&jobs))?;
        }
        Ok(Self { queue })
    }

    /// Runs `job` on the pool.
    ///
    /// # Errors
    /// [`Full`] when the queue is full, or when the job panicked.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Full> {
        let (reply, answer) = oneshot::channel();
        self.submit(move || drop(reply.send(job())))?;
        answer.await.map_err(|_| Full)
    }

    /// Queues `job` without waiting for it.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Full> {
        self.queue.try_send(Box::new(job)).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Full,
        })
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // Held while waiting: the others queue on the mutex as they would on the channel.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let pool = SlowPool::new(1, 1).expect("a thread");
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        pool.submit(move || {
            let _ = started.send(());
            let _ = wait.recv();
        })
        .expect("an empty queue");
        running.await.expect("the worker took it");
        pool.submit(|| ()).expect("one place in the queue");
        assert_eq!(pool.run(|| 1).await, Err(Full));
        drop(release);
        // The worker is free again: the queue drains and takes new work.
        while pool.submit(|| ()).is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_job_alone() {
        let pool = SlowPool::new(1, 4).expect("a thread");
        assert_eq!(pool.run(|| panic!("a bug")).await, Err::<(), _>(Full));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }
}
