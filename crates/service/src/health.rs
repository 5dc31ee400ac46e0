//! What the process's health checks ask of a node.

use strongroom_store::Error as StoreError;

use crate::node::Node;

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A record was read past every memory, and opened.
    Good,
    /// The store gave a record that does not open under this node's root key.
    DoesNotOpen,
}

impl Node {
    /// Reads one sealed record past every memory and opens it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn probe(&self) -> Result<Probe, StoreError> {
        self.keyring.probe().await
    }
}
