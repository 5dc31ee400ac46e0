//! The stored form of grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_core::arn::KeyArn;
use strongroom_core::grant::{GrantConstraints, GrantParty, GrantRecord, GrantTerms};
use strongroom_core::ids::GrantId;
use strongroom_core::world::Timestamp;

use super::{BadRecord, StoredPrincipal, from_bytes, load_principals, parse, store_principals, to_bytes};

#[derive(Serialize, Deserialize)]
struct StoredGrant {
    created_ms: i64,
    issuing_account: String,
    name: Option<String>,
    grantee: StoredParty,
    retiring: Option<StoredParty>,
    operations: Vec<String>,
    context_equals: Option<BTreeMap<String, String>>,
    context_subset: Option<BTreeMap<String, String>>,
    source_arn: Option<String>,
    #[serde(default)]
    principals: Vec<StoredPrincipal>,
}

#[derive(Serialize, Deserialize)]
enum StoredParty {
    Principal(String),
    Service(String),
}

/// The stored form of a grant.
pub fn grant_to_bytes(grant: &GrantRecord) -> Vec<u8> {
    let terms = &grant.terms;
    to_bytes(&StoredGrant {
        created_ms: grant.creation_date.as_millis(),
        issuing_account: grant.issuing_account.to_string(),
        name: terms.name.clone(),
        grantee: store_party(&terms.grantee),
        retiring: terms.retiring.as_ref().map(store_party),
        operations: terms.operations.iter().map(ToString::to_string).collect(),
        context_equals: terms.constraints.encryption_context_equals.clone(),
        context_subset: terms.constraints.encryption_context_subset.clone(),
        source_arn: terms.constraints.source_arn.clone(),
        principals: store_principals(&grant.principals),
    })
}

/// The grant `id` of `key` from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn grant_from_bytes(key: KeyArn, id: GrantId, bytes: &[u8]) -> Result<GrantRecord, BadRecord> {
    let stored: StoredGrant = from_bytes(bytes)?;
    Ok(GrantRecord {
        id,
        key,
        creation_date: Timestamp::from_millis(stored.created_ms),
        issuing_account: parse(&stored.issuing_account)?,
        terms: GrantTerms {
            name: stored.name,
            grantee: load_party(stored.grantee),
            retiring: stored.retiring.map(load_party),
            operations: stored.operations.iter().map(|operation| parse(operation)).collect::<Result<_, _>>()?,
            constraints: GrantConstraints {
                encryption_context_equals: stored.context_equals,
                encryption_context_subset: stored.context_subset,
                source_arn: stored.source_arn,
            },
        },
        principals: load_principals(stored.principals),
    })
}

fn store_party(party: &GrantParty) -> StoredParty {
    match party {
        GrantParty::Principal(arn) => StoredParty::Principal(arn.clone()),
        GrantParty::Service(name) => StoredParty::Service(name.clone()),
    }
}

fn load_party(stored: StoredParty) -> GrantParty {
    match stored {
        StoredParty::Principal(arn) => GrantParty::Principal(arn),
        StoredParty::Service(name) => GrantParty::Service(name),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::generated::GrantOperation;
    use strongroom_core::identity::NamedPrincipal;

    use super::*;

    fn grant() -> GrantRecord {
        GrantRecord {
            id: GrantId([9; 32]),
            key: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().expect("an ARN"),
            creation_date: Timestamp::from_millis(1_700_000_000_123),
            issuing_account: "444455556666".parse().expect("an account"),
            terms: GrantTerms {
                name: Some("retry".into()),
                grantee: GrantParty::Principal("arn:aws:iam::111122223333:role/r".into()),
                retiring: Some(GrantParty::Service("s3.amazonaws.com".into())),
                operations: vec![GrantOperation::Decrypt, GrantOperation::CreateGrant],
                constraints: GrantConstraints {
                    encryption_context_equals: Some([("ä".to_owned(), String::new())].into()),
                    encryption_context_subset: None,
                    source_arn: Some("arn:aws:s3:us-east-1:111122223333:bucket".into()),
                },
            },
            principals: vec![NamedPrincipal { arn: "arn:aws:iam::111122223333:role/r".into(), id: "AROAX".into() }],
        }
    }

    #[test]
    fn grants_survive_their_stored_form() {
        let record = grant();
        assert_eq!(grant_from_bytes(record.key, record.id, &grant_to_bytes(&record)), Ok(record));
    }

    #[test]
    fn other_bytes_are_refused_and_never_panic() {
        let (record, good) = (grant(), grant_to_bytes(&grant()));
        for len in 0..good.len() {
            assert_eq!(grant_from_bytes(record.key, record.id, &good[..len]), Err(BadRecord), "{len} bytes");
        }
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 0x55;
            let _ = grant_from_bytes(record.key, record.id, &changed);
        }
    }
}
