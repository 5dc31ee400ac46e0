//! What Sign and Verify do alike: the key, the algorithm, and the form of the message (behaviours 3.3, 4.3).

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::generated::{KeySpec, KeyUsage, MessageType, SigningAlgorithmSpec};
use strongroom_core::key::KeyRecord;
use strongroom_core::secret::SecretBytes;
use strongroom_core::spec;
use strongroom_vault::Message;
use strongroom_wire::kms::Admitted;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::Cx;
use crate::keys::Forms;

/// The key, authorized and fit for `algorithm`.
///
/// # Errors
/// Those of the operations, in their order: usage, state, algorithm.
pub(crate) async fn signing_key(
    cx: &Cx<'_>,
    key_id: &str,
    grant_tokens: Option<&[String]>,
    algorithm: Admitted<SigningAlgorithmSpec>,
    message_type: Option<MessageType>,
) -> Result<(Authorized<Arc<KeyRecord>>, SigningAlgorithmSpec), OpError> {
    let asked = Asked {
        signing_algorithm: Some(match algorithm {
            Admitted::Offered(algorithm) => algorithm.as_str(),
            Admitted::Foreign(algorithm) => algorithm,
        }),
        message_type: Some(message_type.unwrap_or(MessageType::Raw)),
        ..Asked::default()
    };
    let key = cx.authorize_key_asking(key_id, Forms::All, grant_tokens, &asked).await?;
    let record = key.resource();
    cx.check_usage(record, KeyUsage::SignVerify)?;
    cx.check_state(record)?;
    let spec = record.spec;
    match algorithm {
        Admitted::Offered(algorithm) if spec::facts(spec).signing.contains(&algorithm) => Ok((key, algorithm)),
        Admitted::Offered(algorithm) => Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec }),
        Admitted::Foreign(algorithm) => Err(OpError::WrongAlgorithm { algorithm, spec }),
    }
}

/// Bytes of an external mu (FIPS 204, algorithm 7).
const MU_BYTES: usize = 64;

/// A message whose form fits its algorithm.
pub(crate) struct SignedMessage {
    message_type: MessageType,
    bytes: SecretBytes,
}

impl SignedMessage {
    /// Checks the message's type and length; `RAW` when the caller did not say.
    ///
    /// # Errors
    /// `ValidationException` in AWS's words.
    pub(crate) fn read(
        spec: KeySpec,
        algorithm: SigningAlgorithmSpec,
        message_type: Option<MessageType>,
        bytes: SecretBytes,
    ) -> Result<Self, OpError> {
        use SigningAlgorithmSpec as S;
        let message_type = message_type.unwrap_or(MessageType::Raw);
        let incompatible = |with: &str| {
            Err(OpError::Invalid(format!("Message type {message_type} is incompatible with {with}.").into()))
        };
        let needed_bytes = match (message_type, algorithm) {
            (MessageType::Raw, S::Ed25519PhSha512) => return incompatible(&format!("algorithm {algorithm}")),
            (MessageType::Raw, _) => None,
            (MessageType::Digest, S::MlDsaShake256) => return incompatible(&format!("key spec {spec}")),
            (MessageType::Digest, _) => match spec::digest_bytes(algorithm) {
                Some(bytes) => Some(bytes),
                None => return incompatible(&format!("algorithm {algorithm}")),
            },
            (MessageType::ExternalMu, S::MlDsaShake256) => Some(MU_BYTES),
            (MessageType::ExternalMu, _) => return incompatible(&format!("key spec {spec}")),
        };
        if needed_bytes.is_some_and(|needed| needed != bytes.len()) {
            return Err(OpError::Invalid(format!("Digest is invalid length for algorithm {algorithm}.").into()));
        }
        Ok(Self { message_type, bytes })
    }

    /// As the vault takes it.
    pub(crate) fn as_message(&self) -> Message<'_> {
        match self.message_type {
            MessageType::Raw => Message::Raw(self.bytes.expose()),
            MessageType::Digest => Message::Digest(self.bytes.expose()),
            MessageType::ExternalMu => Message::ExternalMu(self.bytes.expose()),
        }
    }
}
