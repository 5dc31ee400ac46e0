//! Grants in the store: beside their key, and by who may retire them.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::grant::{GrantParty, GrantRecord};
use strongroom_core::ids::{AccountId, GrantId, KeyId, Region};
use strongroom_core::key::KeyRecord;
use strongroom_store::{Batch, Error as StoreError, Expect, Table, Version, encode};

use super::super::entry::KeyEntry;
use super::super::grants::{KeptGrant, KeyGrants};
use super::counts::{Change, Counted};
use super::{CHANGE_TRIES, Keyring, key_name, no_such_key, parse_tail, place};
use crate::error::OpError;

/// Records read at once when a key is loaded.
const SCAN_RECORDS: usize = 1_000;

/// Where the grants of a key begin.
fn grants_place(key: &KeyArn) -> String {
    format!("{}{}/", place(key.account, key.region), key.key)
}

pub(super) fn grant_name(key: &KeyArn, id: GrantId) -> Vec<u8> {
    format!("{}{id}", grants_place(key)).into_bytes()
}

/// Where the grants that `party` may retire begin. The party is hashed: names are long and have slashes in them.
fn retiring_place(region: Region, party: &GrantParty) -> String {
    use std::fmt::Write;
    let kind = match party {
        GrantParty::Principal(_) => "principal",
        GrantParty::Service(_) => "service",
    };
    let mut place = format!("{region}/{kind}/");
    for byte in strongroom_crypto::digest::sha256(party.as_str().as_bytes()) {
        // Writing to a `String` cannot fail.
        let _ = write!(place, "{byte:02x}");
    }
    place.push('/');
    place
}

pub(super) fn retiring_name(grant: &GrantRecord) -> Option<Vec<u8>> {
    let place = retiring_place(grant.key.region, grant.terms.retiring.as_ref()?);
    Some(format!("{place}{}/{}/{}", grant.key.account, grant.key.key, grant.id).into_bytes())
}

/// The key and the grant that stand behind the place.
fn parse_retiring_name(name: &[u8], place_len: usize, region: Region) -> Result<(KeyArn, GrantId), OpError> {
    let tail: String = parse_tail(name, place_len)?;
    let mut parts = tail.split('/');
    let mut part = || parts.next().ok_or(OpError::BadRecord);
    let account: AccountId = part()?.parse().map_err(|_| OpError::BadRecord)?;
    let key: KeyId = part()?.parse().map_err(|_| OpError::BadRecord)?;
    let id = part()?.parse().map_err(|_| OpError::BadRecord)?;
    Ok((KeyArn { account, region, key }, id))
}

impl Keyring {
    /// Stores a grant on a key, or finds the one that was made by the same request before.
    ///
    /// `admit` sees the key as it is when the grant is written, and may refuse.
    ///
    /// # Errors
    /// What `admit` returns, [`OpError::LimitExceeded`], and failures of the store.
    pub(crate) async fn insert_grant(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        grant: GrantRecord,
        admit: impl Fn(&KeyEntry) -> Result<(), OpError>,
    ) -> Result<GrantId, OpError> {
        let arn = key.resource().arn;
        let _gate = self.key_gate(&arn).await;
        for _ in 0..CHANGE_TRIES {
            let entry = self.gated_entry(&arn).await?;
            admit(&entry)?;
            if let Some(twin) = entry.grants.twin_of(&grant) {
                return Ok(twin);
            }
            let version = Expect::Absent.next_version();
            let kept = KeptGrant::new(grant.clone(), version)?;
            let name = grant_name(&arn, grant.id);
            let form = encode::grant_to_bytes(&grant);
            let mut batch = self.put(Batch::new(), Table::Grants, &name, Expect::Absent, &form)?;
            if let Some(name) = retiring_name(&grant) {
                batch = self.put(batch, Table::GrantsByRetiringPrincipal, &name, Expect::Absent, &[])?;
            }
            let batch = batch.check(Table::Keys, key_name(&arn), Expect::At(entry.version));
            match self.commit_counting(batch, &[Change::By(Counted::Grants(arn), 1)]).await {
                Ok(()) => {
                    self.replace_grants(&entry, |grants| grants.insert(kept));
                    return Ok(grant.id);
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.keys.remove(&arn),
                Err(refused @ OpError::LimitExceeded(_)) => return Err(refused),
                Err(failed) => {
                    self.keys.remove(&arn);
                    return Err(failed);
                }
            }
        }
        Err(OpError::Throttled)
    }

    /// Deletes a grant.
    ///
    /// # Errors
    /// [`OpError::NotFound`] when there is none, and failures of the store.
    pub(crate) async fn delete_grant(&self, key: &Authorized<Arc<KeyRecord>>, id: GrantId) -> Result<(), OpError> {
        let arn = key.resource().arn;
        let _gate = self.key_gate(&arn).await;
        for _ in 0..CHANGE_TRIES {
            let entry = self.gated_entry(&arn).await?;
            let grant = entry.grants.get(id).ok_or_else(|| no_such_grant(id))?;
            let mut batch = Batch::new().delete(Table::Grants, grant_name(&arn, id), grant.version);
            if let Some(name) = retiring_name(&grant.record) {
                batch = batch.delete(Table::GrantsByRetiringPrincipal, name, Version::FIRST);
            }
            match self.commit_counting(batch, &[Change::By(Counted::Grants(arn), -1)]).await {
                Ok(()) => {
                    self.replace_grants(&entry, |grants| grants.remove(id));
                    return Ok(());
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.keys.remove(&arn),
                Err(failed) => {
                    self.keys.remove(&arn);
                    return Err(failed);
                }
            }
        }
        Err(OpError::Throttled)
    }

    /// The grants of all accounts' keys in `region` that `party` may retire, after `after` (a store key), at most `limit`.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn list_retirable_grants(
        &self,
        region: Region,
        party: &GrantParty,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Arc<KeptGrant>, Vec<u8>)>, OpError> {
        let place = retiring_place(region, party);
        let mut found = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        loop {
            let wanted = limit - found.len();
            let table = Table::GrantsByRetiringPrincipal;
            let records = self.store.scan(table, place.as_bytes(), after.as_deref(), wanted).await?;
            let ended = records.len() < wanted;
            for record in records {
                self.open(table, &record)?;
                let (key, id) = parse_retiring_name(&record.key, place.len(), region)?;
                after = Some(record.key.clone());
                // The index names the grant; the grant itself may be gone since the scan.
                let entry = self.entry(&key).await?;
                let grant = entry.and_then(|entry| entry.grants.get(id).cloned());
                found.extend(grant.map(|grant| (grant, record.key)));
            }
            if ended || found.len() == limit {
                return Ok(found);
            }
        }
    }

    /// Adds the deletion of the key's first grants, at most `max`, and says how many there were. The key's gate is held.
    pub(super) async fn delete_grants_of(
        &self,
        mut batch: Batch,
        key: &KeyArn,
        max: usize,
    ) -> Result<(Batch, usize), OpError> {
        let place = grants_place(key);
        let records = self.store.scan(Table::Grants, place.as_bytes(), None, max).await?;
        let count = records.len();
        for record in records {
            let id: GrantId = parse_tail(&record.key, place.len())?;
            let opened = self.open(Table::Grants, &record)?;
            let grant = encode::grant_from_bytes(*key, id, opened.expose()).map_err(|_| OpError::BadRecord)?;
            if let Some(name) = retiring_name(&grant) {
                batch = batch.delete(Table::GrantsByRetiringPrincipal, name, Version::FIRST);
            }
            batch = batch.delete(Table::Grants, record.key, record.version);
        }
        Ok((batch, count))
    }

    /// Reads the grants of a key. The key's gate is held.
    pub(super) async fn load_grants(&self, key: &KeyArn) -> Result<KeyGrants, OpError> {
        let place = grants_place(key);
        let mut grants = KeyGrants::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let records = self.store.scan(Table::Grants, place.as_bytes(), after.as_deref(), SCAN_RECORDS).await?;
            let ended = records.len() < SCAN_RECORDS;
            after = records.last().map(|record| record.key.clone());
            for record in records {
                let id: GrantId = parse_tail(&record.key, place.len())?;
                let opened = self.open(Table::Grants, &record)?;
                let grant = encode::grant_from_bytes(*key, id, opened.expose()).map_err(|_| OpError::BadRecord)?;
                grants.insert(KeptGrant::new(grant, record.version)?);
            }
            if ended {
                return Ok(grants);
            }
        }
    }

