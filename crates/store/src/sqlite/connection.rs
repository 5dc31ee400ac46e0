//! Connections, set up the same way wherever they are opened.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::lift;
use crate::Error;

/// How long a commit waits for another program that holds the database, such as an operator's shell.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What is kept of the database in memory, per connection. It does not grow with the database.
const CACHE_KIB: i64 = 8192;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
}

/// Opens a database that exists. Nothing is written yet, not even by closing the connection again.
pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Connection, Error> {
    let access = match purpose {
        Purpose::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    // A connection that is refused must not write the log of whatever this is into the database; an empty log it may remove again.
    let keeps_log = has_log(path);
    let connect = || -> rusqlite::Result<Connection> {
        // Each connection belongs to one thread.
        let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps_log)?;
        set_up(&db)?;
        Ok(db)
    };
    connect().map_err(|error| lift(&format!("opening {}", path.display()), error))
}

fn has_log(database: &Path) -> bool {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    // A log that cannot be looked at is as good as one that must not be touched.
    std::fs::metadata(log).map_or_else(|error| error.kind() != ErrorKind::NotFound, |metadata| metadata.len() > 0)
}

fn set_up(db: &Connection) -> rusqlite::Result<()> {
    // A crafted schema must not run code, nor the file be changed behind SQLite's back.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(32);
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update(None, "cell_size_check", true)?;
    // A mapped file turns a disk's error into a signal that ends the process.
    db.pragma_update(None, "mmap_size", 0)?;
    // Journals of savepoints hold records, and would lie in /tmp.
    db.pragma_update(None, "temp_store", "MEMORY")
}

/// Makes commits durable and erasures real. From here on the database may be written.
pub(super) fn set_up_writing(db: &Connection) -> Result<(), Error> {
    let set = || -> rusqlite::Result<String> {
        let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // On macOS alone a flush needs more than fsync to reach the disk.
        db.pragma_update(None, "fullfsync", true)?;
        db.pragma_update(None, "checkpoint_fullfsync", true)?;
        db.pragma_update(None, "secure_delete", true)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        // The writer says when.
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(mode)
    };
    let mode = set().map_err(|error| lift("setting up the database", error))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    // File systems without shared memory, some network ones, end here.
    let why = io::Error::new(ErrorKind::Unsupported, "this file system cannot hold a write-ahead log");
    Err(Error::io("setting up the database", why))
}
