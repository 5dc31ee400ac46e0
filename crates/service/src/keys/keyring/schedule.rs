//! The schedule: which keys time will change, by moment, so that nobody looks through all keys for them.
//!
//! # Invariant
//! A key stands here exactly under [`KeyRecord::scheduled`]: both change in one batch. An entry that somebody forged only
//! makes a task look at a key whose own record says that nothing is due.

use strongroom_core::arn::KeyArn;
use strongroom_core::key::KeyRecord;
use strongroom_core::world::Timestamp;
use strongroom_store::{Batch, Expect, Table, Version};

use super::{Keyring, key_name};
use crate::error::OpError;

/// Keys that one look at the schedule brings.
pub(crate) const DUE_MAX: usize = 256;
/// Digits of a moment: the longest that there is, so that the order of the bytes is that of time.
const MOMENT_DIGITS: usize = 19;

/// A key whose moment has come, and where it stands in the schedule.
pub(crate) struct Due {
    pub(crate) arn: KeyArn,
    pub(crate) entry: Vec<u8>,
}

fn entry_name(moment: Timestamp, arn: &KeyArn) -> Vec<u8> {
    // Before 1970 nothing falls due later than after it.
    let millis = moment.as_millis().max(0);
    [format!("{millis:0MOMENT_DIGITS$}/").into_bytes(), key_name(arn)].concat()
}

/// Behind all entries of this moment, before those of the next: `0` comes after the slash.
fn end_of(moment: Timestamp) -> Vec<u8> {
    let millis = moment.as_millis().max(0);
    format!("{millis:0MOMENT_DIGITS$}0").into_bytes()
}

/// The moment and the key of an entry.
fn parse_entry(entry: &[u8]) -> Result<(Timestamp, KeyArn), OpError> {
    let text = std::str::from_utf8(entry).map_err(|_| OpError::BadRecord)?;
    let mut parts = text.splitn(4, '/');
    let mut part = || parts.next().ok_or(OpError::BadRecord);
    let millis = part()?.parse().map_err(|_| OpError::BadRecord)?;
    let account = part()?.parse().map_err(|_| OpError::BadRecord)?;
    let region = part()?.parse().map_err(|_| OpError::BadRecord)?;
    let key = part()?.parse().map_err(|_| OpError::BadRecord)?;
    Ok((Timestamp::from_millis(millis), KeyArn { account, region, key }))
}

impl Keyring {
    /// Moves the key from `old` to where it now belongs, and notes that in its record.
    pub(super) fn reschedule(
        &self,
        batch: Batch,
        old: Option<Timestamp>,
        record: &mut KeyRecord,
    ) -> Result<Batch, OpError> {
        record.scheduled = record.next_due();
        if record.scheduled == old {
            return Ok(batch);
        }
        let batch = self.unschedule(batch, old, &record.arn);
        match record.scheduled {
            None => Ok(batch),
            Some(moment) => self.put(batch, Table::Schedule, &entry_name(moment, &record.arn), Expect::Absent, &[]),
        }
    }

    /// Takes the key out of the schedule.
    pub(super) fn unschedule(&self, batch: Batch, old: Option<Timestamp>, arn: &KeyArn) -> Batch {
        match old {
            None => batch,
            Some(moment) => batch.delete(Table::Schedule, entry_name(moment, arn), Version::FIRST),
        }
    }

    /// Keys whose moment is `now` or earlier, after `after` (an entry), the earliest first, at most [`DUE_MAX`].
    ///
    /// # Errors
    /// When the store fails or holds an entry that is none.
    pub(crate) async fn due(&self, now: Timestamp, after: Option<&[u8]>) -> Result<Vec<Due>, OpError> {
        let mut due = Vec::new();
        for record in self.store.scan(Table::Schedule, b"", after, DUE_MAX).await? {
            let (moment, arn) = parse_entry(&record.key)?;
            if moment > now {
                break;
            }
            due.push(Due { arn, entry: record.key });
        }
        Ok(due)
    }

    /// The first moment after `after` under which a key stands.
    ///
    /// # Errors
    /// When the store fails or holds an entry that is none.
    pub(crate) async fn next_due_after(&self, after: Timestamp) -> Result<Option<Timestamp>, OpError> {
        let records = self.store.scan(Table::Schedule, b"", Some(&end_of(after)), 1).await?;
        records.first().map(|record| parse_entry(&record.key).map(|(moment, _)| moment)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_in_the_order_of_time_and_read_back() {
        let arn: KeyArn =
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().expect("an ARN");
        let moments = [0, 1, 9, 10, 1_790_000_000_123, i64::MAX].map(Timestamp::from_millis);
        let entries = moments.map(|moment| entry_name(moment, &arn));
        assert!(entries.is_sorted());
        for (moment, entry) in moments.iter().zip(&entries) {
            assert_eq!(parse_entry(entry).ok(), Some((*moment, arn)));
        }
        assert_eq!(entry_name(Timestamp::from_millis(-5), &arn), entries[0]);
        for (moment, pair) in moments.iter().zip(entries.windows(2)) {
            assert!(pair[0] < end_of(*moment) && end_of(*moment) < pair[1]);
        }
        for bad in [&b""[..], b"1", b"1/2/3", b"x/111122223333/us-east-1/k", b"\xff"] {
            assert!(parse_entry(bad).is_err());
        }
    }
}
