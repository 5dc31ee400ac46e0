//! `GenerateDataKeyPairWithoutPlaintext`: a key pair for later, its private key encrypted alone.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::end_dry_run;
use super::generate_data_key_pair::check_offered;
use crate::data_keys::{asked, wrap, wrapping_key};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::quotas::RequestQuota;

pub(crate) struct GenerateDataKeyPairWithoutPlaintext;

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    const NAME: OpName = OpName::GenerateDataKeyPairWithoutPlaintext;
    type Input = kms::GenerateDataKeyPairWithoutPlaintextInput;
    type Output = kms::GenerateDataKeyPairWithoutPlaintextOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        RequestQuota::DataKeyPair(input.key_pair_spec)
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        check_offered(cx, input.key_pair_spec)?;
        let asked = asked(input.encryption_context.as_ref(), Some(input.key_pair_spec));
        let key = wrapping_key(cx, &input.key_id, input.grant_tokens.as_deref(), &asked).await?;
        end_dry_run(input.dry_run)?;

        let pair = cx.node.key_pairs.take(input.key_pair_spec).await?;
        let data_key = wrap(cx, key, pair.private_key, input.encryption_context.as_ref()).await?;
        Ok(kms::GenerateDataKeyPairWithoutPlaintextOutput {
            private_key_ciphertext_blob: Some(data_key.ciphertext),
            public_key: Some(pair.public_key),
            key_id: Some(data_key.key.arn.to_string()),
            key_pair_spec: Some(input.key_pair_spec),
            key_material_id: data_key.material_id,
        })
    }
}
