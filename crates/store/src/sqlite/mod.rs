//! The embedded store: SQLite in a data directory of its own.
//!
//! One thread writes and shares each flush of the disk among the batches that wait ([`writer`]); a few threads read; async callers reach
//! them through bounded lanes ([`lane`]) and never wait for a disk themselves. Opening needs no runtime.
//!
//! # Invariants
//! - An acknowledged batch survives `kill -9` and power loss: write-ahead log, flushed at each commit.
//! - A deleted or replaced value is gone from the files soon after ([`slots`], [`SqliteStore::checkpoint`]).
//! - A database that is foreign, newer or damaged is refused before anything is written to it.
//! - Opening and memory do not grow with the number of records.
//!
//! # Not here
//! Backup. Several processes: the directory is locked. Network file systems: the log needs shared memory.

mod connection;
mod failure;
mod files;
mod lane;
mod reader;
mod rows;
mod schema;
mod slots;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::batch::check_scan_limit;
use crate::{Batch, Error, Record, Store, StoreFuture, Table};
use connection::Purpose;
use failure::lift;
use files::{DataDir, Lock};
use lane::{Lane, Work, lane};
use reader::Query;
use writer::{Mode, Order, Tuning, Writer};

/// Threads that read. Two cores' worth: a point read takes microseconds, and a long scan must not delay the others.
const READERS: usize = 2;
/// Commits that wait for the writer before callers wait for room.
const WRITE_LANE: usize = 1024;
/// Queries that wait for a reader before callers wait for room.
const READ_LANE: usize = 1024;

/// A store in a data directory.
///
/// Dropping it finishes what was ordered, and blocks for as long as that takes.
pub struct SqliteStore {
    dir: DataDir,
    writer: Lane<Order>,
    readers: Lane<Query>,
    /// Taken when the store is dropped.
    thread: Option<JoinHandle<()>>,
    /// Given up last, when no thread touches the files any more.
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store in `dir`, making both when they are missing.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it open; [`Error::Foreign`], [`Error::Newer`] and [`Error::Corrupt`] when what lies there
    /// is not to be touched; [`Error::Io`] and [`Error::Full`] when the system refuses.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_tuned(dir, Tuning::default())
    }

    fn open_tuned(dir: &Path, tuning: Tuning) -> Result<Self, Error> {
        let dir = DataDir::prepare(dir)?;
        let lock = dir.lock()?;
        if !dir.has_database()? {
            create_database(&dir)?;
        }
        let db = open_database(&dir)?;
        if let Some(pages) = tuning.page_limit {
            db.pragma_update(None, "max_page_count", pages).map_err(|error| lift("bounding the database", error))?;
        }
        let (readers, queries) = lane(READ_LANE);
        let reader_threads = spawn_readers(&dir, queries)?;
        let (writer, orders) = lane(WRITE_LANE);
        let work = Writer::new(db, tuning);
        let thread = spawn("store-writer", move || work.run(&orders, reader_threads))?;
        Ok(Self { dir, writer, readers, thread: Some(thread), _lock: lock })
    }

    /// Writes what was committed into the database file and empties the log, so that values erased before are in neither.
    ///
    /// The store does this by itself when nobody has written for a second, and within ten seconds of an erasure in any case.
    ///
    /// # Errors
    /// [`Error::Io`] when another program reads the database at this moment, or the disk fails. The commits are safe all the same.
    pub fn checkpoint(&self) -> StoreFuture<'static, ()> {
        let writer = self.writer.clone();
        Box::pin(writer.ask(Order::Checkpoint))
    }

    /// Checks the whole database: b-trees, records, slots. It takes as long as reading it, beside other work.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first thing that is wrong.
    pub fn verify(&self) -> StoreFuture<'static, ()> {
        let path = self.dir.database();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let check = move || connection::open(&path, Purpose::Read).and_then(|db| verify::verify(&db));
            spawn("store-verify", move || drop(reply.send(check())))?;
            answer.await.map_err(|_| Error::Closed)?
        })
    }

    /// Finishes what was ordered, empties the log and closes the files. Later calls fail with [`Error::Closed`].
    ///
    /// # Errors
    /// What prevented tidying up. Acknowledged batches are safe all the same.
    pub fn close(&self) -> StoreFuture<'static, ()> {
        let (reply, answer) = oneshot::channel();
        self.end(Some(reply));
        Box::pin(async move { answer.await.map_err(|_| Error::Closed)? })
    }

    fn end(&self, reply: Option<lane::Reply<()>>) {
        self.readers.close();
        self.writer.close();
        (0..READERS).for_each(|_| self.readers.tell(Query::Close));
        self.writer.tell(Order::Close(reply));
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.end(None);
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so on stderr; there is nobody left to tell.
            thread.join().ok();
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, table: Table, key: &'a [u8]) -> StoreFuture<'a, Option<Record>> {
        let key = key.to_vec();
        Box::pin(self.readers.clone().ask(move |reply| Query::Get { table, key, reply }))
    }

    fn scan<'a>(
        &'a self,
        table: Table,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Record>> {
        let readers = self.readers.clone();
        let (prefix, after) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
        Box::pin(async move {
            check_scan_limit(limit)?;
            readers.ask(move |reply| Query::Scan { table, prefix, after, limit, reply }).await
        })
    }

    fn commit(&self, batch: Batch) -> StoreFuture<'static, ()> {
        let writer = self.writer.clone();
        Box::pin(async move {
            batch.check_limits()?;
            if batch.is_empty() {
                return Ok(());
            }
            writer.ask(move |reply| Order::Commit(batch, reply)).await
        })
    }
}

