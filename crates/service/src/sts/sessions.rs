//! Temporary credentials: an access key id, a secret, and a session token that says whose they are.
//!
//! The token holds everything, the secret included, sealed under the storage key. So any node of the installation knows the
//! session without state of its own, and nobody else can read or make one.
//!
//! # Invariants
//! - A token is good for the access key id that stands in it alone, until the moment that stands in it.
//! - What the user or role behind a session may do is looked up anew: a session of a deleted role is nobody's.
//! - Policies of a session that cannot be found allow nothing.
//!
//! # Not here
//! Who gets credentials: the operations.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use strongroom_authz::caller::{Caller, Session as CallerSession};
use strongroom_authz::decide::AttachedPolicy;
use strongroom_authz::policy::Policy;
use strongroom_authz::policy::model::PolicyKind;
use strongroom_core::identity::UniqueIdKind;
use strongroom_core::ids::{AccountId, Partition};
use strongroom_core::key::Tag;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{Rng, Timestamp};
use strongroom_crypto::digest;
use strongroom_vault::{RecordName, Vault};
use strongroom_wire::kms::SecretText;
use strongroom_wire::query::sts::Credentials;

use crate::error::OpError;
use crate::identity::account::Account;
use crate::identity::unique_ids::{new_secret, new_unique_id};
use crate::identity::{Directory, Standing, user_caller};

/// What tokens are sealed as. No table has this code, and other tokens have other names.
const NAME: RecordName<'static> = RecordName { table: 0xfe, key: b"session token", version: 1 };

/// Characters of a secret access key.
const SECRET_LEN: usize = 40;

/// A token beyond this was not made here: policies and tags are bounded.
const TOKEN_LEN_MAX: usize = 16 << 10;

/// Sessions that are kept open.
const OPEN_MAX: usize = 8_192;

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Holder {
    /// The root user of the account.
    Root,
    /// The user with this unique id.
    User(String),
    /// A session of the role with this unique id.
    Role { id: String, session_name: String },
}

/// What a token says, apart from the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) access_key_id: String,
    pub(crate) account: String,
    pub(crate) holder: Holder,
    pub(crate) issued_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) mfa_ms: Option<i64>,
    pub(crate) federated_provider: Option<String>,
    pub(crate) source_identity: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    /// Keys of the tags that sessions made from this one have too.
    pub(crate) transitive: Vec<String>,
    /// The session policy that was passed as text.
    pub(crate) policy: Option<String>,
    /// The managed policies that were passed.
    pub(crate) policy_arns: Vec<String>,
}

/// What a new session is to be; the rest is chosen here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) duration_secs: i64,
    pub(crate) federated_provider: Option<String>,
    pub(crate) source_identity: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) transitive: Vec<String>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
}

/// Makes credentials.
///
/// # Errors
/// When there are no random bytes.
pub(crate) fn issue(
    vault: &Vault,
    rng: &dyn Rng,
    (account, holder): (AccountId, Holder),
    wanted: Wanted,
    now: Timestamp,
) -> Result<Credentials, OpError> {
    let expires = now.plus_millis(wanted.duration_secs * 1000);
    let access_key_id = new_unique_id(UniqueIdKind::TemporaryAccessKey, account, rng)?;
    let secret = new_secret(rng)?;
    let content = Content {
        access_key_id: access_key_id.clone(),
        account: account.to_string(),
        holder,
        issued_ms: now.as_millis(),
        expires_ms: expires.as_millis(),
        mfa_ms: None,
        federated_provider: wanted.federated_provider,
        source_identity: wanted.source_identity,
        tags: wanted.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        transitive: wanted.transitive,
        policy: wanted.policy,
        policy_arns: wanted.policy_arns,
    };
    let text = serde_json::to_vec(&content).map_err(|_| OpError::BadRecord)?;
    let plain = SecretBytes::init(SECRET_LEN + text.len(), |out| {
        let (head, tail) = out.split_at_mut(SECRET_LEN);
        head.copy_from_slice(secret.expose());
        tail.copy_from_slice(&text);
        Ok::<_, OpError>(())
    })?;
    let token = STANDARD.encode(vault.seal_record(NAME, plain.expose(), rng)?);
    let secret = std::str::from_utf8(secret.expose()).map_err(|_| OpError::BadRecord)?;
    Ok(Credentials {
        access_key_id,
        secret_access_key: SecretText::copy_from(secret),
        session_token: SecretText::copy_from(&token),
        expiration: expires,
    })
}

