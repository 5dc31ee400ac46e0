//! Records, versions, and the batch that changes them.

use std::fmt;

use crate::{Error, Limit, Table};

/// The longest key, in bytes: an ARN of a principal (2,048 characters at most, in practice far fewer) is hashed by who needs it in a key.
pub const MAX_KEY_BYTES: usize = 1024;
/// The longest value, in bytes: a key policy has 32 KiB; nothing sealed today comes near this.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// The most steps of one batch, so that one caller cannot hold up the others' commits. Longer work is done in several batches.
pub const MAX_BATCH_RECORDS: usize = 1000;
/// The most bytes of keys and values in one batch.
pub const MAX_BATCH_BYTES: usize = 16 << 20;
/// The most records that one scan returns: ten of the longest pages that the API has.
pub const MAX_SCAN_RECORDS: usize = 10_000;

/// How often a record was written since it came to be: 1 for the first write, one more for each after it.
///
/// A record that was deleted and made again begins at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a record's first write.
    pub const FIRST: Self = Self(1);

    /// The version after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a step needs to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// No record.
    Absent,
    /// The record, at this version.
    At(Version),
}

impl Expect {
    /// The version that a put with this expectation gives its record.
    pub const fn next_version(self) -> Version {
        match self {
            Self::Absent => Version::FIRST,
            Self::At(version) => version.next(),
        }
    }

    /// Whether `found` is what this expects.
    pub(crate) fn is_met_by(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::At(version) => found == Some(version),
        }
    }
}

/// A record as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key within its table.
    pub key: Vec<u8>,
    /// How often it was written.
    pub version: Version,
    /// Its sealed bytes.
    pub value: Vec<u8>,
}

impl fmt::Debug for Record {
    /// Sealed bytes only make noise: their number is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} v{}, {} bytes)", self.key.escape_ascii(), self.version, self.value.len())
    }
}

/// Changes that happen together or not at all.
///
/// Steps are applied in order, and each sees those before it: a batch may delete a record and make it again.
/// Limits are checked when the batch is committed, so that building one reads as a sentence:
///
/// ```
/// # use strongroom_store::{Batch, Expect, Table};
/// let batch = Batch::new()
///     .check(Table::Keys, b"key-1", Expect::Absent)
///     .put(Table::Aliases, b"alias/a", Expect::Absent, b"sealed".to_vec());
/// assert!(!batch.is_empty());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "a batch changes nothing until it is committed"]
pub struct Batch {
    steps: Vec<Step>,
}

/// One step of a batch.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) table: Table,
    pub(crate) key: Vec<u8>,
    pub(crate) expect: Expect,
    pub(crate) action: Action,
}

/// What a step does when it found what it expects.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Put(Vec<u8>),
    Delete,
    Check,
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Writes `value`, giving the record the version [`Expect::next_version`].
    pub fn put(self, table: Table, key: impl Into<Vec<u8>>, expect: Expect, value: impl Into<Vec<u8>>) -> Self {
        self.step(table, key.into(), expect, Action::Put(value.into()))
    }

    /// Deletes the record that is at `version`.
    pub fn delete(self, table: Table, key: impl Into<Vec<u8>>, version: Version) -> Self {
        self.step(table, key.into(), Expect::At(version), Action::Delete)
    }

    /// Changes nothing, but fails the batch when the record is not as expected.
    pub fn check(self, table: Table, key: impl Into<Vec<u8>>, expect: Expect) -> Self {
        self.step(table, key.into(), expect, Action::Check)
    }

    /// Both batches as one: `other`'s steps after these.
    pub fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The number of steps, of which there may be [`MAX_BATCH_RECORDS`].
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether a record of such a table would be written or deleted.
    pub fn changes(&self, is: impl Fn(Table) -> bool) -> bool {
        self.steps.iter().any(|step| !matches!(step.action, Action::Check) && is(step.table))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The bytes of all keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.steps.iter().map(|step| step.key.len() + step.action.value_len()).sum()
    }

    /// Whether something that was stored goes away: a record, or the value that it had.
    pub(crate) fn erases(&self) -> bool {
        self.steps.iter().any(|step| match (&step.action, step.expect) {
            (Action::Delete, _) | (Action::Put(_), Expect::At(_)) => true,
            (Action::Put(_), Expect::Absent) | (Action::Check, _) => false,
        })
    }

    /// Every backend asks this before it touches a batch.
    pub(crate) fn check_limits(&self) -> Result<(), Error> {
        if self.steps.len() > MAX_BATCH_RECORDS {
            return Err(Error::TooBig(Limit::BatchRecords));
        }
        if self.steps.iter().any(|step| step.key.len() > MAX_KEY_BYTES) {
            return Err(Error::TooBig(Limit::KeyBytes));
        }
        if self.steps.iter().any(|step| step.action.value_len() > MAX_VALUE_BYTES) {
            return Err(Error::TooBig(Limit::ValueBytes));
        }
        if self.bytes() > MAX_BATCH_BYTES {
            return Err(Error::TooBig(Limit::BatchBytes));
        }
        Ok(())
    }

    fn step(mut self, table: Table, key: Vec<u8>, expect: Expect, action: Action) -> Self {
        self.steps.push(Step { table, key, expect, action });
        self
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.steps).finish()
    }
}

