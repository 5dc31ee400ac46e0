//! What the embedded store alone can do and suffer.

use tempfile::TempDir;

use super::SqliteStore;
use crate::suite::Fixture;

crate::suite!(
    suite,
    || {
        let dir = TempDir::new().expect("a temporary directory");
        Fixture::durable(move || SqliteStore::open(dir.path()).expect("the store opens"))
    },
    durable
);
