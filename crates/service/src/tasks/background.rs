//! The task that turns by itself, from the start of a node to its end.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Tasks;

/// How long a last use is in memory alone: as much is lost when the process is killed. `docs/lifecycle.md` says so.
const FLUSH_PERIOD: Duration = Duration::from_secs(60);

/// A running task; it ends when this is stopped or dropped.
pub(crate) struct Background {
    stop: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    /// Looks for due work every `period`; never by itself without one.
    pub(crate) fn start(tasks: Arc<Tasks>, period: Option<Duration>) -> Self {
        let stop = Arc::new(Notify::new());
        let task = period.map(|period| tokio::spawn(turn_until(Arc::clone(&stop), tasks, period)));
        Self { stop, task: Mutex::new(task) }
    }

    /// Lets the turn that runs come to its end, and no other begin.
    pub(crate) async fn stop(&self) {
        self.stop.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It catches its own panics; only the runtime's end can break it off, and then there is nothing to wait for.
            let _ = task.await;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

async fn turn_until(stop: Arc<Notify>, tasks: Arc<Tasks>, period: Duration) {
    let mut flushed = Instant::now();
    while timeout(period, stop.notified()).await.is_err() {
        let turn = async {
            tasks.run_due().await;
            if flushed.elapsed() >= FLUSH_PERIOD {
                flushed = Instant::now();
                tasks.flush_last_usage().await;
            }
        };
        if AssertUnwindSafe(turn).catch_unwind().await.is_err() {
            tracing::error!("a turn of the background task panicked");
        }
    }
}
