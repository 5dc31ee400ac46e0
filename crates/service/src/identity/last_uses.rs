//! When an access key or a role last signed, and for what. It is kept in memory alone: a node knows of the uses since it started.

use std::sync::{Mutex, PoisonError};

use strongroom_core::ids::Region;
use strongroom_core::world::Timestamp;

/// One use of an access key or a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastUse {
    pub(crate) at: Timestamp,
    pub(crate) region: Region,
    /// `kms`, `iam` or `sts`.
    pub(crate) service: &'static str,
}

impl LastUse {
    /// A use for the service that a credential scope names.
    pub(crate) fn new(at: Timestamp, region: Region, service: &str) -> Self {
        let service = ["iam", "sts"].into_iter().find(|own| *own == service).unwrap_or("kms");
        Self { at, region, service }
    }
}

/// The last use of one access key or role.
#[derive(Debug, Default)]
pub(crate) struct LastUses(Mutex<Option<LastUse>>);

impl LastUses {
    pub(crate) fn note(&self, used: LastUse) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(used);
    }

    pub(crate) fn get(&self) -> Option<LastUse> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
