//! Pagination markers: opaque, sealed, and good for the list that gave them alone.
//!
//! A marker holds the store key of the last record of a page. It is sealed like a record, bound to the operation and to what
//! the list was asked for, so a marker of another list, another filter or another service does not open.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_core::world::Rng;
use strongroom_vault::{RecordName, Vault};

use crate::error::OpError;

/// No table has this code, so no marker can be taken for a record.
const MARKER_TABLE: u8 = 0xff;

/// Makes and reads the markers of one list.
pub(crate) struct Markers<'a> {
    vault: &'a Vault,
    rng: &'a dyn Rng,
    scope: String,
}

impl<'a> Markers<'a> {
    /// The markers of `op` over `list`, which names what is listed (account, Region, filter).
    pub(crate) fn new(vault: &'a Vault, rng: &'a dyn Rng, op: impl std::fmt::Display, list: &str) -> Self {
        Self { vault, rng, scope: format!("{op}\0{list}") }
    }

    fn name(&self) -> RecordName<'_> {
        RecordName { table: MARKER_TABLE, key: self.scope.as_bytes(), version: 1 }
    }

    /// The marker after `last`.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub(crate) fn make(&self, last: &[u8]) -> Result<String, OpError> {
        Ok(URL_SAFE_NO_PAD.encode(self.vault.seal_record(self.name(), last, self.rng)?))
    }

    /// What `marker` stands for.
    ///
    /// # Errors
    /// [`OpError::InvalidMarker`] for anything that [`Markers::make`] did not make for this list.
    pub(crate) fn read(&self, marker: &str) -> Result<Vec<u8>, OpError> {
        let sealed = URL_SAFE_NO_PAD.decode(marker).map_err(|_| OpError::InvalidMarker)?;
        let last = self.vault.open_record(self.name(), &sealed).map_err(|_| OpError::InvalidMarker)?;
        Ok(last.expose().to_vec())
    }
}
