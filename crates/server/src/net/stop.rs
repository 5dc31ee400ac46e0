//! The one signal that ends a server: pulled once, seen by the accept loop and by every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// A brake that is pulled once. Clones are the same brake.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pulled: AtomicBool,
    waiting: Arc<Notify>,
}

impl Stop {
    /// Stops accepting; lets what is under way end.
    pub fn pull(&self) {
        self.inner.pulled.store(true, Ordering::Release);
        self.inner.waiting.notify_waiters();
    }

    /// Whether it has been pulled: one load, cheap enough for every poll of a connection.
    pub fn is_pulled(&self) -> bool {
        self.inner.pulled.load(Ordering::Acquire)
    }

    /// Ends when the brake is pulled, at once when it already has been.
    pub async fn pulled(&self) {
        let notified = self.wake_up();
        if !self.is_pulled() {
            notified.await;
        }
    }

    /// A future that wakes whoever polled it once. Ask [`Stop::is_pulled`] after making it, so that no pull is missed.
    pub(super) fn wake_up(&self) -> OwnedNotified {
        // `notify_waiters` reaches every future made before it, polled or not.
        Arc::clone(&self.inner.waiting).notified_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pull_is_seen_before_and_after() {
        let stop = Stop::default();
        let waiter = tokio::spawn({
            let stop = stop.clone();
            async move { stop.pulled().await }
        });
        tokio::task::yield_now().await;
        assert!(!stop.is_pulled());
        stop.pull();
        waiter.await.expect("the waiter ends");
        stop.pulled().await;
        assert!(stop.is_pulled());
    }
}
