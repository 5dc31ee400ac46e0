//! `GenerateDataKeyPair`: a key pair for use outside, its private key in the clear and encrypted.

use strongroom_core::generated::{DataKeyPairSpec, OpName};
use strongroom_core::spec;
use strongroom_wire::kms;

use super::{end_dry_run, refuse_recipient};
use crate::data_keys::{asked, wrap, wrapping_key};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::quotas::RequestQuota;

pub(crate) struct GenerateDataKeyPair;

impl Operation for GenerateDataKeyPair {
    const NAME: OpName = OpName::GenerateDataKeyPair;
    type Input = kms::GenerateDataKeyPairInput;
    type Output = kms::GenerateDataKeyPairOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        RequestQuota::DataKeyPair(input.key_pair_spec)
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        check_offered(cx, input.key_pair_spec)?;
        refuse_recipient(input.recipient.as_ref())?;
        let asked = asked(input.encryption_context.as_ref(), Some(input.key_pair_spec));
        let key = wrapping_key(cx, &input.key_id, input.grant_tokens.as_deref(), &asked).await?;
        end_dry_run(input.dry_run)?;

        let pair = cx.node.key_pairs.take(input.key_pair_spec).await?;
        let data_key = wrap(cx, key, pair.private_key, input.encryption_context.as_ref()).await?;
        Ok(kms::GenerateDataKeyPairOutput {
            private_key_ciphertext_blob: Some(data_key.ciphertext),
            // The pair is made for the caller to use.
            private_key_plaintext: Some(data_key.plaintext.into_reply()),
            public_key: Some(pair.public_key),
            key_id: Some(data_key.key.arn.to_string()),
            key_pair_spec: Some(input.key_pair_spec),
            key_material_id: data_key.material_id,
            ciphertext_for_recipient: None,
        })
    }
}

/// Refuses a spec that AWS does not offer in the Region.
pub(super) fn check_offered(cx: &Cx<'_>, pair: DataKeyPairSpec) -> Result<(), OpError> {
    if spec::facts(spec::from_data_key_pair_spec(pair)).offered.is_in(cx.region) {
        Ok(())
    } else {
        Err(OpError::Unsupported(Some(format!("KeyPairSpec {pair} is not supported in this Region").into())))
    }
}
