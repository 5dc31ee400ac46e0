//! How the record fares, as families of figures.

use super::AuditStatus;
use crate::metrics::Family;

pub(super) fn families(status: &AuditStatus) -> Vec<Family> {
    let AuditStatus { events, writes, write_failures, refused_calls, problem, unanchored_lines, .. } = status;
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let unanchored = *unanchored_lines as f64;
    vec![
        Family::counter("strongroom_audit_events", "Events written into the audit log", *events),
        Family::counter("strongroom_audit_writes", "Writes that they took, each of a group of events", *writes),
        Family::counter("strongroom_audit_write_failures", "Writes of the audit log that failed", *write_failures),
        Family::counter(
            "strongroom_audit_refused_calls",
            "Calls that failed because their audit record could not be written",
            *refused_calls,
        ),
        Family::gauge(
            "strongroom_audit_down",
            "Whether the audit log cannot be written, so that no call succeeds",
            f64::from(u8::from(problem.is_some())),
        ),
        Family::gauge(
            "strongroom_audit_lag_records",
            "Records of the audit log that the sealed store was not told of yet",
            unanchored,
        ),
    ]
}
