//! What the process's health checks ask of a node.

use strongroom_store::Error as StoreError;

use crate::node::Node;

impl Node {
    /// Reads one record past every memory: whether the store answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn probe_store(&self) -> Result<(), StoreError> {
        self.keyring.probe_store().await
    }
}
