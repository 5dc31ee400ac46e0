//! `ReEncrypt`: from one key or context to another, without the plaintext leaving the service.
//!
//! Two keys, two permissions: `kms:ReEncryptFrom` on the source and `kms:ReEncryptTo` on the destination.

use strongroom_core::generated::{EncryptionAlgorithmSpec, OpName};
use strongroom_wire::kms;

use super::{end_dry_run, ignores_ciphertext, shown_material_id};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::opening::{Opening, Source};
use crate::sealing::{Destination, Sealing};

pub(crate) struct ReEncrypt;

impl Operation for ReEncrypt {
    const NAME: OpName = OpName::ReEncrypt;
    type Input = kms::ReEncryptInput;
    type Output = kms::ReEncryptOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let ignores_ciphertext = ignores_ciphertext(
            input.dry_run,
            input.dry_run_modifiers.as_deref(),
            input.ciphertext_blob.is_some(),
            ("sourceKeyId", input.source_key_id.is_some()),
        )?;

        // The source side, as Decrypt.
        let symmetric = EncryptionAlgorithmSpec::SymmetricDefault;
        let source_algorithm = input.source_encryption_algorithm.unwrap_or(symmetric);
        let source = Source {
            key_id: input.source_key_id.as_deref(),
            ciphertext: input.ciphertext_blob.as_deref().filter(|_| !ignores_ciphertext),
            context: input.source_encryption_context.as_ref(),
            algorithm: source_algorithm,
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let opening = Opening::of(cx, "ReEncryptFrom", source).await?;

        // The destination side, as Encrypt.
        let algorithm = input.destination_encryption_algorithm.unwrap_or(symmetric);
        let to = Destination {
            key_id: &input.destination_key_id,
            algorithm,
            context: input.destination_encryption_context.as_ref(),
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let sealing = Sealing::to(cx, "ReEncryptTo", to).await?;

        // Both keys are found fit before anything is decrypted.
        let opened = opening.open(cx).await?;
        if let Some(opened) = &opened {
            sealing.check_length(&opened.plaintext)?;
        }
        end_dry_run(input.dry_run)?;
        let opened = opened.ok_or(OpError::DryRun)?;

        let (blob, material_id) = sealing.seal(cx, opened.plaintext).await?;
        let (source_key, key) = (opening.key.resource(), sealing.key.resource());
        Ok(kms::ReEncryptOutput {
            ciphertext_blob: Some(blob),
            source_key_id: Some(source_key.arn.to_string()),
            key_id: Some(key.arn.to_string()),
            source_encryption_algorithm: Some(source_algorithm),
            destination_encryption_algorithm: Some(algorithm),
            source_key_material_id: opened.material_id.and_then(|id| shown_material_id(source_key, id)),
            destination_key_material_id: shown_material_id(key, material_id),
        })
    }
}
