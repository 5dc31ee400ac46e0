//! Multi-Region keys: replicas, and which of the relatives is the primary (behaviours 4.10, 8.5).

mod replicate_key;
mod update_primary_region;

pub(super) use replicate_key::ReplicateKey;
pub(super) use update_primary_region::UpdatePrimaryRegion;

use strongroom_core::ids::Region;

use crate::error::OpError;
use crate::frame::Cx;

/// A Region in which the key may have relatives.
///
/// # Errors
/// `ValidationException` for what no Region can be called, `UnsupportedOperationException` for a Region of another partition and
/// one that is not served.
fn read_region(cx: &Cx<'_>, member: &str, text: &str) -> Result<Region, OpError> {
    let region: Region =
        text.parse().map_err(|_| OpError::Invalid(format!("{member} is not a Region: {text}").into()))?;
    let refusal = if region.partition() != cx.region.partition() {
        "is in another partition"
    } else if !cx.node.regions.serve(region) {
        "is not enabled"
    } else {
        return Ok(region);
    };
    Err(OpError::Unsupported(Some(format!("{member} {region} {refusal}.").into())))
}