/// Builds an empty database beside its place and moves it there: a crash leaves none or a whole one.
fn create_database(dir: &DataDir) -> Result<(), Error> {
    dir.create_unfinished_database()?;
    let mut db = connection::open(&dir.unfinished_database(), Purpose::Write)?;
    schema::create(&mut db)?;
    db.close().map_err(|(_, error)| lift("making the database", error))?;
    dir.publish_database()
}

/// Opens a database whose header is ours; writes only when all of it is found to be.
fn open_database(dir: &DataDir) -> Result<Connection, Error> {
    let mut db = connection::open(&dir.database(), Purpose::Write)?;
    schema::inspect(&db)?;
    check_length(&db, dir)?;
    connection::set_up_writing(&db)?;
    schema::upgrade(&mut db)?;
    // What a crash left in the log, and what the upgrade put there: an older release must find the new version in the file's header.
    // A foreign reader or a full disk may prevent it; what is stored can be read all the same.
    match writer::checkpoint(&db, Mode::Truncate) {
        Ok(_) | Err(Error::Full) => {}
        Err(error) => return Err(error),
    }
    check_length(&db, dir)?;
    Ok(db)
}

/// A file that is shorter than its header says was cut off; one that is longer has a header that lies. Pages may be only in the log.
fn check_length(db: &Connection, dir: &DataDir) -> Result<(), Error> {
    let doing = "measuring the database";
    let number =
        |name| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0)).map_err(|error| lift(doing, error));
    let expected = number("page_count")?.saturating_mul(number("page_size")?);
    let (found, log) = (dir.database_bytes()?, dir.log_bytes()?);
    let fits = if log == 0 { found == expected } else { found.saturating_add(log) >= expected };
    if fits { Ok(()) } else { Err(Error::Corrupt(format!("it has {found} bytes where its header says {expected}"))) }
}

fn spawn_readers(dir: &DataDir, queries: Work<Query>) -> Result<Vec<JoinHandle<()>>, Error> {
    let queries = Arc::new(queries);
    let spawn_reader = |number| {
        let db = connection::open(&dir.database(), Purpose::Read)?;
        let queries = Arc::clone(&queries);
        spawn(&format!("store-reader-{number}"), move || reader::run(&db, &queries))
    };
    (0..READERS).map(spawn_reader).collect()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(|error| Error::io(format!("starting {name}"), error))
}
