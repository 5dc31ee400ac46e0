//! Opening: what is ours, what is not, who may.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::schema::SCHEMA_VERSION;
use super::{DATABASE, LOG, copy_files, files_of, fill, name_of, open, open_without_checkpoints, temp_dir};
use crate::suite::{block_on, commit, found, keys_of};
use crate::{Batch, Error, Expect, SqliteStore, Store, Table};

/// A directory with a sound database of ours, closed.
fn make_ours(dir: &Path) {
    fill(&open(dir), 1);
}

/// Changes a closed database of ours by means of SQLite, leaving no log.
fn meddle(dir: &Path, sql: &str) {
    make_ours(dir);
    let db = Connection::open(dir.join(DATABASE)).expect("a database");
    db.execute_batch(sql).expect("the meddling");
}

fn cut(dir: &Path, keep: impl Fn(u64) -> u64) {
    make_ours(dir);
    let file = fs::OpenOptions::new().write(true).open(dir.join(DATABASE)).expect("the database");
    let length = file.metadata().expect("a length").len();
    file.set_len(keep(length)).expect("a shorter file");
}

/// A database whose header says nothing of what its log says.
fn meddle_in_log(dir: &Path, sql: &str) {
    let first = temp_dir();
    make_ours(first.path());
    let db = Connection::open(first.path().join(DATABASE)).expect("a database");
    db.execute_batch(sql).expect("the meddling");
    copy_files(first.path(), dir);
}

#[test]
fn what_is_not_to_be_touched_is_refused_and_left_as_it_is() {
    check("a text", "Foreign", |dir| {
        write(
            dir,
            DATABASE,
            b"#!/bin/sh\necho this is a script, longer than a header of an SQLite file, which has 100 bytes\n",
        )
    });
    check("a short text", "Foreign", |dir| write(dir, DATABASE, b"hello"));
    check("an empty file", "Corrupt", |dir| write(dir, DATABASE, b""));
    check("a directory", "Foreign", |dir| fs::create_dir(dir.join(DATABASE)).expect("a directory"));
    check("another program's database", "Foreign", |dir| {
        let db = Connection::open(dir.join(DATABASE)).expect("a database");
        db.execute_batch("CREATE TABLE record (tab, key, version, value); PRAGMA user_version = 1").expect("a schema");
    });
    check("another program's database in our clothes", "Foreign", |dir| meddle(dir, "PRAGMA application_id = 7"));
    check("the same in the log", "Foreign", |dir| meddle_in_log(dir, "PRAGMA application_id = 7"));
    let newer = format!("PRAGMA user_version = {}", SCHEMA_VERSION + 1);
    check("a newer schema", "Newer", |dir| meddle(dir, &newer));
    check("a newer schema in the log", "Newer", |dir| meddle_in_log(dir, &newer));
    check("no schema version", "Corrupt", |dir| meddle(dir, "PRAGMA user_version = 0"));
    check("a table more", "Corrupt", |dir| meddle(dir, "CREATE TABLE more (x)"));
    check("a table less", "Corrupt", |dir| meddle(dir, "DROP TABLE free_slot"));
    check("a trigger", "Corrupt", |dir| {
        meddle(dir, "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM slot; END")
    });
    check("a header cut short", "Corrupt", |dir| cut(dir, |_| 50));
    check("one page left", "Corrupt", |dir| cut(dir, |_| 4096));
    check("half a file", "Corrupt", |dir| cut(dir, |length| length / 2));
    check("a byte less", "Corrupt", |dir| cut(dir, |length| length - 1));
    check("a log without its database", "Corrupt", |dir| {
        meddle_in_log(dir, "ANALYZE");
        fs::remove_file(dir.join(DATABASE)).expect("removed");
    });

    #[track_caller]
    fn check(what: &str, expected: &str, prepare: impl Fn(&Path)) {
        let dir = temp_dir();
        prepare(dir.path());
        let before = files_of(dir.path());
        let outcome = SqliteStore::open(dir.path());
        assert_eq!(name_of(&outcome), expected, "{what}: {outcome:?}");
        assert!(files_of(dir.path()) == before, "{what}: {:?} were {:?}", names(dir.path()), before.keys());
    }

    fn write(dir: &Path, name: &str, bytes: &[u8]) {
        fs::write(dir.join(name), bytes).expect("a file");
    }
}

fn names(dir: &Path) -> Vec<String> {
    files_of(dir).into_keys().collect()
}

#[test]
fn places_where_nothing_can_be_made_are_refused() {
    let dir = temp_dir();
    fs::write(dir.path().join("file"), b"a file").expect("a file");
    check(dir.path().join("file"));
    check(dir.path().join("file/below"));
    #[cfg(target_os = "linux")]
    check(PathBuf::from("/proc/strongroom-test"));
    // A read-only directory, for everyone but the superuser, whom no mode stops; for him there is one that no one writes to.
    #[cfg(target_os = "linux")]
    check(PathBuf::from("/proc/self"));
    #[cfg(unix)]
    if let Some(dir) = read_only_dir(dir.path()) {
        check(dir);
    }

    #[track_caller]
    fn check(dir: PathBuf) {
        let outcome = SqliteStore::open(&dir);
        assert_eq!(name_of(&outcome), "Io", "{}: {outcome:?}", dir.display());
    }
}