/// An opened token.
pub(crate) struct OpenSession {
    content: Content,
    account: AccountId,
    secret: SecretBytes,
    policy: Option<AttachedPolicy>,
}

impl OpenSession {
    fn read(vault: &Vault, token: &str) -> Option<Self> {
        let sealed = STANDARD.decode(token).ok()?;
        let plain = vault.open_record(NAME, &sealed).ok()?;
        let (secret, text) = plain.expose().split_at_checked(SECRET_LEN)?;
        let content: Content = serde_json::from_slice(text).ok()?;
        let policy = match &content.policy {
            None => None,
            Some(text) => Some(attached("session policy", Policy::parse(PolicyKind::Identity, text).ok()?)),
        };
        Some(Self { account: content.account.parse().ok()?, secret: SecretBytes::copy_from(secret), content, policy })
    }

    /// What the holder signs with.
    pub(crate) fn secret(&self) -> &SecretBytes {
        &self.secret
    }

    /// Whether the session is over.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.as_millis() >= self.content.expires_ms
    }

    /// Who holds it, and what decides on the holder's side; `None` when the user or role is no more.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub(crate) async fn holder(
        &self,
        directory: &Directory,
        partition: Partition,
    ) -> Result<Option<(Caller, Standing)>, OpError> {
        let Content { holder, issued_ms, mfa_ms, federated_provider, source_identity, .. } = &self.content;
        let Some(account) = directory.account(self.account).await? else { return Ok(None) };
        let session = CallerSession {
            issued_at: Timestamp::from_millis(*issued_ms),
            mfa_at: mfa_ms.map(Timestamp::from_millis),
            federated_provider: federated_provider.as_deref().map(Into::into),
            source_identity: source_identity.as_deref().map(Into::into),
        };
        let (caller, standing) = match holder {
            Holder::Root => (Caller::root(partition, self.account).with_session(session), Arc::default()),
            Holder::User(id) => {
                let Some(user) = account.user_by_id(id) else { return Ok(None) };
                let standing = directory.standing_of_user(&account, &user.naming.id)?.ok_or(OpError::BadRecord)?;
                (user_caller(partition, self.account, user).with_session(session), standing)
            }
            Holder::Role { id, session_name } => {
                let Some(role) = account.role_by_id(id) else { return Ok(None) };
                let standing =
                    directory.standing_of_role(&account, &role.record.naming.id)?.ok_or(OpError::BadRecord)?;
                let naming = &role.record.naming;
                let (path, name, id) = (&naming.path, &naming.name, &naming.id);
                let caller = Caller::assumed_role(partition, self.account, path, name, id, session_name, session);
                (caller.with_tags(self.tags_over(&role.record.tags)), standing)
            }
        };
        let policies = self.policies(&account);
        let is_handed_on = |key: &str| self.content.transitive.iter().any(|own| own.eq_ignore_ascii_case(key));
        let transitive = self.content.tags.iter().filter(|(key, _)| is_handed_on(key));
        let transitive = transitive.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
        Ok(Some((caller, standing.with_session(policies, transitive))))
    }

    /// The tags of the role, overlaid by those of the session.
    fn tags_over(&self, of_role: &[Tag]) -> Vec<(String, String)> {
        let own = &self.content.tags;
        let is_own = |key: &str| own.iter().any(|(own, _)| own.eq_ignore_ascii_case(key));
        let of_role = of_role.iter().filter(|tag| !is_own(&tag.key));
        of_role.map(|tag| (tag.key.clone(), tag.value.clone())).chain(own.iter().cloned()).collect()
    }

    fn policies(&self, account: &Account) -> Arc<[AttachedPolicy]> {
        let managed = self.content.policy_arns.iter().map(|arn| {
            let found = account.policy_ref(arn).and_then(|policy| account.attached(&policy));
            found.unwrap_or_else(|| attached(arn, allow_nothing()))
        });
        self.policy.iter().cloned().chain(managed).collect()
    }
}

