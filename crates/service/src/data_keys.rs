//! Data keys: fresh bytes, and the same bytes encrypted under a key (behaviours 4.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::generated::{DataKeyPairSpec, DataKeySpec, EncryptionAlgorithmSpec, KeySpec, KeyUsage};
use strongroom_core::key::KeyRecord;
use strongroom_core::secret::SecretBytes;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::Forms;
use crate::ops::crypto::{context_bytes, shown_material_id};

/// A secret and its encrypted copy.
pub(crate) struct DataKey {
    pub(crate) key: Arc<KeyRecord>,
    pub(crate) plaintext: SecretBytes,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) material_id: Option<String>,
}

/// The length of a data key: exactly one of both members says it.
///
/// # Errors
/// Neither or both.
pub(crate) fn data_key_bytes(spec: Option<DataKeySpec>, number_of_bytes: Option<i32>) -> Result<usize, OpError> {
    let neither_or_both = || OpError::invalid("Please specify either number of bytes or key spec.");
    match (spec, number_of_bytes) {
        (Some(DataKeySpec::Aes256), None) => Ok(32),
        (Some(DataKeySpec::Aes128), None) => Ok(16),
        (None, Some(bytes)) => usize::try_from(bytes).map_err(|_| neither_or_both()),
        (Some(_), Some(_)) | (None, None) => Err(neither_or_both()),
    }
}

/// What policies can ask about a request for a data key or a data key pair.
pub(crate) fn asked<'a>(context: Option<&'a BTreeMap<String, String>>, pair: Option<DataKeyPairSpec>) -> Asked<'a> {
    let symmetric = EncryptionAlgorithmSpec::SymmetricDefault;
    Asked { data_key_pair_spec: pair, ..Asked::encryption(symmetric, context) }
}

/// Finds and checks the symmetric key under which data keys are encrypted.
///
/// # Errors
/// Those of the operation, in its order: usage, state, class.
pub(crate) async fn wrapping_key(
    cx: &Cx<'_>,
    key_id: &str,
    grant_tokens: Option<&[String]>,
    asked: &Asked<'_>,
) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
    let key = cx.authorize_key_asking(key_id, Forms::All, grant_tokens, asked).await?;
    cx.check_usage(key.resource(), KeyUsage::EncryptDecrypt)?;
    cx.check_state(key.resource())?;
    if key.resource().spec != KeySpec::SymmetricDefault {
        return Err(OpError::DataKeyFromAsymmetric);
    }
    Ok(key)
}

/// Encrypts `plaintext` under the key's current material.
///
/// # Errors
/// When the material cannot be opened.
pub(crate) async fn wrap(
    cx: &Cx<'_>,
    key: Authorized<Arc<KeyRecord>>,
    plaintext: SecretBytes,
    context: Option<&BTreeMap<String, String>>,
) -> Result<DataKey, OpError> {
    let handle = cx.open_current(&key).await?;
    let ciphertext = cx.timed(|| handle.seal(&context_bytes(context), plaintext.expose(), cx.rng()))?;
    let material_id = shown_material_id(key.resource(), handle.material_id());
    Ok(DataKey { key: key.into_resource(), plaintext, ciphertext, material_id })
}

/// A fresh data key of `bytes` bytes.
///
/// # Errors
/// When there are no random bytes or the material cannot be opened.
pub(crate) async fn generate(
    cx: &Cx<'_>,
    key: Authorized<Arc<KeyRecord>>,
    bytes: usize,
    context: Option<&BTreeMap<String, String>>,
) -> Result<DataKey, OpError> {
    let plaintext = SecretBytes::init(bytes, |out| cx.rng().fill(out))?;
    wrap(cx, key, plaintext, context).await
}
