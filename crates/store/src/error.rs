//! Why the store could not do what it was asked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::Table;

/// A failure of the store. Its text is for the operator: it names files and keys, never values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record was not as the batch expected it. Nothing was changed.
    #[error("the record {} of table {table} is not as the batch expects it", key.escape_ascii())]
    Conflict {
        /// The record's table.
        table: Table,
        /// The record's key.
        key: Vec<u8>,
    },
    /// A limit of the store was broken by the caller. Nothing was changed.
    #[error("too big: {0}")]
    TooBig(Limit),
    /// The database is ours and damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// Something else lies where our database would.
    #[error("not a Strongroom database: {0}")]
    Foreign(String),
    /// The database was written by a newer release: the schema version found.
    #[error(
        "the database has schema version {0}, which is newer than this program; run the release that wrote it, or a later one"
    )]
    Newer(u32),
    /// Another process has the store open.
    #[error("another server is using this data directory ({} is locked)", .0.display())]
    InUse(PathBuf),
    /// The disk or the system failed. Whether a batch was applied is unknown.
    #[error("{0}")]
    Io(#[source] IoFailure),
    /// There is no room left. Nothing was changed.
    #[error("no space is left for the database")]
    Full,
    /// The store was closed. Whether a batch that was under way was applied is unknown.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// An I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        // A full disk has one name, whoever notices it.
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::Full;
        }
        Self::Io(IoFailure { doing: doing.into(), source })
    }
}

/// What the system could not do.
#[derive(Debug)]
pub struct IoFailure {
    /// What the store was doing, such as `opening /var/lib/strongroom/strongroom.db`.
    pub doing: String,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.source)
    }
}

impl std::error::Error for IoFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The limits that a caller can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// A key is longer than [`crate::MAX_KEY_BYTES`].
    #[error("a key has more than {} bytes", crate::MAX_KEY_BYTES)]
    KeyBytes,
    /// A value is longer than [`crate::MAX_VALUE_BYTES`].
    #[error("a value has more than {} bytes", crate::MAX_VALUE_BYTES)]
    ValueBytes,
    /// A batch has more steps than [`crate::MAX_BATCH_RECORDS`].
    #[error("a batch has more than {} steps", crate::MAX_BATCH_RECORDS)]
    BatchRecords,
    /// A batch has more bytes than [`crate::MAX_BATCH_BYTES`].
    #[error("a batch has more than {} bytes", crate::MAX_BATCH_BYTES)]
    BatchBytes,
    /// A scan asks for more records than [`crate::MAX_SCAN_RECORDS`].
    #[error("a scan asks for more than {} records", crate::MAX_SCAN_RECORDS)]
    ScanRecords,
}
