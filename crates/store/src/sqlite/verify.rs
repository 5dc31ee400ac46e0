//! The deep check: everything that the database claims about itself. It reads every page, so it is not part of opening.
//!
//! # Not here
//! Whether values are those that were stored: their seal says so, to whoever opens them.

use rusqlite::Connection;

use super::failure::lift;
use super::slots::room_for;
use crate::{Error, Table};

/// Checks b-trees, records and slots.
///
/// # Errors
/// [`Error::Corrupt`] with the first thing that is wrong.
pub(super) fn verify(db: &Connection) -> Result<(), Error> {
    let doing = "verifying the database";
    let finding = first_finding(db).map_err(|error| lift(doing, error))?;
    finding.map_or(Ok(()), |finding| Err(Error::Corrupt(finding)))
}

fn first_finding(db: &Connection) -> rusqlite::Result<Option<String>> {
    // One snapshot for all: commits go on meanwhile.
    let snapshot = db.unchecked_transaction()?;
    for check in [trees, records, slots, free_slots] {
        if let Some(finding) = check(&snapshot)? {
            return Ok(Some(finding));
        }
    }
    Ok(None)
}

fn trees(db: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

/// Each record is of a table that we know, has a version, and has a slot of its size.
fn records(db: &Connection) -> rusqlite::Result<Option<String>> {
    let mut query = db.prepare(
        "SELECT r.tab, r.key, r.version, r.length, length(s.bytes) FROM record r LEFT JOIN slot s ON s.id = r.slot",
    )?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (code, key): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let (version, length, room): (i64, usize, Option<usize>) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let table = u8::try_from(code).ok().and_then(Table::from_code);
        if table.is_none() || version < 1 || room != Some(room_for(length)) {
            return Ok(Some(format!("the record {} of table {code} is not as it was written", key.escape_ascii())));
        }
    }
    Ok(None)
}

/// Each slot belongs to one record or is free.
fn slots(db: &Connection) -> rusqlite::Result<Option<String>> {
    let [slots, claims, claimed]: [i64; 3] = db.query_row(
        "SELECT (SELECT count(*) FROM slot), count(*), count(DISTINCT claim) \
         FROM (SELECT slot AS claim FROM record UNION ALL SELECT id FROM free_slot)",
        [],
        |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]),
    )?;
    Ok((slots != claims || claims != claimed)
        .then(|| format!("{slots} slots are claimed {claims} times, {claimed} of them differently")))
}

/// Each free slot has its size and holds zeros: what was deleted is gone.
fn free_slots(db: &Connection) -> rusqlite::Result<Option<String>> {
    let wrong: i64 = db.query_row(
        "SELECT count(*) FROM free_slot f LEFT JOIN slot s ON s.id = f.id WHERE s.bytes IS NOT zeroblob(f.room)",
        [],
        |row| row.get(0),
    )?;
    Ok((wrong != 0).then(|| format!("{wrong} free slots are not empty")))
}
