//! What GenerateMac and VerifyMac do alike.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::generated::{KeyUsage, MacAlgorithmSpec};
use strongroom_core::key::KeyRecord;
use strongroom_core::spec;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::Forms;

/// The key, authorized and fit for `algorithm`.
///
/// # Errors
/// Those of the operations, in their order: usage, state, algorithm.
pub(crate) async fn mac_key(
    cx: &Cx<'_>,
    key_id: &str,
    grant_tokens: Option<&[String]>,
    algorithm: MacAlgorithmSpec,
) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
    let asked = Asked { mac_algorithm: Some(algorithm), ..Asked::default() };
    let key = cx.authorize_key_asking(key_id, Forms::All, grant_tokens, &asked).await?;
    let record = key.resource();
    cx.check_usage(record, KeyUsage::GenerateVerifyMac)?;
    cx.check_state(record)?;
    if !spec::facts(record.spec).mac.contains(&algorithm) {
        return Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec: record.spec });
    }
    Ok(key)
}
