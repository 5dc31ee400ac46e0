//! `GenerateRandom`: up to 1,024 random bytes.

use strongroom_core::generated::OpName;
use strongroom_core::secret::SecretBytes;
use strongroom_wire::kms;

use super::refuse_recipient;
use crate::error::OpError;
use crate::frame::{Cx, Operation};

pub(crate) struct GenerateRandom;

impl Operation for GenerateRandom {
    const NAME: OpName = OpName::GenerateRandom;
    type Input = kms::GenerateRandomInput;
    type Output = kms::GenerateRandomOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Needed, though the shape does not say so.
        let bytes = input.number_of_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = bytes.ok_or(OpError::invalid("NumberOfBytes is required."))?;
        refuse_recipient(input.recipient.as_ref())?;
        let _proof = cx.authorize_account().await?;
        if let Some(id) = input.custom_key_store_id {
            return Err(OpError::NoSuchCustomKeyStore(id));
        }
        let random = SecretBytes::init(bytes, |out| cx.rng().fill(out))?;
        Ok(kms::GenerateRandomOutput {
            // The bytes are made for the caller to use.
            plaintext: Some(random.into_reply()),
            ciphertext_for_recipient: None,
        })
    }
}
