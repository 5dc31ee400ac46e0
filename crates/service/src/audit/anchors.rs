//! The head of the log, remembered in the sealed store: who cuts off the log's tail would have to change this too, and cannot.

use strongroom_core::world::Rng;
use strongroom_store::{Batch, Expect, MAX_SCAN_RECORDS, Store, Table, Version};
use strongroom_vault::{RecordName, Vault};

use super::chain::Position;
use super::verify::Anchor;
use crate::error::OpError;

/// The anchors of all logs that this store ever had, each with the version of its record.
///
/// # Errors
/// When the store fails or a record is damaged.
pub(super) async fn load(store: &dyn Store, vault: &Vault) -> Result<Vec<(Anchor, Version)>, OpError> {
    let mut anchors = Vec::new();
    for record in store.scan(Table::AuditAnchors, b"", None, MAX_SCAN_RECORDS).await? {
        let name = RecordName { table: Table::AuditAnchors.code(), key: &record.key, version: record.version.0 };
        let opened = vault.open_record(name, &record.value)?;
        let chain = std::str::from_utf8(&record.key).ok().and_then(|key| key.parse().ok()).ok_or(OpError::BadRecord)?;
        let (seq, prev) = opened.expose().split_first_chunk::<8>().ok_or(OpError::BadRecord)?;
        let prev = prev.try_into().map_err(|_| OpError::BadRecord)?;
        anchors.push((Anchor { chain, position: Position { seq: u64::from_be_bytes(*seq), prev } }, record.version));
    }
    Ok(anchors)
}

/// Remembers where a log stands; what it says there is durable already.
///
/// # Errors
/// When the store fails.
pub(super) async fn keep(
    store: &dyn Store,
    vault: &Vault,
    rng: &dyn Rng,
    anchor: &Anchor,
    expect: Expect,
) -> Result<Version, OpError> {
    let version = expect.next_version();
    let key = anchor.chain.as_str().as_bytes();
    let name = RecordName { table: Table::AuditAnchors.code(), key, version: version.0 };
    let plain = [&anchor.position.seq.to_be_bytes()[..], &anchor.position.prev].concat();
    let sealed = vault.seal_record(name, &plain, rng)?;
    store.commit(Batch::new().put(Table::AuditAnchors, key, expect, sealed)).await?;
    Ok(version)
}
