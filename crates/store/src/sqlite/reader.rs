//! The threads that read, each with its own connection. Readers never wait for the writer, nor it for them.

use rusqlite::Connection;

use super::lane::{Next, Reply, Work};
use super::rows;
use crate::{Record, Table};

/// What a reader is asked.
pub(super) enum Query {
    Get {
        table: Table,
        key: Vec<u8>,
        reply: Reply<Option<Record>>,
    },
    Scan {
        table: Table,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: usize,
        reply: Reply<Vec<Record>>,
    },
    /// The reader that gets this ends.
    Close,
}

/// Answers until it is closed.
pub(super) fn run(db: &Connection, work: &Work<Query>) {
    while let Next::Order(queued) = work.next(None) {
        // Who asked may be gone; that is no failure.
        match queued.order {
            Query::Get { table, key, reply } => drop(reply.send(rows::get(db, table, &key))),
            Query::Scan { table, prefix, after, limit, reply } => {
                drop(reply.send(rows::scan(db, table, &prefix, after.as_deref(), limit)));
            }
            Query::Close => return,
        }
    }
}
