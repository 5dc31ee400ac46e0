//! `ReEncrypt`: from one key or context to another, without the plaintext leaving the service.
//!
//! Two keys, two permissions: `kms:ReEncryptFrom` on the source and `kms:ReEncryptTo` on the destination. Where the keys are of
//! two kinds, the call counts against the request quotas of both.

use std::num::NonZeroU32;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{EncryptionAlgorithmSpec, OpName};
use strongroom_vault::blob::Header;
use strongroom_wire::kms;

use super::{end_dry_run, ignores_ciphertext, shown_material_id};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName};
use crate::opening::{Opening, Source};
use crate::quotas::RequestQuota;
use crate::sealing::{Destination, Sealing};

pub(crate) struct ReEncrypt;

impl Operation for ReEncrypt {
    const NAME: OpName = OpName::ReEncrypt;
    type Input = kms::ReEncryptInput;
    type Output = kms::ReEncryptOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        input.source_encryption_algorithm.map_or(RequestQuota::of(Self::NAME), RequestQuota::of_encryption)
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let ignores_ciphertext = ignores_ciphertext(
            input.dry_run,
            input.dry_run_modifiers.as_deref(),
            input.ciphertext_blob.is_some(),
            ("sourceKeyId", input.source_key_id.is_some()),
        )?;

        let symmetric = EncryptionAlgorithmSpec::SymmetricDefault;
        let algorithm = input.destination_encryption_algorithm.unwrap_or(symmetric);
        let destination_quota = RequestQuota::of_encryption(algorithm);
        if destination_quota != Self::quota(&input) {
            cx.count_request(destination_quota, NonZeroU32::MIN)?;
        }
        let re_encrypt_on_same_key = Some(is_on_same_key(cx, &input).await?);

        // The source side, as Decrypt.
        let source_algorithm = input.source_encryption_algorithm.unwrap_or(symmetric);
        let source = Source {
            key_id: input.source_key_id.as_deref(),
            ciphertext: input.ciphertext_blob.as_deref().filter(|_| !ignores_ciphertext),
            context: input.source_encryption_context.as_ref(),
            algorithm: source_algorithm,
            grant_tokens: input.grant_tokens.as_deref(),
            re_encrypt_on_same_key,
        };
        let opening = Opening::of(cx, "ReEncryptFrom", source).await?;

        // The destination side, as Encrypt.
        let to = Destination {
            key_id: &input.destination_key_id,
            algorithm,
            context: input.destination_encryption_context.as_ref(),
            grant_tokens: input.grant_tokens.as_deref(),
            re_encrypt_on_same_key,
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

/// Whether source and destination are one key, before either is authorized: policies of both can ask.
///
/// # Errors
/// When the store fails. What cannot be found is not the same, and is told in its turn.
async fn is_on_same_key(cx: &Cx<'_>, input: &kms::ReEncryptInput) -> Result<bool, OpError> {
    let Some(destination) = key_arn(cx, &input.destination_key_id).await? else { return Ok(false) };
    let source = match (&input.source_key_id, &input.ciphertext_blob) {
        (Some(text), _) => key_arn(cx, text).await?,
        (None, Some(blob)) => Header::parse(blob).ok().map(|header| KeyArn {
            account: header.account,
            region: cx.region,
            key: header.key,
        }),
        (None, None) => None,
    };
    Ok(source == Some(destination))
}

async fn key_arn(cx: &Cx<'_>, text: &str) -> Result<Option<KeyArn>, OpError> {
    let Ok(name) = KeyName::read(text, Forms::All, cx.account, cx.region) else { return Ok(None) };
    Ok(name.find(cx.keyring()).await?.map(|entry| entry.record.arn))
}
