//! The three verbs in SQL, on whatever connection they are given.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::failure::lift;
use super::slots::{self, Place};
use crate::batch::{Action, Step, scan_end, scan_start};
use crate::{Batch, Error, Record, Table, Version};

// The joins are outer ones: a record without its slot is damage to report, not a record to leave out.
const GET: &str = "SELECT r.key, r.version, r.length, s.bytes FROM record r LEFT JOIN slot s ON s.id = r.slot \
    WHERE r.tab = ?1 AND r.key = ?2";
const SCAN: &str = "SELECT r.key, r.version, r.length, s.bytes FROM record r LEFT JOIN slot s ON s.id = r.slot \
    WHERE r.tab = ?1 AND r.key >= ?2 AND r.key < ?3 ORDER BY r.key LIMIT ?4";
const SCAN_TO_THE_END: &str = "SELECT r.key, r.version, r.length, s.bytes FROM record r LEFT JOIN slot s ON s.id = r.slot \
    WHERE r.tab = ?1 AND r.key >= ?2 ORDER BY r.key LIMIT ?3";
const READING: &str = "reading records";
const WRITING: &str = "writing records";

/// The record under `key`.
pub(super) fn get(db: &Connection, table: Table, key: &[u8]) -> Result<Option<Record>, Error> {
    let stored = db
        .prepare_cached(GET)
        .and_then(|mut query| query.query_row(params![table.code(), key], Stored::from_row).optional())
        .map_err(|error| lift(READING, error))?;
    stored.map(|stored| stored.into_record(table)).transpose()
}

/// The records that [`crate::Store::scan`] speaks of.
pub(super) fn scan(
    db: &Connection,
    table: Table,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Record>, Error> {
    let start = scan_start(prefix, after);
    let stored = match scan_end(prefix) {
        Some(end) => rows(db, SCAN, params![table.code(), start, end, limit]),
        None => rows(db, SCAN_TO_THE_END, params![table.code(), start, limit]),
    };
    stored.map_err(|error| lift(READING, error))?.into_iter().map(|stored| stored.into_record(table)).collect()
}

fn rows(db: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Stored>> {
    db.prepare_cached(sql)?.query_map(params, Stored::from_row)?.collect()
}

/// A record as the database has it.
struct Stored {
    key: Vec<u8>,
    version: Version,
    length: usize,
    bytes: Option<Vec<u8>>,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { key: row.get(0)?, version: Version(row.get(1)?), length: row.get(2)?, bytes: row.get(3)? })
    }

    fn into_record(self, table: Table) -> Result<Record, Error> {
        let Self { key, version, length, bytes } = self;
        match bytes {
            Some(mut value) if value.len() == slots::room_for(length) => {
                value.truncate(length);
                Ok(Record { key, version, value })
            }
            Some(_) | None => {
                Err(Error::Corrupt(format!("the value of {} of table {table} is not in its slot", key.escape_ascii())))
            }
        }
    }
}

/// Applies `batch` within the transaction that is open. After an error the caller rolls back.
pub(super) fn apply(db: &Connection, batch: &Batch) -> Result<(), Error> {
    batch.steps().iter().try_for_each(|step| apply_step(db, step))
}

fn apply_step(db: &Connection, step: &Step) -> Result<(), Error> {
    let found = find(db, step).map_err(|error| lift(WRITING, error))?;
    if !step.expect.is_met_by(found.map(|(version, _)| version)) {
        return Err(step.conflict());
    }
    let old = found.map(|(_, place)| place);
    let done = match (&step.action, old) {
        (Action::Put(value), Some(old)) => slots::replace(db, old, value).and_then(|new| update(db, step, new)),
        (Action::Put(value), None) => slots::store(db, value).and_then(|place| insert(db, step, place)),
        (Action::Delete, Some(old)) => slots::erase(db, old).and_then(|()| delete(db, step)),
        // A deletion expects a version, so it has found one.
        (Action::Delete, None) | (Action::Check, _) => Ok(()),
    };
    done.map_err(|error| lift(WRITING, error))
}

fn find(db: &Connection, step: &Step) -> rusqlite::Result<Option<(Version, Place)>> {
    db.prepare_cached("SELECT version, slot, length FROM record WHERE tab = ?1 AND key = ?2")?
        .query_row(params![step.table.code(), step.key], |row| {
            Ok((Version(row.get(0)?), Place { slot: row.get(1)?, length: row.get(2)? }))
        })
        .optional()
}

fn insert(db: &Connection, step: &Step, place: Place) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO record (tab, key, version, length, slot) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![step.table.code(), step.key, step.expect.next_version().0, place.length, place.slot])?;
    Ok(())
}

fn update(db: &Connection, step: &Step, place: Place) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE record SET version = ?3, length = ?4, slot = ?5 WHERE tab = ?1 AND key = ?2")?
        .execute(params![step.table.code(), step.key, step.expect.next_version().0, place.length, place.slot])?;
    Ok(())
}

fn delete(db: &Connection, step: &Step) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM record WHERE tab = ?1 AND key = ?2")?
        .execute(params![step.table.code(), step.key])?;
    Ok(())
}
