//! SQLite's failures in the store's words.

use std::io;

use rusqlite::ErrorCode;

use crate::Error;

/// What went wrong while `doing`. SQLite's messages name columns and files, never values.
pub(super) fn lift(doing: &str, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    if code == Some(ErrorCode::DiskFull) {
        return Error::Full;
    }
    if code == Some(ErrorCode::DatabaseCorrupt) || code == Some(ErrorCode::NotADatabase) {
        return Error::Corrupt(format!("{doing}: {error}"));
    }
    // No code: the row that came back has other types than the schema says.
    if code.is_none() {
        return Error::Corrupt(format!("{doing}: {error}"));
    }
    let text = match error.sqlite_extended_error_code() {
        Some(extended) => format!("{error} (SQLite code {extended})"),
        None => error.to_string(),
    };
    Error::io(doing, io::Error::new(kind(code), text))
}

fn kind(code: Option<ErrorCode>) -> io::ErrorKind {
    if code == Some(ErrorCode::DatabaseBusy) || code == Some(ErrorCode::DatabaseLocked) {
        io::ErrorKind::ResourceBusy
    } else if code == Some(ErrorCode::PermissionDenied) || code == Some(ErrorCode::ReadOnly) {
        io::ErrorKind::PermissionDenied
    } else {
        io::ErrorKind::Other
    }
}
