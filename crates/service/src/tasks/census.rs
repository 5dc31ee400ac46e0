//! The task that counts keys by state: once after the start, then every hour.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::keys::Keyring;

/// From the end of one count to the next.
const PERIOD: Duration = Duration::from_secs(3600);

/// A running task; it ends when this is stopped or dropped.
pub(crate) struct Counting(Mutex<Option<JoinHandle<()>>>);

impl Counting {
    /// Counts from now on, or never.
    pub(crate) fn start(keyring: Arc<Keyring>, wanted: bool) -> Self {
        Self(Mutex::new(wanted.then(|| {
            tokio::spawn(async move {
                loop {
                    if let Err(error) = keyring.count_keys().await {
                        tracing::warn!(%error, "the keys could not be counted; they are counted again in an hour");
                    }
                    let _ = timeout(PERIOD, keyring.count_wanted()).await;
                }
            })
        })))
    }

    /// Breaks off: nothing is lost.
    pub(crate) async fn stop(&self) {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Some(task) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}
