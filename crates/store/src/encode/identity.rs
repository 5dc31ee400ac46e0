//! The stored forms of accounts, users, groups, roles, policies, identity providers and access keys.

use serde::{Deserialize, Serialize};
use strongroom_core::identity::{
    AccessKeyOwner, AccessKeyRecord, AccountRecord, GroupRecord, ManagedPolicyRecord, Naming, OidcProviderRecord,
    PolicyRef, PolicyVersion, PrincipalPolicy, RoleRecord, UserRecord,
};
use strongroom_core::key::Tag;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;

use super::{BadRecord, StoredPrincipal, VERSION, from_bytes, load_principals, parse, store_principals, to_bytes};

type StoredTags = Vec<(String, String)>;

#[derive(Serialize, Deserialize)]
struct StoredAccount {
    created_ms: i64,
    alias: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredNaming {
    name: String,
    path: String,
    id: String,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredUser {
    naming: StoredNaming,
    tags: StoredTags,
    boundary: Option<String>,
    attached: Vec<String>,
    groups: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup {
    naming: StoredNaming,
    attached: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredRole {
    naming: StoredNaming,
    description: Option<String>,
    max_session_secs: u32,
    trust: String,
    trusted: Vec<StoredPrincipal>,
    tags: StoredTags,
    boundary: Option<String>,
    attached: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion {
    number: u32,
    created_ms: i64,
    document: String,
}

#[derive(Serialize, Deserialize)]
struct StoredManagedPolicy {
    naming: StoredNaming,
    updated_ms: i64,
    description: Option<String>,
    versions: Vec<StoredVersion>,
    default_version: u32,
    next_version: u32,
    tags: StoredTags,
}

#[derive(Serialize, Deserialize)]
struct StoredProvider {
    url: String,
    created_ms: i64,
    client_ids: Vec<String>,
    thumbprints: Vec<String>,
    tags: StoredTags,
}

/// What is stored of an access key beside its secret.
#[derive(Serialize, Deserialize)]
struct StoredAccessKey {
    id: String,
    /// The unique id of its user; the root user when absent.
    user: Option<String>,
    is_active: bool,
    created_ms: i64,
}

/// The stored form of an account.
pub fn account_to_bytes(account: &AccountRecord) -> Vec<u8> {
    to_bytes(&StoredAccount { created_ms: account.created.as_millis(), alias: account.alias.clone() })
}

/// An account from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn account_from_bytes(bytes: &[u8]) -> Result<AccountRecord, BadRecord> {
    let stored: StoredAccount = from_bytes(bytes)?;
    let created = Timestamp::from_millis(stored.created_ms);
    Ok(AccountRecord { created, alias: stored.alias })
}

/// The stored form of a user.
pub fn user_to_bytes(user: &UserRecord) -> Vec<u8> {
    to_bytes(&StoredUser {
        naming: store_naming(&user.naming),
        tags: store_tags(&user.tags),
        boundary: user.boundary.as_ref().map(PolicyRef::to_string),
        attached: store_refs(&user.attached),
        groups: user.groups.iter().map(ToString::to_string).collect(),
    })
}

/// A user from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn user_from_bytes(bytes: &[u8]) -> Result<UserRecord, BadRecord> {
    let stored: StoredUser = from_bytes(bytes)?;
    Ok(UserRecord {
        naming: load_naming(stored.naming),
        tags: load_tags(stored.tags),
        boundary: stored.boundary.as_deref().map(parse).transpose()?,
        attached: load_refs(&stored.attached)?,
        groups: stored.groups.into_iter().map(Into::into).collect(),
    })
}

/// The stored form of a group.
pub fn group_to_bytes(group: &GroupRecord) -> Vec<u8> {
    to_bytes(&StoredGroup { naming: store_naming(&group.naming), attached: store_refs(&group.attached) })
}

/// A group from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn group_from_bytes(bytes: &[u8]) -> Result<GroupRecord, BadRecord> {
    let stored: StoredGroup = from_bytes(bytes)?;
    Ok(GroupRecord { naming: load_naming(stored.naming), attached: load_refs(&stored.attached)? })
}

/// The stored form of a role.
pub fn role_to_bytes(role: &RoleRecord) -> Vec<u8> {
    to_bytes(&StoredRole {
        naming: store_naming(&role.naming),
        description: role.description.clone(),
        max_session_secs: role.max_session_secs,
        trust: role.trust.document.to_string(),
        trusted: store_principals(&role.trust.principals),
        tags: store_tags(&role.tags),
        boundary: role.boundary.as_ref().map(PolicyRef::to_string),
        attached: store_refs(&role.attached),
    })
}

/// A role from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn role_from_bytes(bytes: &[u8]) -> Result<RoleRecord, BadRecord> {
    let stored: StoredRole = from_bytes(bytes)?;
    Ok(RoleRecord {
        naming: load_naming(stored.naming),
        description: stored.description,
        max_session_secs: stored.max_session_secs,
        trust: PrincipalPolicy { document: stored.trust.into(), principals: load_principals(stored.trusted) },
        tags: load_tags(stored.tags),
        boundary: stored.boundary.as_deref().map(parse).transpose()?,
        attached: load_refs(&stored.attached)?,
    })
}

/// The stored form of a managed policy.
pub fn managed_policy_to_bytes(policy: &ManagedPolicyRecord) -> Vec<u8> {
    let version = |version: &PolicyVersion| StoredVersion {
        number: version.number,
        created_ms: version.created.as_millis(),
        document: version.document.to_string(),
    };
    to_bytes(&StoredManagedPolicy {
        naming: store_naming(&policy.naming),
        updated_ms: policy.updated.as_millis(),
        description: policy.description.clone(),
        versions: policy.versions.iter().map(version).collect(),
        default_version: policy.default_version,
        next_version: policy.next_version,
        tags: store_tags(&policy.tags),
    })
}

/// A managed policy from its stored form.
///
/// # Errors
/// [`BadRecord`], also when the version that holds is not there.
pub fn managed_policy_from_bytes(bytes: &[u8]) -> Result<ManagedPolicyRecord, BadRecord> {
    let stored: StoredManagedPolicy = from_bytes(bytes)?;
    let version = |stored: StoredVersion| PolicyVersion {
        number: stored.number,
        created: Timestamp::from_millis(stored.created_ms),
        document: stored.document.into(),
    };
    let policy = ManagedPolicyRecord {
        naming: load_naming(stored.naming),
        updated: Timestamp::from_millis(stored.updated_ms),
        description: stored.description,
        versions: stored.versions.into_iter().map(version).collect(),
        default_version: stored.default_version,
        next_version: stored.next_version,
        tags: load_tags(stored.tags),
    };
    if policy.version(policy.default_version).is_some() { Ok(policy) } else { Err(BadRecord) }
}

/// The stored form of an inline policy, which is its document.
pub fn inline_policy_to_bytes(document: &str) -> Vec<u8> {
    to_bytes(&document)
}

/// The document of an inline policy from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn inline_policy_from_bytes(bytes: &[u8]) -> Result<String, BadRecord> {
    from_bytes(bytes)
}

