//! `Decrypt`: opens what Encrypt, ReEncrypt or a data key operation made.

use strongroom_core::generated::{EncryptionAlgorithmSpec, OpName};
use strongroom_wire::kms;

use super::{end_dry_run, ignores_ciphertext, refuse_recipient, shown_material_id};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::opening::{Opening, Source};
use crate::quotas::RequestQuota;

pub(crate) struct Decrypt;

impl Operation for Decrypt {
    const NAME: OpName = OpName::Decrypt;
    type Input = kms::DecryptInput;
    type Output = kms::DecryptOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        input.encryption_algorithm.map_or(RequestQuota::of(Self::NAME), RequestQuota::of_encryption)
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let ignores_ciphertext = ignores_ciphertext(
            input.dry_run,
            input.dry_run_modifiers.as_deref(),
            input.ciphertext_blob.is_some(),
            ("keyId", input.key_id.is_some()),
        )?;
        refuse_recipient(input.recipient.as_ref())?;

        let algorithm = input.encryption_algorithm.unwrap_or(EncryptionAlgorithmSpec::SymmetricDefault);
        let source = Source {
            key_id: input.key_id.as_deref(),
            ciphertext: input.ciphertext_blob.as_deref().filter(|_| !ignores_ciphertext),
            context: input.encryption_context.as_ref(),
            algorithm,
            grant_tokens: input.grant_tokens.as_deref(),
            re_encrypt_on_same_key: None,
        };
        let opening = Opening::of(cx, "Decrypt", source).await?;
        let opened = opening.open(cx).await?;
        end_dry_run(input.dry_run)?;
        let opened = opened.ok_or(OpError::DryRun)?;
        let key = opening.key.resource();

        Ok(kms::DecryptOutput {
            key_id: Some(key.arn.to_string()),
            key_material_id: opened.material_id.and_then(|id| shown_material_id(key, id)),
            // The caller asked for the plaintext and may decrypt under this key.
            plaintext: Some(opened.plaintext.into_reply()),
            encryption_algorithm: Some(algorithm),
            ciphertext_for_recipient: None,
        })
    }
}
