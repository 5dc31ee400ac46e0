//! The audit record's place in the frame.
//!
//! Every call passes here after it was decided and before it is answered. The journal that keeps the records in a chain of
//! hashes is not part of the service yet; until then the record goes to the process's log, at debug level.
//!
//! # Invariant
//! Nothing secret: no plaintext, no key material, no token, no body.

use strongroom_authz::caller::Caller;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::OpName;
use strongroom_core::ids::{Region, RequestId};
use strongroom_core::world::Timestamp;

use crate::error::OpError;
use crate::keys::Passed;

/// What happened, in one call.
pub(crate) struct Record<'a> {
    pub(crate) op: OpName,
    pub(crate) request_id: RequestId,
    pub(crate) caller: &'a Caller,
    pub(crate) region: Region,
    pub(crate) time: Timestamp,
    pub(crate) error: Option<&'a OpError>,
}

/// Where records go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Journal;

impl Journal {
    /// The record of what the service did to a key without a caller, under the name that AWS's own such events have.
    pub(crate) fn close_task(&self, event: &'static str, key: &KeyArn, time: Timestamp) {
        tracing::info!(event, key.arn = %key, time_ms = time.as_millis(), "service event");
    }

    /// The records of what time did to a key.
    pub(crate) fn close_passed(&self, key: &KeyArn, passed: &Passed, time: Timestamp) {
        for _ in &passed.expired {
            self.close_task("DeleteExpiredKeyMaterial", key, time);
        }
        if passed.rotated.is_some() {
            self.close_task("RotateKey", key, time);
        }
    }

    /// Ends the record of a call.
    pub(crate) fn close(&self, record: &Record<'_>) {
        match record.error {
            Some(error) if error.is_internal() => {
                tracing::error!(op = %record.op, request.id = %record.request_id, region = %record.region, %error, "call failed");
            }
            Some(_) | None => tracing::debug!(
                op = %record.op,
                request.id = %record.request_id,
                caller = record.caller.arn(),
                region = %record.region,
                time_ms = record.time.as_millis(),
                refused = record.error.is_some(),
                "call"
            ),
        }
    }
}
