//! `VerifyMac`: says that an HMAC is good, or fails; it never says that one is bad.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::macs::mac_key;

pub(crate) struct VerifyMac;

impl Operation for VerifyMac {
    const NAME: OpName = OpName::VerifyMac;
    type Input = kms::VerifyMacInput;
    type Output = kms::VerifyMacOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let algorithm = input.mac_algorithm;
        let key = mac_key(cx, &input.key_id, input.grant_tokens.as_deref(), algorithm).await?;

        let handle = cx.open_current(&key).await?;
        let verified = cx.timed(|| handle.verify_mac(algorithm, input.message.expose(), &input.mac));
        verified.map_err(|error| OpError::input_refused(error, OpError::InvalidMac))?;
        end_dry_run(input.dry_run)?;
        Ok(kms::VerifyMacOutput {
            key_id: Some(key.resource().arn.to_string()),
            mac_valid: Some(true),
            mac_algorithm: Some(algorithm),
        })
    }
}
