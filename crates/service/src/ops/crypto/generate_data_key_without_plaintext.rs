//! `GenerateDataKeyWithoutPlaintext`: a data key for later, encrypted alone.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::end_dry_run;
use crate::data_keys::{asked, data_key_bytes, generate, wrapping_key};
use crate::error::OpError;
use crate::frame::{Cx, Operation};

pub(crate) struct GenerateDataKeyWithoutPlaintext;

impl Operation for GenerateDataKeyWithoutPlaintext {
    const NAME: OpName = OpName::GenerateDataKeyWithoutPlaintext;
    type Input = kms::GenerateDataKeyWithoutPlaintextInput;
    type Output = kms::GenerateDataKeyWithoutPlaintextOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let bytes = data_key_bytes(input.key_spec, input.number_of_bytes)?;
        let asked = asked(input.encryption_context.as_ref(), None);
        let key = wrapping_key(cx, &input.key_id, input.grant_tokens.as_deref(), &asked).await?;
        end_dry_run(input.dry_run)?;

        let data_key = generate(cx, key, bytes, input.encryption_context.as_ref()).await?;
        Ok(kms::GenerateDataKeyWithoutPlaintextOutput {
            ciphertext_blob: Some(data_key.ciphertext),
            key_id: Some(data_key.key.arn.to_string()),
            key_material_id: data_key.material_id,
        })
    }
}