    /// Replaces the grants in memory. The key's gate is held.
    fn replace_grants(&self, entry: &KeyEntry, change: impl FnOnce(&mut KeyGrants)) {
        let mut grants = KeyGrants::clone(&entry.grants);
        change(&mut grants);
        self.keys.insert(entry.record.arn, Arc::new(entry.with_grants(grants)));
    }

    /// The key as it is in memory, or in the store. The key's gate is held.
    pub(super) async fn gated_entry(&self, arn: &KeyArn) -> Result<Arc<KeyEntry>, OpError> {
        match self.keys.get(arn) {
            Some(entry) => Ok(entry),
            None => self.load_key(arn).await?.ok_or_else(|| no_such_key(arn)),
        }
    }
}

/// The text for a grant that is not there.
pub(crate) fn no_such_grant(id: GrantId) -> OpError {
    OpError::NotFound(format!("Grant ID {id} not found"))
}

#[cfg(test)]
mod tests {
    use strongroom_core::generated::GrantOperation;
    use strongroom_core::grant::{GrantConstraints, GrantTerms};
    use strongroom_core::world::Timestamp;

    use super::*;

    fn grant(number: u32, retiring: Option<GrantParty>) -> GrantRecord {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        GrantRecord {
            id: GrantId(id),
            key: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().expect("an ARN"),
            creation_date: Timestamp::from_millis(0),
            issuing_account: "111122223333".parse().expect("an account"),
            terms: GrantTerms {
                name: None,
                grantee: GrantParty::Principal(format!("arn:aws:iam::111122223333:user/u{number}")),
                retiring,
                operations: vec![GrantOperation::Decrypt],
                constraints: GrantConstraints::default(),
            },
            principals: Vec::new(),
        }
    }

    #[test]
    fn the_index_by_retiring_principal_leads_back_and_mixes_nobody_up() {
        let principal = GrantParty::Principal("arn:aws:iam::111122223333:user/a/b".into());
        let service = GrantParty::Service("s3.amazonaws.com".into());
        let own = grant(7, Some(principal.clone()));
        let region = own.key.region;
        let name = retiring_name(&own).expect("it has one");
        let place = retiring_place(region, &principal);
        assert!(name.starts_with(place.as_bytes()));
        assert_eq!(parse_retiring_name(&name, place.len(), region).expect("well-formed"), (own.key, own.id));
        assert!(!name.starts_with(retiring_place(region, &service).as_bytes()));
        let same_text = GrantParty::Service(principal.as_str().to_owned());
        assert_ne!(place, retiring_place(region, &same_text));
        assert_eq!(retiring_name(&grant(7, None)), None);
    }
}