/// The stored form of an OIDC provider.
pub fn oidc_provider_to_bytes(provider: &OidcProviderRecord) -> Vec<u8> {
    to_bytes(&StoredProvider {
        url: provider.url.clone(),
        created_ms: provider.created.as_millis(),
        client_ids: provider.client_ids.clone(),
        thumbprints: provider.thumbprints.clone(),
        tags: store_tags(&provider.tags),
    })
}

/// An OIDC provider from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn oidc_provider_from_bytes(bytes: &[u8]) -> Result<OidcProviderRecord, BadRecord> {
    let stored: StoredProvider = from_bytes(bytes)?;
    Ok(OidcProviderRecord {
        url: stored.url,
        created: Timestamp::from_millis(stored.created_ms),
        client_ids: stored.client_ids,
        thumbprints: stored.thumbprints,
        tags: load_tags(stored.tags),
    })
}

/// The stored form of an access key, to be sealed and wiped: the version, the length of the secret in two bytes, the secret,
/// and the rest as CBOR. A CBOR reader or writer would leave copies of the secret behind.
///
/// # Errors
/// [`BadRecord`] when the secret is longer than two bytes can say.
pub fn access_key_to_bytes(key: &AccessKeyRecord) -> Result<SecretBytes, BadRecord> {
    let user = match &key.owner {
        AccessKeyOwner::Root => None,
        AccessKeyOwner::User(id) => Some(id.to_string()),
    };
    let rest = to_bytes(&StoredAccessKey {
        id: key.id.to_string(),
        user,
        is_active: key.is_active,
        created_ms: key.created.as_millis(),
    });
    let secret_len = u16::try_from(key.secret.len()).map_err(|_| BadRecord)?;
    let mut bytes = Vec::with_capacity(3 + key.secret.len() + rest.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&secret_len.to_be_bytes());
    bytes.extend_from_slice(key.secret.expose());
    bytes.extend_from_slice(&rest);
    Ok(SecretBytes::from_vec(bytes))
}

/// An access key from its stored form.
///
/// # Errors
/// [`BadRecord`].
pub fn access_key_from_bytes(bytes: &[u8]) -> Result<AccessKeyRecord, BadRecord> {
    let ([version, high, low], rest) = bytes.split_first_chunk().ok_or(BadRecord)?;
    if *version != VERSION {
        return Err(BadRecord);
    }
    let secret_len = usize::from(u16::from_be_bytes([*high, *low]));
    let (secret, rest) = rest.split_at_checked(secret_len).ok_or(BadRecord)?;
    let stored: StoredAccessKey = from_bytes(rest)?;
    Ok(AccessKeyRecord {
        id: stored.id.into(),
        owner: stored.user.map_or(AccessKeyOwner::Root, |id| AccessKeyOwner::User(id.into())),
        is_active: stored.is_active,
        created: Timestamp::from_millis(stored.created_ms),
        secret: SecretBytes::copy_from(secret).into(),
    })
}

