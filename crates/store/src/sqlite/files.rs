//! The data directory: who may use it, what lies in it, and how a file comes into it for good.
//!
//! # Invariants
//! - One process at a time: the lock is held for the life of the store, and released by the system when the process dies.
//! - `strongroom.db` appears whole or not at all.
//! - What is not ours is looked at through plain reads before SQLite may touch it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::schema::{APPLICATION_ID, SCHEMA_VERSION};
use crate::Error;

/// Where things lie in a data directory.
#[derive(Clone, Debug)]
pub(super) struct DataDir {
    dir: PathBuf,
}

/// Holds the data directory against other processes while it exists.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl DataDir {
    /// Takes `dir`, making it when it is missing.
    pub(super) fn prepare(dir: &Path) -> Result<Self, Error> {
        // An absolute path never looks like a URI to SQLite, and survives a change of the working directory.
        let dir = std::path::absolute(dir).map_err(|error| Error::io(format!("finding {}", dir.display()), error))?;
        make_dir(&dir)?;
        Ok(Self { dir })
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("strongroom.db")
    }

    /// The write-ahead log, which SQLite names.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("strongroom.db-wal")
    }

    /// Where a new database is made before it gets its name.
    pub(super) fn unfinished_database(&self) -> PathBuf {
        self.dir.join("strongroom.db.new")
    }

    /// Locks the directory.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let path = self.dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private_file(&mut options);
        let file = options.open(&path).map_err(|error| Error::io(format!("opening {}", path.display()), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(path)),
            Err(TryLockError::Error(error)) => Err(Error::io(format!("locking {}", path.display()), error)),
        }
    }

    /// Whether there is a database of ours, judged by its first bytes.
    ///
    /// Call this under the lock, and while this process has no connection to the database: closing a file drops the system's record locks
    /// that SQLite holds on it.
    pub(super) fn has_database(&self) -> Result<bool, Error> {
        let path = self.database();
        let reading = |error| Error::io(format!("reading {}", path.display()), error);
        let mut header = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                if !file.metadata().map_err(reading)?.is_file() {
                    return Err(Error::Foreign(format!("{} is not a file", path.display())));
                }
                file.take(HEADER_BYTES).read_to_end(&mut header).map_err(reading)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.refuse_an_orphaned_log().map(|()| false);
            }
            Err(error) => return Err(reading(error)),
        }
        check_header(&header, &path).map(|()| true)
    }

    /// A log without its database means that the database was lost; a new one would be overwritten with the log's pages.
    fn refuse_an_orphaned_log(&self) -> Result<(), Error> {
        if self.log_bytes()? == 0 {
            return Ok(());
        }
        let (log, database) = (self.log(), self.database());
        Err(Error::Corrupt(format!("{} is here, but {} is missing", log.display(), database.display())))
    }

    /// Makes the empty file in which a new database is built, in place of one that a crash left unfinished.
    pub(super) fn create_unfinished_database(&self) -> Result<(), Error> {
        let path = self.unfinished_database();
        let making = |error| Error::io(format!("making {}", path.display()), error);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(making(error)),
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private_file(&mut options);
        options.open(&path).map(drop).map_err(making)
    }

    /// Gives the finished database its name, for good.
    pub(super) fn publish_database(&self) -> Result<(), Error> {
        let (from, to) = (self.unfinished_database(), self.database());
        let making = |error| Error::io(format!("making {}", to.display()), error);
        File::open(&from).and_then(|file| file.sync_all()).map_err(making)?;
        std::fs::rename(&from, &to).map_err(making)?;
        sync_dir(&self.dir).map_err(making)
    }

    /// Bytes of the database, without opening it.
    pub(super) fn database_bytes(&self) -> Result<u64, Error> {
        length_of(&self.database())
    }

    /// Bytes of the log, without opening it.
    pub(super) fn log_bytes(&self) -> Result<u64, Error> {
        length_of(&self.log())
    }
}

/// The part of a database file that says what it is (<https://www.sqlite.org/fileformat2.html>, section 1.3).
const HEADER_BYTES: u64 = 100;

/// What the header says of every database that we make, by its place. SQLite would read records wrongly rather than doubt some of it.
const FORMAT: &[(usize, &[u8])] = &[
    (16, &4096_u16.to_be_bytes()), // page size
    (20, &[0, 64, 32, 32]),        // reserved space, payload fractions
    (44, &4_u32.to_be_bytes()),    // schema format
    (52, &[0; 4]),                 // no vacuum by itself
    (56, &1_u32.to_be_bytes()),    // UTF-8
    (64, &[0; 4]),                 // nor bit by bit
    (72, &[0; 20]),                // for later extensions of the format
];

/// Judges a header by itself. SQLite, which reads the log too, judges again.
fn check_header(header: &[u8], path: &Path) -> Result<(), Error> {
    if header.is_empty() {
        // We never leave an empty file under this name, so there were records in it once.
        return Err(Error::Corrupt(format!("{} is empty", path.display())));
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(Error::Foreign(format!("{} is not an SQLite database", path.display())));
    }
    let number = |at: usize| header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let (Some(version), Some(application_id)) = (number(60), number(68)) else {
        return Err(Error::Corrupt(format!("{} ends within its header", path.display())));
    };
    if application_id != APPLICATION_ID {
        return Err(Error::Foreign(format!("{} is the SQLite database of another program", path.display())));
    }
    if version > SCHEMA_VERSION {
        return Err(Error::Newer(version));
    }
    if FORMAT.iter().any(|(at, bytes)| header.get(*at..at + bytes.len()) != Some(*bytes)) {
        return Err(Error::Corrupt(format!("the header of {} is not one that this program writes", path.display())));
    }
    Ok(())
}

/// A missing file has no bytes.
fn length_of(path: &Path) -> Result<u64, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::io(format!("looking at {}", path.display()), error)),
    }
}

/// Makes `dir` and what leads to it, open to nobody else; leaves alone what exists.
fn make_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    let making = |error| Error::io(format!("making the data directory {}", dir.display()), error);
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    let mut builder = DirBuilder::new();
    private_dir(&mut builder);
    match builder.create(dir) {
        Ok(()) => {}
        // Another process made it in the meantime.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        Err(error) => return Err(making(error)),
    }
    parent.map_or(Ok(()), sync_dir).map_err(making)
}

/// Makes the names in `dir` durable.
#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Elsewhere the file system keeps names by itself, and a directory cannot be opened.
#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private_file(_options: &mut OpenOptions) {}

#[cfg(unix)]
fn private_dir(builder: &mut DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

#[cfg(not(unix))]
fn private_dir(_builder: &mut DirBuilder) {}
