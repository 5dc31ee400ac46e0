//! The one thread that writes.
//!
//! # Invariants
//! - Batches that wait are tried together in one transaction, each in its own savepoint, so that they share one flush of the disk and a
//!   conflict in one leaves the others alone. Replies leave after the commit.
//! - When the transaction itself fails, each batch is tried alone: only the one that is too big for the disk fails.
//! - The log is written back into the database and truncated at most [`Tuning::checkpoint_after`] after the first commit that it holds,
//!   unless a foreign reader prevents it: so long do older images of pages, and erased values in them, stay in the log.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connection::BUSY_TIMEOUT;
use super::failure::lift;
use super::files::DataDir;
use super::lane::{Next, Queued, Reply, Room, Work};
use super::rows;
use crate::{Batch, Error};

/// The most batches in one transaction, and the most bytes: what makes the first of them wait.
const GROUP_BATCHES: usize = 256;
const GROUP_BYTES: usize = 16 << 20;

/// How long a checkpoint waits for readers, while commits wait for it.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(50);
/// When a checkpoint that did not come through is tried again.
const CHECKPOINT_RETRY_AFTER: Duration = Duration::from_secs(1);

const COMMITTING: &str = "committing";
const CHECKPOINTING: &str = "writing the log back into the database";

/// What tests set otherwise than servers.
#[derive(Clone, Debug)]
pub(super) struct Tuning {
    pub(super) checkpoint_after: Duration,
    /// A longer log is checkpointed at once.
    pub(super) log_limit_bytes: u64,
    /// A bound for the database, as if the disk were that small.
    pub(super) page_limit: Option<u32>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { checkpoint_after: Duration::from_secs(1), log_limit_bytes: 16 << 20, page_limit: None }
    }
}

/// What the writer is asked to do.
pub(super) enum Order {
    Commit(Batch, Reply<()>),
    Checkpoint(Reply<()>),
    /// Finish what was ordered before, tidy up, end.
    Close(Option<Reply<()>>),
}

/// A batch that waits for its commit.
struct Waiting {
    batch: Batch,
    reply: Reply<()>,
    _room: Room,
}

pub(super) struct Writer {
    db: Connection,
    dir: DataDir,
    tuning: Tuning,
    /// When the log is to be checkpointed, if it holds anything.
    due: Option<Instant>,
    /// No attempt before this moment, since one failed.
    not_before: Option<Instant>,
}

impl Writer {
    pub(super) fn new(db: Connection, dir: DataDir, tuning: Tuning) -> Self {
        // What a foreign reader kept in the log while the store was opened.
        let due = Some(Instant::now() + tuning.checkpoint_after);
        Self { db, dir, tuning, due, not_before: None }
    }

    /// Works until it is closed. Then waits for the `readers`, so that the last connection is this one, which tidies up.
    pub(super) fn run(mut self, work: &Work<Order>, readers: Vec<JoinHandle<()>>) {
        let mut closing = None;
        while closing.is_none() {
            match work.next(self.until_due()) {
                Next::Order(queued) => closing = self.serve(queued, work),
                Next::Idle => {}
                Next::End => closing = Some(None),
            }
            self.checkpoint_when_due();
        }
        for reader in readers {
            // A reader that panicked has said so on stderr; the log is written back all the same.
            reader.join().ok();
        }
        let done = self.close();
        if let Some(Some(reply)) = closing {
            reply.send(done).ok();
        }
    }

    /// Serves one order, together with the commits that wait behind it. Returns the last order, when it came.
    fn serve(&mut self, first: Queued<Order>, work: &Work<Order>) -> Option<Option<Reply<()>>> {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(Queued { order, room }) = next {
            match order {
                Order::Commit(batch, reply) => {
                    bytes += batch.bytes();
                    group.push(Waiting { batch, reply, _room: room });
                }
                Order::Checkpoint(reply) => {
                    self.commit(std::mem::take(&mut group));
                    reply.send(self.checkpoint()).ok();
                }
                Order::Close(reply) => {
                    self.commit(group);
                    return Some(reply);
                }
            }
            next = if group.len() < GROUP_BATCHES && bytes < GROUP_BYTES { work.at_hand() } else { None };
        }
        self.commit(group);
        None
    }

