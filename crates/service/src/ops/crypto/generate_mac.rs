//! `GenerateMac`: an HMAC over the caller's message.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use super::end_dry_run;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::macs::mac_key;

pub(crate) struct GenerateMac;

impl Operation for GenerateMac {
    const NAME: OpName = OpName::GenerateMac;
    type Input = kms::GenerateMacInput;
    type Output = kms::GenerateMacOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let algorithm = input.mac_algorithm;
        let key = mac_key(cx, &input.key_id, input.grant_tokens.as_deref(), algorithm).await?;
        end_dry_run(input.dry_run)?;

        let handle = cx.open_current(&key).await?;
        let mac = cx.timed(|| handle.mac(algorithm, input.message.expose()))?;
        Ok(kms::GenerateMacOutput {
            key_id: Some(key.resource().arn.to_string()),
            mac: Some(mac),
            mac_algorithm: Some(algorithm),
        })
    }
}
