//! A bounded queue from async callers to a thread of the store.
//!
//! Callers wait for room without blocking their thread, and the thread waits for work without a runtime.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Error;

/// The callers' end. Clones are the same lane.
pub(super) struct Lane<T> {
    sender: mpsc::Sender<Queued<T>>,
    room: Arc<Semaphore>,
}

/// The threads' end: several threads may take from one lane.
pub(super) struct Work<T> {
    receiver: Mutex<mpsc::Receiver<Queued<T>>>,
}

/// An order, and the room that it takes up in the lane until it is dropped; the store's own orders take none.
pub(super) struct Queued<T> {
    pub(super) order: T,
    pub(super) room: Room,
}

/// Room in a lane, given back on drop.
pub(super) type Room = Option<OwnedSemaphorePermit>;

/// Where the answer to an order goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A lane with room for `capacity` orders.
pub(super) fn lane<T>(capacity: usize) -> (Lane<T>, Work<T>) {
    let (sender, receiver) = mpsc::channel();
    let room = Arc::new(Semaphore::new(capacity));
    (Lane { sender, room }, Work { receiver: Mutex::new(receiver) })
}

impl<T> Lane<T> {
    /// Waits for room, sends the order, waits for its answer.
    pub(super) async fn ask<A>(self, order: impl FnOnce(Reply<A>) -> T) -> Result<A, Error> {
        let (reply, answer) = oneshot::channel();
        let room = self.room.acquire_owned().await.map_err(|_| Error::Closed)?;
        let queued = Queued { order: order(reply), room: Some(room) };
        self.sender.send(queued).map_err(|_| Error::Closed)?;
        // The thread drops the reply only when it ends.
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Sends an order of the store itself, which needs no room. The thread may have ended already.
    pub(super) fn tell(&self, order: T) {
        self.sender.send(Queued { order, room: None }).ok();
    }

    /// Turns away whoever waits for room or comes later.
    pub(super) fn close(&self) {
        self.room.close();
    }
}

impl<T> Clone for Lane<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), room: Arc::clone(&self.room) }
    }
}

/// What came out of a lane.
pub(super) enum Next<T> {
    Order(Queued<T>),
    /// Nothing came in time.
    Idle,
    /// Nobody can send any more.
    End,
}

impl<T> Work<T> {
    /// Waits for an order, at most for `patience` when it is given.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next<T> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        match patience {
            None => receiver.recv().map_or(Next::End, Next::Order),
            Some(patience) => match receiver.recv_timeout(patience) {
                Ok(queued) => Next::Order(queued),
                Err(RecvTimeoutError::Timeout) => Next::Idle,
                Err(RecvTimeoutError::Disconnected) => Next::End,
            },
        }
    }

    /// An order that is already here.
    pub(super) fn at_hand(&self) -> Option<Queued<T>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
