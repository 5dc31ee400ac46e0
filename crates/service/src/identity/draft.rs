//! A change of an account in the making: the account as it will be, and the steps that make it so in the store.

use std::sync::Arc;

use strongroom_core::secret::SecretBytes;
use strongroom_store::{Expect, Table};

use super::account::{Account, Entity, Kept};
use crate::error::OpError;

/// One record to be written, or deleted when `plain` is `None`.
pub(super) struct Step {
    pub(super) table: Table,
    pub(super) kind: &'static str,
    pub(super) key: Arc<str>,
    pub(super) expect: Expect,
    pub(super) plain: Option<SecretBytes>,
}

/// An account that is being changed.
pub(crate) struct Draft {
    account: Account,
    steps: Vec<Step>,
}

impl Draft {
    pub(super) fn of(account: &Account) -> Self {
        Self { account: account.clone(), steps: Vec::new() }
    }

    /// The account as it is so far.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Puts something in its place under `key`, whether it is there or not.
    ///
    /// # Errors
    /// [`OpError::BadRecord`] when it has no stored form.
    pub(crate) fn put<E: Entity>(&mut self, key: &str, entity: E) -> Result<(), OpError> {
        let plain = entity.to_bytes().map_err(|_| OpError::BadRecord)?;
        let key: Arc<str> = key.into();
        if let Some(naming) = entity.naming() {
            self.account.by_id.insert(Arc::clone(&naming.id), Arc::clone(&key));
        }
        let expect = E::kin(&self.account).get(&key).map_or(Expect::Absent, |kept| Expect::At(kept.version));
        let kept = Kept { entity, version: expect.next_version() };
        E::kin_mut(&mut self.account).insert(Arc::clone(&key), Arc::new(kept));
        self.steps.push(Step { table: E::TABLE, kind: E::KIND, key, expect, plain: Some(plain) });
        Ok(())
    }

    /// Takes away what stands under `key`, if anything does.
    pub(crate) fn remove<E: Entity>(&mut self, key: &str) {
        let Some((key, kept)) = E::kin_mut(&mut self.account).remove_entry(key) else { return };
        if let Some(naming) = kept.naming() {
            self.account.by_id.remove(&naming.id);
        }
        let expect = Expect::At(kept.version);
        self.steps.push(Step { table: E::TABLE, kind: E::KIND, key, expect, plain: None });
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn finish(self) -> (Account, Vec<Step>) {
        (self.account, self.steps)
    }
}
