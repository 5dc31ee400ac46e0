//! A look at a store without a node: whether its root key opens, and every record under it.

use strongroom_store::{Record, Store, Table};
use strongroom_vault::seal::SealProvider;
use strongroom_vault::{RecordName, Vault};

use crate::node::{SEALED_ROOT, STORAGE_KEY, StartError, existing_vault};

/// Records that are read at once.
const PAGE: usize = 256;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Records that were looked at.
    pub records: u64,
    /// Those that do not open: changed, moved, or sealed elsewhere.
    pub damaged: u64,
}

/// Opens the root key with `seal`, then every record; nothing is written. `progress` hears how many records were read. An
/// empty store has nothing to open.
///
/// # Errors
/// [`StartError`]: the store fails, or the root key does not open.
pub async fn inspect(
    store: &dyn Store,
    seal: &dyn SealProvider,
    mut progress: impl FnMut(u64),
) -> Result<Inspection, StartError> {
    let mut found = Inspection::default();
    let Some(vault) = existing_vault(store, seal).await? else { return Ok(found) };
    for table in Table::ALL {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.scan(*table, b"", after.as_deref(), PAGE).await?;
            for record in &page {
                found.records += 1;
                found.damaged += u64::from(!opens(&vault, *table, record));
            }
            progress(found.records);
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                Some(_) | None => break,
            }
        }
    }
    Ok(found)
}

/// What the root key itself seals has been opened already; all else is under the storage key.
fn opens(vault: &Vault, table: Table, record: &Record) -> bool {
    if table == Table::Meta && (record.key == SEALED_ROOT || record.key == STORAGE_KEY) {
        return true;
    }
    let name = RecordName { table: table.code(), key: &record.key, version: record.version.0 };
    vault.open_record(name, &record.value).is_ok()
}
