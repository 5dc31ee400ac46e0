//! The data directory and the key file beside it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::Failure;

/// The embedded store's file in the data directory.
const DATABASE: &str = "strongroom.db";

/// Makes the directory for its owner alone when there is none. Whether it was made is the answer.
pub(super) fn ensure_data_directory(dir: &Path) -> Result<bool, Failure> {
    if dir.is_dir() {
        warn_if_writable_by_others(dir);
        return Ok(false);
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::work(format!("cannot make the data directory {}: {error}", dir.display())))?;
    Ok(true)
}

/// Who may write into the directory can delete every key.
fn warn_if_writable_by_others(dir: &Path) {
    if dir.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o022 != 0) {
        warn!(data = %dir.display(), "others than its owner may write into the data directory");
    }
}

/// The database of a data directory.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// A new key file beside an old database would open nothing, and hide that the right one is lost.
pub(super) fn refuse_database_without_key(dir: &Path, key_file: &Path) -> Result<(), Failure> {
    let database = dir.join(DATABASE);
    if database.exists() && !key_file.exists() {
        return Err(Failure::work(format!(
            "{} is there, but its key file {} is missing: put it back; without it nothing in the database can be opened",
            database.display(),
            key_file.display()
        )));
    }
    Ok(())
}
