//! `Encapsulate`: a fresh shared secret, and its ML-KEM ciphertext under the key's public half.

use strongroom_core::generated::{KeyUsage, OpName};
use strongroom_core::spec;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms;

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct Encapsulate;

impl Operation for Encapsulate {
    const NAME: OpName = OpName::Encapsulate;
    type Input = kms::EncapsulateInput;
    type Output = kms::EncapsulateOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let algorithm = input.encapsulation_algorithm;
        let key = cx.authorize_key(&input.key_id, Forms::All, input.grant_tokens.as_deref()).await?;
        let record = key.resource();
        cx.check_usage(record, KeyUsage::EncapsulateDecapsulate)?;
        cx.check_state(record)?;
        if !spec::facts(record.spec).encapsulation.contains(&algorithm) {
            return Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec: record.spec });
        }
        end_dry_run(input.dry_run)?;

        let handle = cx.open_current(&key).await?;
        let (ciphertext, secret) = cx.compute(handle.spec(), Work::Public, move || handle.encapsulate()).await??;
        Ok(kms::EncapsulateOutput {
            key_id: Some(record.arn.to_string()),
            // The secret is made for the caller to use.
            shared_secret: Some(secret.into_reply()),
            shared_secret_ciphertext_blob: Some(ciphertext),
            encapsulation_algorithm: Some(algorithm),
        })
    }
}