fn attached(name: &str, policy: Policy) -> AttachedPolicy {
    AttachedPolicy { name: name.into(), policy: policy.into() }
}

/// What stands where a managed policy was that is no more: without it a session would be cut by nothing.
fn allow_nothing() -> Policy {
    const NOTHING: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "strongroom:Nothing", "Resource": "*"}]}"#;
    Policy::parse(PolicyKind::Identity, NOTHING).expect("the document above is an identity policy")
}

/// Opens tokens, and keeps what it opened: a session signs many requests.
pub(crate) struct Sessions(Cache<[u8; 32], Arc<OpenSession>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Cache::new(OPEN_MAX))
    }
}

impl Sessions {
    /// The session of this token and access key id; `None` for what was not made here.
    pub(crate) fn open(&self, vault: &Vault, token: &str, access_key_id: &str) -> Option<Arc<OpenSession>> {
        if token.len() > TOKEN_LEN_MAX {
            return None;
        }
        let name = digest::sha256(token.as_bytes());
        let session = match self.0.get(&name) {
            Some(session) => session,
            None => {
                let session = Arc::new(OpenSession::read(vault, token)?);
                self.0.insert(name, Arc::clone(&session));
                session
            }
        };
        (session.content.access_key_id == access_key_id).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::SeededRng;
    use strongroom_vault::seal::MemorySeal;

    use super::*;

    fn vault(seed: u64) -> Vault {
        let rng = SeededRng::new(seed);
        Vault::create(&MemorySeal::random(&rng).expect("random"), &rng).expect("a vault").0
    }

    fn made(vault: &Vault) -> Credentials {
        let account = "111122223333".parse().expect("an account");
        let wanted = Wanted { duration_secs: 900, ..Wanted::default() };
        let rng = SeededRng::new(7);
        issue(vault, &rng, (account, Holder::Root), wanted, Timestamp::from_millis(1_000)).expect("random")
    }

    #[test]
    fn a_token_is_good_where_it_was_made_and_for_its_access_key_alone() {
        let (home, elsewhere) = (vault(1), vault(2));
        let made = made(&home);
        let (id, token) = (made.access_key_id.as_str(), made.session_token.expose());
        assert!(id.starts_with("ASIA"), "{id}");
        let session = Sessions::default().open(&home, token, id).expect("made here");
        assert_eq!(session.secret().expose(), made.secret_access_key.expose().as_bytes());
        assert!(!session.is_over(Timestamp::from_millis(900_999)) && session.is_over(Timestamp::from_millis(901_000)));
        assert!(Sessions::default().open(&home, token, "ASIAOTHER").is_none());
        assert!(Sessions::default().open(&elsewhere, token, id).is_none());
    }

    #[test]
    fn changed_tokens_do_not_open() {
        let home = vault(1);
        let made = made(&home);
        let (id, token) = (made.access_key_id.as_str(), made.session_token.expose());
        for at in (0..token.len()).step_by(7) {
            let mut changed = token.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(Sessions::default().open(&home, &changed, id).is_none(), "at {at}");
            assert!(Sessions::default().open(&home, &token[..at], id).is_none(), "{at} characters");
        }
        assert!(Sessions::default().open(&home, &"A".repeat(TOKEN_LEN_MAX + 1), id).is_none());
    }
}
