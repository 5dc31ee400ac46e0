//! What the database looks like, and how an older one comes to look so.
//!
//! A schema version is the number of migrations that were applied. A migration that was released never changes.

use rusqlite::Connection;

use super::failure::lift;
use crate::Error;

/// Marks a database file as ours: "STRG", at offset 68 of the file.
pub(super) const APPLICATION_ID: u32 = u32::from_be_bytes(*b"STRG");

/// What makes an empty database into ours, step by step.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_records.sql"), include_str!("migrations/0002_counts.sql")];

/// The schema version that this program reads and writes.
pub(super) const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Makes an empty database ours.
pub(super) fn create(db: &mut Connection) -> Result<(), Error> {
    db.pragma_update(None, "application_id", APPLICATION_ID).map_err(|error| lift("making the database", error))?;
    migrate(db, MIGRATIONS)
}

/// Checks that the database is ours, of a version that we know, and unharmed in its schema. Reads only, and not more with more records.
pub(super) fn inspect(db: &Connection) -> Result<(), Error> {
    let version = inspect_version(db)?;
    let known = MIGRATIONS.get(..version as usize).ok_or(Error::Newer(version))?;
    if known.is_empty() {
        return Err(Error::Corrupt("the database has no schema version".into()));
    }
    let doing = "reading the schema";
    let expected = schema_of(known).map_err(|error| lift(doing, error))?;
    let found = objects(db).map_err(|error| lift(doing, error))?;
    if found == expected {
        Ok(())
    } else {
        Err(Error::Corrupt("its schema is not that of a Strongroom database".into()))
    }
}

/// Brings a database that was inspected up to date. Returns whether there was anything to do.
pub(super) fn upgrade(db: &mut Connection) -> Result<bool, Error> {
    if inspect_version(db)? == SCHEMA_VERSION {
        return Ok(false);
    }
    migrate(db, MIGRATIONS)?;
    Ok(true)
}

fn inspect_version(db: &Connection) -> Result<u32, Error> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let doing = "reading the header of the database";
    // Both are unsigned in the file and signed in the pragma.
    if number("application_id").map_err(|error| lift(doing, error))?.cast_unsigned() != APPLICATION_ID {
        return Err(Error::Foreign("the database carries the mark of another program".into()));
    }
    Ok(number("user_version").map_err(|error| lift(doing, error))?.cast_unsigned())
}

/// Applies those of `migrations` that were not yet applied, all in one transaction with the version that says so.
fn migrate(db: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
    let applied = inspect_version(db)? as usize;
    let run = |db: &mut Connection| -> rusqlite::Result<()> {
        let transaction = db.transaction()?;
        for migration in migrations.iter().skip(applied) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", migrations.len())?;
        transaction.commit()
    };
    run(db).map_err(|error| lift("bringing the database to this release's schema", error))
}

/// The schema that `migrations` lead to.
fn schema_of(migrations: &[&str]) -> rusqlite::Result<Vec<Object>> {
    let db = Connection::open_in_memory()?;
    migrations.iter().try_for_each(|migration| db.execute_batch(migration))?;
    objects(&db)
}

/// Kind, name and SQL of a table, index, view or trigger.
type Object = (String, String, Option<String>);

/// Everything in the schema but what SQLite keeps for itself, such as the statistics of an operator's `ANALYZE`.
fn objects(db: &Connection) -> rusqlite::Result<Vec<Object>> {
    db.prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name",
    )?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[&str] = &["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO a VALUES (1)", "DROP TABLE b"];

    fn ours() -> Connection {
        let db = Connection::open_in_memory().expect("memory");
        db.pragma_update(None, "application_id", APPLICATION_ID).expect("a pragma");
        db
    }

    #[test]
    fn each_migration_is_applied_once() {
        for start in 0..=STEPS.len() {
            let mut db = ours();
            migrate(&mut db, &STEPS[..start]).expect("first steps");
            migrate(&mut db, STEPS).expect("the rest");
            migrate(&mut db, STEPS).expect("nothing");
            assert_eq!(inspect_version(&db).expect("a version"), 3);
            let rows: i64 = db.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).expect("table a");
            assert_eq!(rows, 1, "from version {start}");
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before_it() {
        let mut db = ours();
        migrate(&mut db, &STEPS[..1]).expect("the first step");
        migrate(&mut db, &[STEPS[0], STEPS[1], "CREATE TABLE a (x)"]).expect_err("a exists");
        assert_eq!(inspect_version(&db).expect("a version"), 1);
        assert_eq!(objects(&db).expect("a schema").len(), 1);
    }

    #[test]
    fn inspection_finds_what_does_not_belong() {
        check("SELECT 1", "Ok(())");
        check("ANALYZE", "Ok(())");
        check("CREATE TABLE more (x)", "Err(Corrupt(");
        check("CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END", "Err(Corrupt(");
        check("DROP TABLE free_slot", "Err(Corrupt(");
        check("PRAGMA application_id = 1", "Err(Foreign(");
        check("PRAGMA user_version = 0", "Err(Corrupt(");
        check(&format!("PRAGMA user_version = {}", SCHEMA_VERSION + 1), &format!("Err(Newer({}))", SCHEMA_VERSION + 1));
        check("PRAGMA user_version = -1", "Err(Newer(4294967295))");

        #[track_caller]
        fn check(meddling: &str, expected: &str) {
            let mut db = Connection::open_in_memory().expect("memory");
            create(&mut db).expect("a fresh database");
            db.execute_batch(meddling).expect("the meddling");
            let got = format!("{:?}", inspect(&db));
            assert!(got.starts_with(expected), "{meddling}: {got}");
        }
    }
}
