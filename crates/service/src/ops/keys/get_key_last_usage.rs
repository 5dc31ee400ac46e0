//! `GetKeyLastUsage`: the last successful cryptographic operation of a key, in any state.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct GetKeyLastUsage;

impl Operation for GetKeyLastUsage {
    const NAME: OpName = OpName::GetKeyLastUsage;
    type Input = kms::GetKeyLastUsageInput;
    type Output = kms::GetKeyLastUsageOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let record = key.resource();
        cx.check_state(record)?;
        let usage = cx.node.last_usage.find(cx.keyring(), &record.arn).await?;
        let shown = usage.map(|usage| kms::KeyLastUsageData {
            operation: Some(usage.operation),
            timestamp: Some(usage.at),
            cloud_trail_event_id: usage.event_id.map(|id| id.to_string()),
            kms_request_id: Some(usage.request_id.to_string()),
        });
        Ok(kms::GetKeyLastUsageOutput {
            key_id: Some(record.arn.to_string()),
            // A key that was never used has an empty structure, not none.
            key_last_usage: Some(shown.unwrap_or_default()),
            tracking_start_date: Some(cx.node.tracking_start.max(record.creation_date)),
            key_creation_date: Some(record.creation_date),
        })
    }
}
