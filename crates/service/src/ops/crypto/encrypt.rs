//! `Encrypt`: up to 4,096 bytes under a key that never leaves the service.
//!
//! A caller who may not use the key does not learn its state: authorization comes before every check of the key.

use strongroom_core::generated::{EncryptionAlgorithmSpec, OpName};
use strongroom_wire::kms;

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::quotas::RequestQuota;
use crate::sealing::{Destination, Sealing};

pub(crate) struct Encrypt;

impl Operation for Encrypt {
    const NAME: OpName = OpName::Encrypt;
    type Input = kms::EncryptInput;
    type Output = kms::EncryptOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        input.encryption_algorithm.map_or(RequestQuota::of(Self::NAME), RequestQuota::of_encryption)
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let algorithm = input.encryption_algorithm.unwrap_or(EncryptionAlgorithmSpec::SymmetricDefault);
        let to = Destination {
            key_id: &input.key_id,
            algorithm,
            context: input.encryption_context.as_ref(),
            grant_tokens: input.grant_tokens.as_deref(),
            re_encrypt_on_same_key: None,
        };
        let sealing = Sealing::to(cx, "Encrypt", to).await?;
        sealing.check_length(&input.plaintext)?;
        end_dry_run(input.dry_run)?;

        let (blob, _) = sealing.seal(cx, input.plaintext).await?;
        Ok(kms::EncryptOutput {
            ciphertext_blob: Some(blob),
            key_id: Some(sealing.key.resource().arn.to_string()),
            encryption_algorithm: Some(algorithm),
        })
    }
}
