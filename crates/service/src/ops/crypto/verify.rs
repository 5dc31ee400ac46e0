//! `Verify`: says that a signature is good, or fails; it never says that one is bad.

use strongroom_core::generated::OpName;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms::{self, Admitted};

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::quotas::RequestQuota;
use crate::signing::{SignedMessage, signing_key};

pub(crate) struct Verify;

impl Operation for Verify {
    const NAME: OpName = OpName::Verify;
    type Input = kms::VerifyInput;
    type Output = kms::VerifyOutput;

    fn quota(input: &Self::Input) -> RequestQuota {
        match input.signing_algorithm {
            Admitted::Offered(algorithm) => RequestQuota::of_signature(algorithm),
            Admitted::Foreign(_) => RequestQuota::of(Self::NAME),
        }
    }

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let grant_tokens = input.grant_tokens.as_deref();
        let (key, algorithm) =
            signing_key(cx, &input.key_id, grant_tokens, input.signing_algorithm, input.message_type).await?;
        let message = SignedMessage::read(key.resource().spec, algorithm, input.message_type, input.message)?;

        let handle = cx.open_current(&key).await?;
        let signature = input.signature;
        cx.compute(handle.spec(), Work::Public, move || handle.verify(algorithm, message.as_message(), &signature))
            .await?
            .map_err(|error| OpError::input_refused(error, OpError::InvalidSignature))?;
        end_dry_run(input.dry_run)?;
        Ok(kms::VerifyOutput {
            key_id: Some(key.resource().arn.to_string()),
            signature_valid: Some(true),
            signing_algorithm: Some(algorithm),
        })
    }
}