    /// Commits `group` and answers each of its callers, who may be gone.
    fn commit(&mut self, group: Vec<Waiting>) {
        if group.is_empty() {
            return;
        }
        match commit_together(&mut self.db, &group) {
            Ok(outcomes) => {
                self.due.get_or_insert_with(|| Instant::now() + self.tuning.checkpoint_after);
                for (waiting, outcome) in group.into_iter().zip(outcomes) {
                    waiting.reply.send(outcome).ok();
                }
            }
            Err(error) => self.commit_apart(group, error),
        }
    }

    /// What is done with a `group` whose transaction failed.
    fn commit_apart(&mut self, mut group: Vec<Waiting>, error: Error) {
        if group.len() > 1 {
            return group.into_iter().for_each(|waiting| self.commit(vec![waiting]));
        }
        if matches!(error, Error::Full) {
            // The log may hold room that the next commit can have.
            self.due = Some(Instant::now());
        }
        if let Some(waiting) = group.pop() {
            waiting.reply.send(Err(error)).ok();
        }
    }

    /// How long to wait for an order; without end while the log is empty.
    fn until_due(&self) -> Option<Duration> {
        self.due
            .map(|due| self.not_before.map_or(due, |moment| due.max(moment)).saturating_duration_since(Instant::now()))
    }

    fn checkpoint_when_due(&mut self) {
        let Some(due) = self.due else { return };
        let now = Instant::now();
        if self.not_before.is_some_and(|moment| now < moment) {
            return;
        }
        if now >= due || self.dir.log_bytes().is_ok_and(|bytes| bytes >= self.tuning.log_limit_bytes) {
            // Whatever prevents it, the commits are safe in the log, and it is tried again.
            self.checkpoint().ok();
        }
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let done = checkpoint(&self.db).and_then(require_complete);
        match done {
            Ok(()) => (self.due, self.not_before) = (None, None),
            Err(_) => self.not_before = Some(Instant::now() + CHECKPOINT_RETRY_AFTER),
        }
        done
    }

    fn close(self) -> Result<(), Error> {
        checkpoint(&self.db).and_then(require_complete)?;
        // The last connection removes the empty log.
        self.db.close().map_err(|(_, error)| lift("closing the database", error))
    }
}

/// Writes the log back into the database and empties it. Says whether it could: a reader in the way for longer than
/// [`CHECKPOINT_PATIENCE`] prevents it. Nothing is lost then, nor when the disk fails: the log stays.
pub(super) fn checkpoint(db: &Connection) -> Result<bool, Error> {
    let run = || -> rusqlite::Result<bool> {
        db.busy_timeout(CHECKPOINT_PATIENCE)?;
        let busy: rusqlite::Result<bool> = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        db.busy_timeout(BUSY_TIMEOUT)?;
        Ok(!busy?)
    };
    run().map_err(|error| lift(CHECKPOINTING, error))
}

fn require_complete(complete: bool) -> Result<(), Error> {
    let busy = || io::Error::new(io::ErrorKind::ResourceBusy, "another program is reading the database");
    if complete { Ok(()) } else { Err(Error::io(CHECKPOINTING, busy())) }
}

/// The outcome of each batch, all of them durable; or why the transaction failed, with nothing changed.
fn commit_together(db: &mut Connection, group: &[Waiting]) -> Result<Vec<Result<(), Error>>, Error> {
    let mut transaction =
        db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| lift(COMMITTING, error))?;
    let mut outcomes = Vec::with_capacity(group.len());
    for waiting in group {
        outcomes.push(try_batch(&mut transaction, &waiting.batch)?);
    }
    transaction.commit().map_err(|error| lift(COMMITTING, error))?;
    Ok(outcomes)
}

/// A conflict is the batch's own affair and undoes the batch; any other failure is the transaction's.
fn try_batch(transaction: &mut Transaction<'_>, batch: &Batch) -> Result<Result<(), Error>, Error> {
    let savepoint = transaction.savepoint().map_err(|error| lift(COMMITTING, error))?;
    match rows::apply(&savepoint, batch) {
        Ok(()) => savepoint.commit().map(Ok).map_err(|error| lift(COMMITTING, error)),
        Err(conflict @ Error::Conflict { .. }) => {
            savepoint.finish().map(|()| Err(conflict)).map_err(|error| lift(COMMITTING, error))
        }
        Err(error) => Err(error),
    }
}
