//! How many keys there are in each state, for the operator's figures.
//!
//! The store cannot tell: states are inside sealed records. One walk over all keys after the start gives the numbers, changes
//! keep them up, and a walk every hour corrects what another node changed.
//!
//! # Invariants
//! - A walk goes page by page and rests nine times as long as each page took: it never takes more than a tenth of a core.
//! - Reading the numbers costs nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::KeyState;
use strongroom_core::ids::{AccountId, KeyId, Region};
use strongroom_store::{Record, Table};
use tokio::sync::Notify;

use super::{Keyring, key_name};
use crate::error::OpError;
use crate::metrics::{Family, Sample, Value};

/// Keys that are read at once.
const PAGE: usize = 128;

/// How much longer than it worked a walk rests.
const REST: u32 = 9;

const STATES: usize = KeyState::ALL.len();

/// Keys by state, and those whose record does not open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    by_state: [i64; STATES],
    unreadable: i64,
}

impl Numbers {
    fn change(&mut self, before: Option<KeyState>, after: Option<KeyState>) {
        for (state, by) in [(before, -1), (after, 1)] {
            if let Some(state) = state {
                self.by_state[state as usize] += by;
            }
        }
    }
}

/// The numbers as they are known.
#[derive(Default)]
pub(super) struct Census {
    inner: Mutex<Inner>,
    /// Told when all that was known is wrong.
    again: Notify,
}

#[derive(Default)]
struct Inner {
    /// Absent until the first walk is over.
    known: Option<Numbers>,
    /// The walk under way: the name of the last key that it has seen, and its numbers so far.
    walk: Option<(Vec<u8>, Numbers)>,
}

impl Census {
    /// A key was made, changed or destroyed.
    pub(super) fn note(&self, arn: &KeyArn, before: Option<KeyState>, after: Option<KeyState>) {
        if before == after {
            return;
        }
        let mut inner = self.inner();
        if let Some(known) = &mut inner.known {
            known.change(before, after);
        }
        if let Some((seen, numbers)) = &mut inner.walk
            && *seen >= key_name(arn)
        {
            numbers.change(before, after);
        }
    }

    /// Other keys lie in the store now: they are to be counted anew.
    pub(super) fn forget(&self) {
        *self.inner() = Inner::default();
        self.again.notify_one();
    }

    fn begin(&self) {
        self.inner().walk = Some((Vec::new(), Numbers::default()));
    }

    fn add(&self, seen: &[u8], states: impl Iterator<Item = Option<KeyState>>) {
        let mut inner = self.inner();
        let Some((cursor, numbers)) = &mut inner.walk else { return };
        cursor.clear();
        cursor.extend_from_slice(seen);
        for state in states {
            match state {
                Some(state) => numbers.change(None, Some(state)),
                None => numbers.unreadable += 1,
            }
        }
    }

    fn finish(&self) {
        let mut inner = self.inner();
        if let Some((_, numbers)) = inner.walk.take() {
            inner.known = Some(numbers);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The families of these numbers; none before the first walk is over.
    fn families(&self) -> Vec<Family> {
        let Some(numbers) = self.inner().known else { return Vec::new() };
        #[expect(clippy::cast_precision_loss, reason = "no store holds 2^53 keys")]
        let gauge = |count: i64| Value::Gauge(count as f64);
        let by_state = KeyState::ALL.iter().map(|state| Sample {
            labels: vec![("state", state.as_str())],
            value: gauge(numbers.by_state[*state as usize]),
        });
        vec![
            Family::new("strongroom_keys", "Keys by state", by_state.collect()),
            Family::new(
                "strongroom_keys_unreadable",
                "Keys whose stored record does not open: the database is damaged",
                vec![Sample { labels: Vec::new(), value: gauge(numbers.unreadable) }],
            ),
        ]
    }
}

impl Keyring {
    /// Counts all keys, slowly.
    ///
    /// # Errors
    /// When the store fails; the numbers stay as they were.
    pub(crate) async fn count_keys(&self) -> Result<(), OpError> {
        self.census.begin();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let begun = Instant::now();
            let page = self.store.scan(Table::Keys, b"", after.as_deref(), PAGE).await?;
            if let Some(last) = page.last() {
                self.census.add(&last.key, page.iter().map(|record| self.state_of(record)));
                after = Some(last.key.clone());
            }
            if page.len() < PAGE {
                self.census.finish();
                return Ok(());
            }
            tokio::time::sleep(begun.elapsed() * REST).await;
        }
    }

    /// Ends when the keys should be counted again at once.
    pub(crate) async fn count_wanted(&self) {
        self.census.again.notified().await;
    }

    /// The families of keys by state.
    pub(crate) fn key_families(&self) -> Vec<Family> {
        self.census.families()
    }

    fn state_of(&self, record: &Record) -> Option<KeyState> {
        let arn = arn_of(&record.key)?;
        self.open_key(&arn, record).ok().map(|record| record.state)
    }
}

/// The ARN from `account/region/key`.
fn arn_of(name: &[u8]) -> Option<KeyArn> {
    let mut parts = std::str::from_utf8(name).ok()?.split('/');
    let account: AccountId = parts.next()?.parse().ok()?;
    let region: Region = parts.next()?.parse().ok()?;
    let key: KeyId = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(KeyArn { account, region, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(last: u8) -> KeyArn {
        let account = "111122223333".parse().expect("twelve digits");
        KeyArn { account, region: "eu-west-1".parse().expect("a Region"), key: KeyId::single_region([last; 16]) }
    }

    /// What a walk has passed is kept up by changes; what it has not reached it will see by itself.
    #[test]
    fn changes_during_a_walk_are_counted_once() {
        let census = Census::default();
        census.note(&arn(1), None, Some(KeyState::Enabled));
        assert!(census.families().is_empty(), "nothing is known before the first walk");
        census.begin();
        census.add(&key_name(&arn(2)), [Some(KeyState::Enabled), Some(KeyState::Enabled)].into_iter());
        census.note(&arn(1), Some(KeyState::Enabled), Some(KeyState::Disabled));
        census.note(&arn(3), None, Some(KeyState::Enabled));
        census.add(&key_name(&arn(3)), [Some(KeyState::Enabled), None].into_iter());
        census.finish();
        census.note(&arn(2), Some(KeyState::Enabled), None);
        let mut expect = Numbers { unreadable: 1, ..Numbers::default() };
        expect.by_state[KeyState::Enabled as usize] = 1;
        expect.by_state[KeyState::Disabled as usize] = 1;
        assert_eq!(census.inner().known, Some(expect));
    }

    #[test]
    fn names_lead_back_to_keys() {
        assert_eq!(arn_of(&key_name(&arn(7))), Some(arn(7)));
        for bad in [&b""[..], b"111122223333", b"111122223333/eu-west-1/x", b"1/2/3", b"\xff/\xff/\xff"] {
            assert_eq!(arn_of(bad), None);
        }
        for (index, state) in KeyState::ALL.iter().enumerate() {
            assert_eq!(*state as usize, index);
        }
    }
}