impl Step {
    /// The conflict that this step met.
    pub(crate) fn conflict(&self) -> Error {
        Error::Conflict { table: self.table, key: self.key.clone() }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, expect, action } = self;
        let key = key.escape_ascii();
        match action {
            Action::Put(value) => write!(f, "put {table} {key} {expect:?} {} bytes", value.len()),
            Action::Delete => write!(f, "delete {table} {key} {expect:?}"),
            Action::Check => write!(f, "check {table} {key} {expect:?}"),
        }
    }
}

impl Action {
    fn value_len(&self) -> usize {
        match self {
            Self::Put(value) => value.len(),
            Self::Delete | Self::Check => 0,
        }
    }
}

/// A scan that asks for more than one reply may hold is a mistake of the caller, and is told so.
pub(crate) fn check_scan_limit(limit: usize) -> Result<(), Error> {
    if limit > MAX_SCAN_RECORDS { Err(Error::TooBig(Limit::ScanRecords)) } else { Ok(()) }
}

/// The least key that begins with `prefix` and comes strictly after `after`.
pub(crate) fn scan_start(prefix: &[u8], after: Option<&[u8]>) -> Vec<u8> {
    match after {
        // Nothing lies between a key and the same key with a zero byte behind it.
        Some(after) if after >= prefix => [after, &[0]].concat(),
        Some(_) | None => prefix.to_vec(),
    }
}

/// The least key above every key that begins with `prefix`; none when there is no such key.
pub(crate) fn scan_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_gives_the_version_that_its_caller_foresaw() {
        assert_eq!(Expect::Absent.next_version(), Version(1));
        assert_eq!(Expect::At(Version(1)).next_version(), Version(2));
        assert_eq!(Expect::At(Version(u64::MAX)).next_version(), Version(u64::MAX));
    }

    #[test]
    fn a_prefix_ends_where_no_key_can_begin_with_it() {
        check(b"", None);
        check(b"a", Some(b"b"));
        check(b"a\xff", Some(b"b"));
        check(b"a\xff\xffb\xff", Some(b"a\xff\xffc"));
        check(b"\xff", None);
        check(b"\xff\xff", None);
        check(b"\x00", Some(b"\x01"));

        #[track_caller]
        fn check(prefix: &[u8], end: Option<&[u8]>) {
            assert_eq!(scan_end(prefix).as_deref(), end);
        }
    }

    #[test]
    fn limits_are_exact() {
        check(Batch::new(), None);
        check(put(MAX_KEY_BYTES, MAX_VALUE_BYTES), None);
        check(put(MAX_KEY_BYTES + 1, 0), Some(Limit::KeyBytes));
        check(put(0, MAX_VALUE_BYTES + 1), Some(Limit::ValueBytes));
        check(many(MAX_BATCH_RECORDS, 0), None);
        check(many(MAX_BATCH_RECORDS + 1, 0), Some(Limit::BatchRecords));
        check(many(16, MAX_VALUE_BYTES), None);
        check(many(16, MAX_VALUE_BYTES).and(put(1, 0)), Some(Limit::BatchBytes));

        #[track_caller]
        fn check(batch: Batch, broken: Option<Limit>) {
            match (batch.check_limits(), broken) {
                (Ok(()), None) => {}
                (Err(Error::TooBig(limit)), Some(broken)) => assert_eq!(limit, broken),
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        }

        fn put(key_len: usize, value_len: usize) -> Batch {
            Batch::new().put(Table::Keys, vec![b'k'; key_len], Expect::Absent, vec![0; value_len])
        }

        fn many(steps: usize, value_len: usize) -> Batch {
            (0..steps).fold(Batch::new(), |batch, _| batch.and(put(0, value_len)))
        }
    }

    #[test]
    fn replacing_and_deleting_erase() {
        let put = |expect| Batch::new().put(Table::Keys, b"key", expect, b"value");
        check(Batch::new(), false);
        check(put(Expect::Absent), false);
        check(Batch::new().check(Table::Keys, b"key", Expect::At(Version(1))), false);
        check(put(Expect::At(Version(1))), true);
        check(put(Expect::Absent).delete(Table::Keys, b"key", Version(1)), true);

        #[track_caller]
        fn check(batch: Batch, erases: bool) {
            assert_eq!(batch.erases(), erases, "{batch:?}");
        }
    }

    #[test]
    fn debug_output_holds_no_value() {
        let batch = Batch::new().put(Table::Keys, b"key-1", Expect::Absent, b"sealed".to_vec());
        assert_eq!(format!("{batch:?}"), "[put keys key-1 Absent 6 bytes]");
        let record = Record { key: b"key-1".to_vec(), version: Version(3), value: b"sealed".to_vec() };
        assert_eq!(format!("{record:?}"), "Record(key-1 v3, 6 bytes)");
    }
}
