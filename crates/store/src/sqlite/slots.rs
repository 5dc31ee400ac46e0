//! Where sealed bytes lie, so that they can be erased.
//!
//! SQLite's `secure_delete` overwrites a deleted cell, but not the copies that it made of the cell before: when it balances pages it moves
//! cells to their neighbours and leaves the old bytes in the unallocated middle of the page. Up to one deleted value in a thousand survived
//! so in the file. Therefore values live in slots that never move:
//! - a slot is appended at the right edge of its b-tree, where SQLite adds a page instead of balancing;
//! - it is overwritten with bytes of the same number, which SQLite does in place;
//! - it is never deleted: its bytes become zeros, and it waits for another value of its size.
//!
//! The write-ahead log holds older images of pages; the writer truncates it soon after an erasure (`writer.rs`).
//! `tests/erasure.rs` searches the file for thousands of deleted values, so that a new SQLite that moves cells is noticed.
//!
//! # Invariants
//! - A slot belongs to one record or is free; a free slot holds zeros.
//! - The size of a slot is [`room_for`] the length of its value, now and in every later release.

use rusqlite::{Connection, OptionalExtension as _, params};

/// Where a value lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: i64,
    pub(super) length: usize,
}

/// The size of the slot for a value of `length` bytes: steps of 64 bytes up to 1 KiB, and of a sixteenth of the next power of two above.
///
/// A slot is shared by values of one size alone, so fine steps waste slots and coarse steps waste bytes; these waste 12 % at most above 1 KiB.
pub(super) fn room_for(length: usize) -> usize {
    let step = (length.next_power_of_two() / 16).max(64);
    length.max(1).next_multiple_of(step)
}

/// Puts `value` into a free slot or a new one.
pub(super) fn store(db: &Connection, value: &[u8]) -> rusqlite::Result<Place> {
    let room = room_for(value.len());
    let free: Option<i64> = db
        .prepare_cached("SELECT id FROM free_slot WHERE room = ?1 LIMIT 1")?
        .query_row([room], |row| row.get(0))
        .optional()?;
    let slot = match free {
        Some(slot) => {
            db.prepare_cached("DELETE FROM free_slot WHERE room = ?1 AND id = ?2")?.execute(params![room, slot])?;
            fill(db, slot, value)?;
            slot
        }
        None => db.prepare_cached("INSERT INTO slot (bytes) VALUES (?1)")?.insert([padded(value)])?,
    };
    Ok(Place { slot, length: value.len() })
}

/// Puts `value` in the place of another: into the same slot when it fits, so that nothing else is written.
pub(super) fn replace(db: &Connection, old: Place, value: &[u8]) -> rusqlite::Result<Place> {
    if room_for(value.len()) != room_for(old.length) {
        erase(db, old)?;
        return store(db, value);
    }
    fill(db, old.slot, value)?;
    Ok(Place { slot: old.slot, length: value.len() })
}

/// Overwrites what lies at `place` with zeros and sets the slot free.
pub(super) fn erase(db: &Connection, place: Place) -> rusqlite::Result<()> {
    let room = room_for(place.length);
    update(db, "UPDATE slot SET bytes = zeroblob(?2) WHERE id = ?1 AND length(bytes) = ?2", params![place.slot, room])?;
    db.prepare_cached("INSERT INTO free_slot (room, id) VALUES (?1, ?2)")?.execute(params![room, place.slot])?;
    Ok(())
}

fn fill(db: &Connection, slot: i64, value: &[u8]) -> rusqlite::Result<()> {
    let bytes = padded(value);
    update(db, "UPDATE slot SET bytes = ?2 WHERE id = ?1 AND length(bytes) = ?3", params![slot, bytes, bytes.len()])
}

/// Changes exactly one slot. That it has another size, or is missing, means that the database was damaged.
fn update(db: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
    match db.prepare_cached(sql)?.execute(params)? {
        1 => Ok(()),
        _ => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

fn padded(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room_for(value.len()));
    bytes.extend_from_slice(value);
    bytes.resize(room_for(value.len()), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_VALUE_BYTES;

    /// Databases hold slots of these sizes: a change needs a migration.
    #[test]
    fn sizes_stay() {
        check(0, 64);
        check(1, 64);
        check(64, 64);
        check(65, 128);
        check(1000, 1024);
        check(1024, 1024);
        check(1025, 1152);
        check(4096, 4096);
        check(4097, 4608);
        check(MAX_VALUE_BYTES - 1, MAX_VALUE_BYTES);
        check(MAX_VALUE_BYTES, MAX_VALUE_BYTES);

        #[track_caller]
        fn check(length: usize, room: usize) {
            assert_eq!(room_for(length), room, "{length}");
        }
    }

    #[test]
    fn a_value_fits_and_little_is_wasted() {
        for length in 1..100_000 {
            let room = room_for(length);
            assert!(room >= length && room - length < 64.max(length.next_power_of_two() / 16), "{length} in {room}");
        }
    }
}
