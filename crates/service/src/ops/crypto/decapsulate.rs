//! `Decapsulate`: the shared secret in an ML-KEM ciphertext. One that is not genuine gives some other secret (FIPS 203).

use strongroom_core::generated::{KeyUsage, OpName};
use strongroom_core::spec;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms;

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct Decapsulate;

impl Operation for Decapsulate {
    const NAME: OpName = OpName::Decapsulate;
    type Input = kms::DecapsulateInput;
    type Output = kms::DecapsulateOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let algorithm = input.encapsulation_algorithm;
        let key = cx.authorize_key(&input.key_id, Forms::All, input.grant_tokens.as_deref()).await?;
        let record = key.resource();
        cx.check_usage(record, KeyUsage::EncapsulateDecapsulate)?;
        cx.check_state(record)?;
        if !spec::facts(record.spec).encapsulation.contains(&algorithm) {
            return Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec: record.spec });
        }

        // A ciphertext of another length is refused (as InvalidCiphertextException) in a dry run too.
        let handle = cx.open_current(&key).await?;
        let ciphertext = input.shared_secret_ciphertext_blob;
        let secret = cx.compute(handle.spec(), Work::Private, move || handle.decapsulate(&ciphertext)).await??;
        end_dry_run(input.dry_run)?;
        Ok(kms::DecapsulateOutput {
            key_id: Some(record.arn.to_string()),
            // The secret is the caller's.
            shared_secret: Some(secret.into_reply()),
            encapsulation_algorithm: Some(algorithm),
        })
    }
}
