//! Encrypting a caller's plaintext: what Encrypt and the destination side of ReEncrypt do alike (behaviours 4.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_authz::action::Action;
use strongroom_authz::proof::Authorized;
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeyUsage};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::key::KeyRecord;
use strongroom_core::secret::SecretBytes;
use strongroom_core::spec;
use strongroom_crypto::cost::Work;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::Forms;
use crate::ops::crypto::{check_context, check_encryption_algorithm, context_bytes};

/// A key that the caller may encrypt under, and how.
pub(crate) struct Sealing {
    pub(crate) key: Authorized<Arc<KeyRecord>>,
    algorithm: EncryptionAlgorithmSpec,
    context: Vec<u8>,
}

/// What the caller named.
pub(crate) struct Destination<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) algorithm: EncryptionAlgorithmSpec,
    pub(crate) context: Option<&'a BTreeMap<String, String>>,
    pub(crate) grant_tokens: Option<&'a [String]>,
    /// Whether ReEncrypt has one key on both sides.
    pub(crate) re_encrypt_on_same_key: Option<bool>,
}

impl Sealing {
    /// Finds, authorizes and checks the key.
    ///
    /// # Errors
    /// Those of the operation, in its order: usage, state, algorithm, context.
    pub(crate) async fn to(cx: &Cx<'_>, action: &'static str, to: Destination<'_>) -> Result<Self, OpError> {
        let asked =
            Asked { re_encrypt_on_same_key: to.re_encrypt_on_same_key, ..Asked::encryption(to.algorithm, to.context) };
        let key = cx.authorize_key_for(Action::kms(action), to.key_id, Forms::All, to.grant_tokens, &asked).await?;
        cx.check_usage(key.resource(), KeyUsage::EncryptDecrypt)?;
        cx.check_state(key.resource())?;
        check_encryption_algorithm(key.resource(), to.algorithm)?;
        check_context(to.algorithm, to.context)?;
        Ok(Self { key, algorithm: to.algorithm, context: context_bytes(to.context) })
    }

    /// Refuses a plaintext that the algorithm does not take.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(crate) fn check_length(&self, plaintext: &SecretBytes) -> Result<(), OpError> {
        let spec = self.key.resource().spec;
        match spec::max_plaintext_bytes(spec, self.algorithm) {
            Some(max) if plaintext.len() > max => {
                let algorithm = self.algorithm;
                Err(OpError::Invalid(
                    format!("Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {max} bytes.")
                        .into(),
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Encrypts under the key's current material, and says which that was.
    ///
    /// # Errors
    /// When the material cannot be opened.
    pub(crate) async fn seal(&self, cx: &Cx<'_>, plaintext: SecretBytes) -> Result<(Vec<u8>, KeyMaterialId), OpError> {
        let handle = cx.open_current(&self.key).await?;
        let material_id = handle.material_id();
        if self.algorithm == EncryptionAlgorithmSpec::SymmetricDefault {
            let blob = cx.timed(|| handle.seal(&self.context, plaintext.expose(), cx.rng()))?;
            return Ok((blob, material_id));
        }
        let (algorithm, rng) = (self.algorithm, cx.node.rng.clone());
        let ciphertext = cx
            .compute(handle.spec(), Work::Public, move || handle.encrypt(algorithm, plaintext.expose(), &*rng))
            .await??;
        Ok((ciphertext, material_id))
    }
}
