//! `ScheduleKeyDeletion`: begins the waiting period of 7 to 30 days. That of a primary with replicas begins when the last is gone.

use strongroom_core::generated::OpName;
use strongroom_wire::kms;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName};

/// AWS's documented bounds, within those of the shape (behaviours 4.1).
const WINDOW_DAYS: std::ops::RangeInclusive<i32> = 7..=30;
const DEFAULT_WINDOW_DAYS: i32 = 30;

pub(crate) struct ScheduleKeyDeletion;

impl Operation for ScheduleKeyDeletion {
    const NAME: OpName = OpName::ScheduleKeyDeletion;
    type Input = kms::ScheduleKeyDeletionInput;
    type Output = kms::ScheduleKeyDeletionOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let window_days = input.pending_window_in_days.unwrap_or(DEFAULT_WINDOW_DAYS);
        KeyName::refuse_alias(&input.key_id)?;
        if !WINDOW_DAYS.contains(&window_days) {
            return Err(OpError::invalid("PendingWindowInDays must be between 7 and 30 days."));
        }
        let asked = Asked { pending_window_in_days: Some(window_days), ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;

        let window_days = window_days.unsigned_abs();
        let (key_state, deletion_date) = cx
            .keyring()
            .change_key(&key, |record| {
                cx.check_state(record)?;
                record.begin_deletion(window_days, cx.now);
                Ok((record.state, record.deletion_date))
            })
            .await?;
        Ok(kms::ScheduleKeyDeletionOutput {
            key_id: Some(key.resource().arn.to_string()),
            deletion_date,
            key_state: Some(key_state),
            pending_window_in_days: i32::try_from(window_days).ok(),
        })
    }
}
