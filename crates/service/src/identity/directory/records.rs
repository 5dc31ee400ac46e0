//! Accounts to and from the store: sealed records, opened and so authenticated before they are believed.

use std::sync::Arc;

use strongroom_core::identity::{AccessKeyRecord, AccountRecord, GroupRecord, OidcProviderRecord, UserRecord};
use strongroom_core::ids::AccountId;
use strongroom_core::secret::SecretBytes;
use strongroom_store::{Batch, Expect, MAX_SCAN_RECORDS, Record, Table, Version, encode};
use strongroom_vault::RecordName;

use super::Directory;
use crate::error::OpError;
use crate::identity::Strangers;
use crate::identity::account::{Account, Entity, InlinePolicy, Kept, ManagedPolicy, Role};

impl Directory {
    /// Reads the account into memory. Its gate is held.
    pub(super) async fn load(&self, id: AccountId) -> Result<Option<Arc<Account>>, OpError> {
        let stored = self.store.get(Table::Accounts, id.as_str().as_bytes()).await?;
        let mut account = match (stored, self.strangers) {
            (Some(stored), _) => {
                let opened = self.open(Table::Accounts, &stored)?;
                let record = encode::account_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)?;
                Account { version: Some(stored.version), ..Account::empty(id, record) }
            }
            (None, Strangers::Refused) => return Ok(None),
            (None, Strangers::RootOf(_)) => Account::empty(id, AccountRecord { created: self.now(), alias: None }),
        };
        if account.version.is_some() {
            self.load_kin::<UserRecord>(&mut account).await?;
            self.load_kin::<GroupRecord>(&mut account).await?;
            self.load_kin::<Role>(&mut account).await?;
            self.load_kin::<ManagedPolicy>(&mut account).await?;
            self.load_kin::<InlinePolicy>(&mut account).await?;
            self.load_kin::<OidcProviderRecord>(&mut account).await?;
            self.load_kin::<AccessKeyRecord>(&mut account).await?;
            // Another node may have changed the account between two of these reads.
            if self.stored_version(id).await? != account.version {
                return Err(OpError::Throttled);
            }
        }
        account.serial = self.next_serial();
        let account = Arc::new(account);
        self.accounts.insert(id, Arc::clone(&account));
        Ok(Some(account))
    }

    async fn load_kin<E: Entity>(&self, account: &mut Account) -> Result<(), OpError> {
        let prefix = format!("{}/{}", account.id, E::KIND);
        self.for_each_record(E::TABLE, prefix.as_bytes(), |record| {
            let opened = self.open(E::TABLE, &record)?;
            let key: Arc<str> = record
                .key
                .get(prefix.len()..)
                .and_then(|key| std::str::from_utf8(key).ok())
                .ok_or(OpError::BadRecord)?
                .into();
            let entity = E::from_bytes(&key, opened.expose()).map_err(|_| OpError::BadRecord)?;
            if let Some(naming) = entity.naming() {
                account.by_id.insert(Arc::clone(&naming.id), Arc::clone(&key));
            }
            E::kin_mut(account).insert(key, Arc::new(Kept { entity, version: record.version }));
            Ok(())
        })
        .await
    }

    pub(super) async fn for_each_record(
        &self,
        table: Table,
        prefix: &[u8],
        mut each: impl FnMut(Record) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let records = self.store.scan(table, prefix, after.as_deref(), MAX_SCAN_RECORDS).await?;
            let is_last = records.len() < MAX_SCAN_RECORDS;
            after = records.last().map(|record| record.key.clone());
            for record in records {
                each(record)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    pub(super) async fn stored_version(&self, id: AccountId) -> Result<Option<Version>, OpError> {
        Ok(self.store.get(Table::Accounts, id.as_str().as_bytes()).await?.map(|record| record.version))
    }

    pub(super) fn put_account(
        &self,
        batch: Batch,
        id: AccountId,
        record: &AccountRecord,
        expect: Expect,
    ) -> Result<Batch, OpError> {
        self.put(batch, Table::Accounts, id.as_str().as_bytes(), expect, &encode::account_to_bytes(record))
    }

    pub(super) fn put(
        &self,
        batch: Batch,
        table: Table,
        key: &[u8],
        expect: Expect,
        plain: &[u8],
    ) -> Result<Batch, OpError> {
        let name = RecordName { table: table.code(), key, version: expect.next_version().0 };
        Ok(batch.put(table, key, expect, self.vault.seal_record(name, plain, &*self.rng)?))
    }

    pub(super) fn open(&self, table: Table, record: &Record) -> Result<SecretBytes, OpError> {
        let name = RecordName { table: table.code(), key: &record.key, version: record.version.0 };
        Ok(self.vault.open_record(name, &record.value)?)
    }
}
