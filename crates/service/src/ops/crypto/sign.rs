//! `Sign`: a signature over the caller's message, or over a digest or mu that the caller computed.

use strongroom_core::generated::OpName;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms::{self, Admitted};

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::quotas::RequestQuota;
use crate::signing::{SignedMessage, signing_key};

pub(crate) struct Sign;

impl Operation for Sign {
    const NAME: OpName = OpName::Sign;
    type Input = kms::SignInput;
    type Output = kms::SignOutput;

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
        end_dry_run(input.dry_run)?;

        let handle = cx.open_current(&key).await?;
        let rng = cx.node.rng.clone();
        let signature = cx
            .compute(handle.spec(), Work::Private, move || handle.sign(algorithm, message.as_message(), &*rng))
            .await??;
        Ok(kms::SignOutput {
            key_id: Some(key.resource().arn.to_string()),
            signature: Some(signature),
            signing_algorithm: Some(algorithm),
        })
    }
}
