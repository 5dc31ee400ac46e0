//! Opening a caller's ciphertext: what Decrypt and the source side of ReEncrypt do alike (behaviours 4.2).
//!
//! The key is found first, from the request or from the ciphertext, then authorized, then asked for its usage and state.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_authz::action::Action;
use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, KeyUsage};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::KeyRecord;
use strongroom_core::secret::SecretBytes;
use strongroom_crypto::cost::Work;
use strongroom_vault::blob::Header;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::Forms;
use crate::ops::crypto::{check_context, check_encryption_algorithm, context_bytes};

/// What the caller sent.
pub(crate) struct Source<'a> {
    pub(crate) key_id: Option<&'a str>,
    /// Absent when a dry run ignores it.
    pub(crate) ciphertext: Option<&'a [u8]>,
    pub(crate) context: Option<&'a BTreeMap<String, String>>,
    pub(crate) algorithm: EncryptionAlgorithmSpec,
    pub(crate) grant_tokens: Option<&'a [String]>,
    /// Whether ReEncrypt has one key on both sides.
    pub(crate) re_encrypt_on_same_key: Option<bool>,
}

impl Source<'_> {
    /// What policies can ask about it.
    fn asked(&self) -> Asked<'_> {
        let re_encrypt_on_same_key = self.re_encrypt_on_same_key;
        Asked { re_encrypt_on_same_key, ..Asked::encryption(self.algorithm, self.context) }
    }
}

/// A key that the caller may decrypt with, found fit for the ciphertext.
pub(crate) struct Opening<'a> {
    pub(crate) key: Authorized<Arc<KeyRecord>>,
    sealed: Option<Sealed<'a>>,
}

/// What there is to open.
enum Sealed<'a> {
    Blob { header: Header, blob: &'a [u8], context: Vec<u8> },
    Asymmetric { algorithm: EncryptionAlgorithmSpec, ciphertext: &'a [u8] },
}

/// A plaintext, and which material opened it.
pub(crate) struct Opened {
    pub(crate) plaintext: SecretBytes,
    pub(crate) material_id: Option<KeyMaterialId>,
}

impl<'a> Opening<'a> {
    /// Finds the key of `source`, for a caller who may do `action` with it, and checks it. Nothing is decrypted yet.
    ///
    /// # Errors
    /// Those of the operation, in its order.
    pub(crate) async fn of(cx: &Cx<'_>, action: &'static str, source: Source<'a>) -> Result<Self, OpError> {
        let action = Action::kms(action);
        if source.algorithm == EncryptionAlgorithmSpec::SymmetricDefault {
            symmetric(cx, action, source).await
        } else {
            asymmetric(cx, action, source).await
        }
    }

    /// Decrypts; `None` when a dry run ignores the ciphertext.
    ///
    /// # Errors
    /// [`OpError::InvalidCiphertext`], whatever is wrong with it.
    pub(crate) async fn open(&self, cx: &Cx<'_>) -> Result<Option<Opened>, OpError> {
        match &self.sealed {
            None => Ok(None),
            Some(Sealed::Blob { header, blob, context }) => {
                let handle = cx.open(&self.key, header.material).await?;
                let plaintext = cx.timed(|| handle.open(header, context, blob))?;
                Ok(Some(Opened { plaintext, material_id: Some(header.material) }))
            }
            Some(Sealed::Asymmetric { algorithm, ciphertext }) => {
                let handle = cx.open_current(&self.key).await?;
                let (algorithm, ciphertext) = (*algorithm, ciphertext.to_vec());
                let job = move || handle.decrypt(algorithm, &ciphertext);
                let plaintext = cx.compute(self.key.resource().spec, Work::Private, job).await??;
                // No plaintext of the API is empty; one that was encrypted elsewhere cannot be handed on.
                if plaintext.is_empty() {
                    return Err(OpError::InvalidCiphertext);
                }
                Ok(Some(Opened { plaintext, material_id: None }))
            }
        }
    }
}

async fn symmetric<'a>(cx: &Cx<'_>, action: Action, source: Source<'a>) -> Result<Opening<'a>, OpError> {
    let header = source.ciphertext.map(|blob| Header::parse(blob).map_err(|_| OpError::InvalidCiphertext));
    let key = match (source.key_id, &header) {
        (Some(key_id), _) => {
            cx.authorize_key_for(action, key_id, Forms::All, source.grant_tokens, &source.asked()).await?
        }
        (None, Some(Ok(header))) => key_of(cx, action, header, &source).await?,
        (None, Some(Err(_)) | None) => return Err(OpError::InvalidCiphertext),
    };
    let header = header.transpose()?;
    let record = key.resource();
    if let Some(header) = &header
        && (header.account, header.key) != (record.arn.account, record.arn.key)
    {
        return Err(OpError::IncorrectKey);
    }
    cx.check_usage(record, KeyUsage::EncryptDecrypt)?;
    cx.check_state(record)?;
    check_encryption_algorithm(record, source.algorithm)?;

    let (Some(header), Some(blob)) = (header, source.ciphertext) else { return Ok(Opening { key, sealed: None }) };
    // A material that the key never had: the header was made up.
    if record.spec != KeySpec::SymmetricDefault || record.material(header.material).is_none() {
        return Err(OpError::InvalidCiphertext);
    }
    let context = context_bytes(source.context);
    Ok(Opening { key, sealed: Some(Sealed::Blob { header, blob, context }) })
}

/// The key that the ciphertext names, in the Region of the request. Absent and forbidden are one answer.
async fn key_of(
    cx: &Cx<'_>,
    action: Action,
    header: &Header,
    source: &Source<'_>,
) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
    crate::keys::check_grant_tokens(cx.vault(), source.grant_tokens)?;
    let arn = KeyArn { account: header.account, region: cx.region, key: header.key };
    let entry = cx.keyring().entry(&arn).await?.ok_or(OpError::CiphertextKeyOutOfReach)?;
    let key = cx.authorize_entry(action, &entry, &source.asked()).map_err(|_| OpError::CiphertextKeyOutOfReach)?;
    cx.meet_faults(Some(&entry)).await?;
    Ok(key)
}

/// An asymmetric ciphertext names no key, so the caller must.
async fn asymmetric<'a>(cx: &Cx<'_>, action: Action, source: Source<'a>) -> Result<Opening<'a>, OpError> {
    let key_id = source
        .key_id
        .ok_or(OpError::invalid("A key ID is required when the ciphertext was encrypted under an asymmetric key."))?;
    let key = cx.authorize_key_for(action, key_id, Forms::All, source.grant_tokens, &source.asked()).await?;
    let record = key.resource();
    cx.check_usage(record, KeyUsage::EncryptDecrypt)?;
    cx.check_state(record)?;
    check_encryption_algorithm(record, source.algorithm)?;
    check_context(source.algorithm, source.context)?;

    let algorithm = source.algorithm;
    let sealed = source.ciphertext.map(|ciphertext| Sealed::Asymmetric { algorithm, ciphertext });
    Ok(Opening { key, sealed })
}
