//! The one thread that writes.
//!
//! # Invariants
//! - Batches that wait are tried together in one transaction, each in its own savepoint, so that they share one flush of the disk and a
//!   conflict in one leaves the others alone. Replies leave after the commit.
//! - When the transaction itself fails, each batch is tried alone: only the one that is too big for the disk fails.
//! - A log that has grown is written back into the database and used again from its start: overwriting costs less than growing.
//! - Older images of pages stay in the log, with erased values in them, until it is truncated: soon when nobody writes, and at most
//!   [`Tuning::erase_within`] after the erasure when somebody always does, unless a foreign reader prevents it.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connection::BUSY_TIMEOUT;
use super::failure::lift;
use super::lane::{Next, Queued, Reply, Room, Work};
use super::rows;
use crate::{Batch, Error};

/// The most batches in one transaction, and the most bytes: what makes the first of them wait.
const GROUP_BATCHES: usize = 256;
const GROUP_BYTES: usize = 16 << 20;

/// How long a checkpoint waits for readers, while commits wait for it.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(25);
/// When a checkpoint that did not come through is tried again.
const CHECKPOINT_RETRY_AFTER: Duration = Duration::from_millis(250);

const COMMITTING: &str = "committing";
const CHECKPOINTING: &str = "writing the log back into the database";

/// What tests set otherwise than servers.
#[derive(Clone, Debug)]
pub(super) struct Tuning {
    /// How long nobody writes before the log is truncated.
    pub(super) settle_after: Duration,
    /// How long erased values stay in the log at most.
    pub(super) erase_within: Duration,
    /// A longer log is written back and used again. 16 MiB of pages.
    pub(super) log_limit_pages: u64,
    /// A bound for the database, as if the disk were that small.
    pub(super) page_limit: Option<u32>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            settle_after: Duration::from_secs(1),
            erase_within: Duration::from_secs(10),
            log_limit_pages: 4096,
            page_limit: None,
        }
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
    tuning: Tuning,
    /// When the log is to be truncated, if it holds anything.
    settle_at: Option<Instant>,
    /// The same, if it holds erased values.
    erase_by: Option<Instant>,
    /// No attempt before this moment, since one failed.
    not_before: Instant,
}

impl Writer {
    pub(super) fn new(db: Connection, tuning: Tuning) -> Self {
        let now = Instant::now();
        // The log may hold what a foreign reader kept in it while the store was opened.
        Self { db, settle_at: Some(now + tuning.settle_after), tuning, erase_by: None, not_before: now }
    }

    /// Works until it is closed. Then waits for the `readers`, so that the last connection is this one, which tidies up.
    pub(super) fn run(mut self, work: &Work<Order>, readers: Vec<JoinHandle<()>>) {
        let mut closing = None;
        while closing.is_none() {
            match work.next(self.patience()) {
                Next::Order(queued) => closing = self.serve(queued, work),
                Next::Idle => {}
                Next::End => closing = Some(None),
            }
            self.keep_log_short();
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
                self.note_commit(&group);
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
            self.settle_at = Some(Instant::now());
        }
        if let Some(waiting) = group.pop() {
            waiting.reply.send(Err(error)).ok();
        }
    }

    fn note_commit(&mut self, group: &[Waiting]) {
        let now = Instant::now();
        self.settle_at = Some(now + self.tuning.settle_after);
        if group.iter().any(|waiting| waiting.batch.erases()) {
            self.erase_by.get_or_insert(now + self.tuning.erase_within);
        }
    }

    /// When the log is to be truncated.
    fn due(&self) -> Option<Instant> {
        let due = [self.settle_at, self.erase_by].into_iter().flatten().min()?;
        Some(due.max(self.not_before))
    }

    /// How long to wait for an order; without end while the log is empty.
    fn patience(&self) -> Option<Duration> {
        self.due().map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Whatever prevents it, the commits are safe in the log, and it is tried again.
    fn keep_log_short(&mut self) {
        let now = Instant::now();
        if self.due().is_some_and(|due| due <= now) {
            self.checkpoint().ok();
        } else if now >= self.not_before && log_pages(&self.db).is_ok_and(|pages| pages >= self.tuning.log_limit_pages)
        {
            let written_back = checkpoint(&self.db, Mode::Passive);
            self.retry_later_unless(matches!(written_back, Ok(true)));
        }
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let done = checkpoint(&self.db, Mode::Truncate).and_then(require_complete);
        if done.is_ok() {
            (self.settle_at, self.erase_by) = (None, None);
        }
        self.retry_later_unless(done.is_ok());
        done
    }

    fn retry_later_unless(&mut self, done: bool) {
        if !done {
            self.not_before = Instant::now() + CHECKPOINT_RETRY_AFTER;
        }
    }

    fn close(self) -> Result<(), Error> {
        checkpoint(&self.db, Mode::Truncate).and_then(require_complete)?;
        // The last connection removes the empty log.
        self.db.close().map_err(|(_, error)| lift("closing the database", error))
    }
}

/// What becomes of the log when it is written back into the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It keeps its length, and the next commit begins it anew.
    Passive,
    /// It is emptied.
    Truncate,
}

/// Writes the log back into the database. Says whether all of it was: a reader in the way, for longer than [`CHECKPOINT_PATIENCE`] if it is
/// to be emptied, prevents it. Nothing is lost then, nor when the disk fails: the log stays.
pub(super) fn checkpoint(db: &Connection, mode: Mode) -> Result<bool, Error> {
    let sql = match mode {
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let run = || -> rusqlite::Result<bool> {
        db.busy_timeout(CHECKPOINT_PATIENCE)?;
        let complete = db.query_row(sql, [], |row| {
            let [busy, pages, written_back]: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok(busy == 0 && pages == written_back)
        });
        db.busy_timeout(BUSY_TIMEOUT)?;
        complete
    };
    run().map_err(|error| lift(CHECKPOINTING, error))
}

/// How long the log is, counted in pages since it was begun anew.
fn log_pages(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| row.get(1))
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
