//! Keys that `dev` has from its start: stored whole, with aliases, grants, and a note that they were.

use std::sync::Arc;

use strongroom_core::grant::GrantRecord;
use strongroom_core::key::{AliasRecord, KeyRecord};
use strongroom_store::{Batch, Expect, Table, encode};

use super::Keyring;
use super::counts::{Change, Counted, signed};
use super::grants::{grant_name, retiring_name};
use crate::dev::Note;
use crate::error::OpError;

/// A key and all that comes with it.
pub(crate) struct SeededKey {
    pub(crate) record: Arc<KeyRecord>,
    pub(crate) aliases: Vec<AliasRecord>,
    pub(crate) grants: Vec<GrantRecord>,
}

impl Keyring {
    /// Stores all of it in one batch. The memory learns of it when it is first named.
    ///
    /// # Errors
    /// When the store fails, or has one of these already, or a quota has no room.
    pub(crate) async fn insert_seeded(&self, key: SeededKey, note: Note) -> Result<(), OpError> {
        let SeededKey { record, aliases, grants } = key;
        let mut record = Arc::unwrap_or_clone(record);
        let batch = self.reschedule(Batch::new(), None, &mut record)?;
        let (mut batch, _) = self.put_key(batch, &record, Expect::Absent)?;
        for alias in &aliases {
            batch = self.put_alias(batch, alias, Expect::Absent)?.0;
            batch = self.put_alias_index(batch, alias)?;
        }
        for grant in &grants {
            let form = encode::grant_to_bytes(grant);
            batch = self.put(batch, Table::Grants, &grant_name(&record.arn, grant.id), Expect::Absent, &form)?;
            if let Some(name) = retiring_name(grant) {
                batch = self.put(batch, Table::GrantsByRetiringPrincipal, &name, Expect::Absent, &[])?;
            }
        }
        let batch = self.put(batch, Table::Meta, &note.key, Expect::Absent, &note.plain)?;
        let counted = [
            Change::By(self.a_key_of(record.arn.account, record.arn.region), 1),
            Change::By(Counted::Aliases(record.arn), signed(aliases.len())),
            Change::By(Counted::Grants(record.arn), signed(grants.len())),
        ];
        self.commit_counting(batch, &counted).await
    }
}