/// A directory that cannot be written, when modes bind whoever runs the tests.
#[cfg(unix)]
fn read_only_dir(within: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = within.join("read-only");
    fs::create_dir(&dir).expect("a directory");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).expect("a mode");
    fs::write(dir.join("probe"), b"").is_err().then_some(dir)
}

#[test]
fn one_store_at_a_time() {
    let dir = temp_dir();
    let first = open(dir.path());
    assert_eq!(name_of(&SqliteStore::open(dir.path())), "InUse");
    commit(&first, Batch::new().put(Table::Keys, b"key", Expect::Absent, b"value"));
    assert_eq!(name_of(&SqliteStore::open(dir.path())), "InUse");
    // Closing ends the work, not the claim: another server must not come in while this one may still answer.
    block_on(first.close()).expect("closed");
    assert_eq!(name_of(&SqliteStore::open(dir.path())), "InUse");
    drop(first);
    assert_eq!(found(&open(dir.path()), Table::Keys, b"key").0, 1);
}

#[test]
fn a_closed_store_says_so() {
    let dir = temp_dir();
    let store = open(dir.path());
    let put = || store.commit(Batch::new().put(Table::Keys, b"key", Expect::Absent, b"value"));
    block_on(put()).expect("a commit");
    let (late_put, late_get) = (put(), store.get(Table::Keys, b"key"));
    block_on(store.close()).expect("closed");
    assert_eq!(name_of(&block_on(late_put)), "Closed");
    assert_eq!(name_of(&block_on(late_get)), "Closed");
    assert_eq!(name_of(&block_on(put())), "Closed");
    assert_eq!(name_of(&block_on(store.scan(Table::Keys, b"", None, 1))), "Closed");
    assert_eq!(name_of(&block_on(store.checkpoint())), "Closed");
    assert_eq!(name_of(&block_on(store.close())), "Closed");
}

/// A directory that was closed in order can be copied as one file.
#[test]
fn closing_leaves_the_database_alone() {
    let dir = temp_dir();
    let store = open_without_checkpoints(dir.path());
    fill(&store, 2);
    assert_eq!(names(dir.path()), [DATABASE, LOG]);
    assert!(files_of(dir.path())[LOG].len() > 100_000);
    drop(store);
    assert_eq!(names(dir.path()), [DATABASE]);
    assert!(!dir.path().join("strongroom.db-shm").exists());
    block_on(open(dir.path()).verify()).expect("a sound database");
}

#[test]
fn a_database_that_was_not_finished_is_made_anew() {
    let dir = temp_dir();
    fs::write(dir.path().join("strongroom.db.new"), b"SQLite format 3\0 and then the power failed").expect("a file");
    commit(&open(dir.path()), Batch::new().put(Table::Keys, b"key", Expect::Absent, b"value"));
    assert_eq!(names(dir.path()), [DATABASE]);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = temp_dir();
    let data = dir.path().join("var/lib/strongroom");
    let store = open_without_checkpoints(&data);
    commit(&store, Batch::new().put(Table::Keys, b"key", Expect::Absent, b"value"));
    check(&dir.path().join("var"), 0o700);
    check(&data, 0o700);
    for name in [DATABASE, LOG, "strongroom.db-shm", "lock"] {
        check(&data.join(name), 0o600);
    }

    #[track_caller]
    fn check(path: &Path, mode: u32) {
        assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, mode, "{}", path.display());
    }
}

/// An operator looks into the database with a shell while the store is opened, at work, closed.
#[test]
fn a_foreign_reader_delays_checkpoints_and_nothing_else() {
    let dir = temp_dir();
    make_ours(dir.path());
    let shell = Connection::open(dir.path().join(DATABASE)).expect("a shell");
    shell.execute_batch("BEGIN; SELECT count(*) FROM record").expect("a transaction that reads");
    let store = open(dir.path());
    commit(&store, Batch::new().put(Table::Meta, b"key", Expect::Absent, b"value"));
    assert_eq!(found(&store, Table::Meta, b"key").0, 1);
    let checkpoint = block_on(store.checkpoint());
    assert!(
        matches!(&checkpoint, Err(Error::Io(failure)) if failure.source.kind() == std::io::ErrorKind::ResourceBusy),
        "{checkpoint:?}"
    );
    assert_eq!(name_of(&block_on(store.close())), "Io");
    drop(store);
    assert_eq!(keys_of(&open(dir.path()), Table::Meta), ["key"]);
    shell.execute_batch("COMMIT").expect("the end");
    let store = open(dir.path());
    block_on(store.checkpoint()).expect("nobody in the way");
    assert_eq!(files_of(dir.path())[LOG].len(), 0);
}

/// A shell that writes makes commits wait, and they come through.
#[test]
fn a_foreign_writer_is_waited_for() {
    let dir = temp_dir();
    let store = open(dir.path());
    let shell = Connection::open(dir.path().join(DATABASE)).expect("a shell");
    shell.execute_batch("BEGIN IMMEDIATE").expect("a transaction that writes");
    let waiting =
        crate::suite::runtime().spawn(store.commit(Batch::new().put(Table::Meta, b"key", Expect::Absent, b"value")));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!waiting.is_finished());
    shell.execute_batch("ROLLBACK").expect("the end");
    block_on(waiting).expect("a task").expect("a commit");
}