fn store_naming(naming: &Naming) -> StoredNaming {
    StoredNaming {
        name: naming.name.clone(),
        path: naming.path.clone(),
        id: naming.id.to_string(),
        created_ms: naming.created.as_millis(),
    }
}

fn load_naming(stored: StoredNaming) -> Naming {
    Naming {
        name: stored.name,
        path: stored.path,
        id: stored.id.into(),
        created: Timestamp::from_millis(stored.created_ms),
    }
}

fn store_tags(tags: &[Tag]) -> StoredTags {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

fn load_tags(stored: StoredTags) -> Vec<Tag> {
    stored.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn store_refs(refs: &[PolicyRef]) -> Vec<String> {
    refs.iter().map(PolicyRef::to_string).collect()
}

fn load_refs(stored: &[String]) -> Result<Vec<PolicyRef>, BadRecord> {
    stored.iter().map(|text| parse(text)).collect()
}

#[cfg(test)]
mod tests {
    use strongroom_core::identity::NamedPrincipal;

    use super::*;

    fn naming(name: &str) -> Naming {
        Naming {
            name: name.into(),
            path: "/team/".into(),
            id: format!("AIDA{name}").into(),
            created: Timestamp::from_millis(7),
        }
    }

    fn tags() -> Vec<Tag> {
        vec![Tag { key: "a".into(), value: String::new() }]
    }

    fn refs() -> Vec<PolicyRef> {
        vec![PolicyRef::Customer("mine".into()), PolicyRef::Aws("/service-role/X:Y".into())]
    }

    #[test]
    fn records_survive_their_stored_form() {
        let account = AccountRecord { created: Timestamp::from_millis(1), alias: Some("a".into()) };
        assert_eq!(account_from_bytes(&account_to_bytes(&account)), Ok(account));
        let user = UserRecord {
            naming: naming("Ann"),
            tags: tags(),
            boundary: refs().pop(),
            attached: refs(),
            groups: vec!["AGPAX".into()],
        };
        assert_eq!(user_from_bytes(&user_to_bytes(&user)), Ok(user));
        let group = GroupRecord { naming: naming("g"), attached: refs() };
        assert_eq!(group_from_bytes(&group_to_bytes(&group)), Ok(group));
        let role = RoleRecord {
            naming: naming("r"),
            description: Some("d".into()),
            max_session_secs: 3600,
            trust: PrincipalPolicy {
                document: "{}".into(),
                principals: vec![NamedPrincipal { arn: "arn".into(), id: "AIDAX".into() }],
            },
            tags: tags(),
            boundary: None,
            attached: refs(),
        };
        assert_eq!(role_from_bytes(&role_to_bytes(&role)), Ok(role));
        let provider = OidcProviderRecord {
            url: "id.example.com/x".into(),
            created: Timestamp::from_millis(2),
            client_ids: vec!["sts.amazonaws.com".into()],
            thumbprints: vec!["0".repeat(40)],
            tags: tags(),
        };
        assert_eq!(oidc_provider_from_bytes(&oidc_provider_to_bytes(&provider)), Ok(provider));
        assert_eq!(inline_policy_from_bytes(&inline_policy_to_bytes("{ }")), Ok("{ }".to_owned()));
    }

    #[test]
    fn a_managed_policy_has_the_version_that_holds() {
        let version = PolicyVersion { number: 3, created: Timestamp::from_millis(4), document: "{}".into() };
        let policy = ManagedPolicyRecord {
            naming: naming("p"),
            updated: Timestamp::from_millis(3),
            description: None,
            versions: vec![version],
            default_version: 3,
            next_version: 4,
            tags: tags(),
        };
        assert_eq!(managed_policy_from_bytes(&managed_policy_to_bytes(&policy)), Ok(policy.clone()));
        let broken = ManagedPolicyRecord { default_version: 2, ..policy };
        assert_eq!(managed_policy_from_bytes(&managed_policy_to_bytes(&broken)), Err(BadRecord));
    }

    #[test]
    fn access_keys_survive_and_every_cut_is_noticed() {
        for owner in [AccessKeyOwner::Root, AccessKeyOwner::User("AIDAX".into())] {
            let key = AccessKeyRecord {
                id: "AKIAX".into(),
                owner,
                is_active: false,
                created: Timestamp::from_millis(9),
                secret: SecretBytes::copy_from(b"secret").into(),
            };
            let bytes = access_key_to_bytes(&key).expect("short");
            assert_eq!(access_key_from_bytes(bytes.expose()), Ok(key));
            for cut in 0..bytes.len() {
                assert_eq!(access_key_from_bytes(&bytes.expose()[..cut]), Err(BadRecord), "{cut} bytes");
            }
        }
    }
}
