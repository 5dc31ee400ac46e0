//! `DeriveSharedSecret`: ECDH with a peer's public key; the raw x coordinate at full length.

use strongroom_core::generated::{KeyUsage, OpName};
use strongroom_core::spec;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms;

use super::{end_dry_run, refuse_recipient};
use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct DeriveSharedSecret;

impl Operation for DeriveSharedSecret {
    const NAME: OpName = OpName::DeriveSharedSecret;
    type Input = kms::DeriveSharedSecretInput;
    type Output = kms::DeriveSharedSecretOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        refuse_recipient(input.recipient.as_ref())?;
        let algorithm = input.key_agreement_algorithm;
        let asked = Asked { key_agreement_algorithm: Some(algorithm), ..Asked::default() };
        let grant_tokens = input.grant_tokens.as_deref();
        let key = cx.authorize_key_asking(&input.key_id, Forms::All, grant_tokens, &asked).await?;
        let record = key.resource();
        cx.check_usage(record, KeyUsage::KeyAgreement)?;
        cx.check_state(record)?;
        if !spec::facts(record.spec).agreement.contains(&algorithm) {
            return Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec: record.spec });
        }

        // The peer's key is checked in a dry run too: it is input, not result.
        let handle = cx.open_current(&key).await?;
        let peer = input.public_key;
        let bad_peer = OpError::invalid("The public key is not valid for the curve of the KMS key.");
        let secret = cx
            .compute(handle.spec(), Work::Private, move || handle.agree(&peer))
            .await?
            .map_err(|error| OpError::input_refused(error, bad_peer))?;
        end_dry_run(input.dry_run)?;
        Ok(kms::DeriveSharedSecretOutput {
            key_id: Some(record.arn.to_string()),
            // The secret is derived for the caller to use.
            shared_secret: Some(secret.into_reply()),
            ciphertext_for_recipient: None,
            key_agreement_algorithm: Some(algorithm),
            key_origin: Some(record.origin),
        })
    }
}
