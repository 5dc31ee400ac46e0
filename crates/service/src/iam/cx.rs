//! What operations of IAM do again and again: see the account, ask whether the caller may, change it, show a page of a list.

use std::sync::Arc;

use strongroom_authz::action::Action;
use strongroom_authz::caller::Principal;
use strongroom_core::identity::{AccessKeyOwner, AccessKeyRecord, PrincipalPolicy, UniqueIdKind, UserRecord};
use strongroom_core::ids::Partition;
use strongroom_core::world::Timestamp;
use strongroom_wire::query::iam::OpName;

use super::error::IamError;
use super::holders;
use super::rules;
use super::target::{Facts, Target};
use crate::error::OpError;
use crate::identity::Draft;
use crate::identity::account::{Account, Role};
use crate::identity::unique_ids::new_unique_id;
use crate::markers::Markers;
use crate::query::{Asked, Cx, Error};

/// Items of a page when the request does not say.
const PAGE_DEFAULT: usize = 100;

impl Cx<'_> {
    /// How ARNs of this request begin.
    pub(crate) fn partition(&self) -> Partition {
        self.region.partition()
    }

    /// The account as it is now.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Account>, Error> {
        Ok(self.node.directory.account(self.account()?).await?.ok_or(OpError::BadRecord)?)
    }

    /// Changes the account: all of it or nothing, decided on the account as it is when it is changed.
    pub(crate) async fn change<T>(&self, change: impl FnMut(&mut Draft) -> Result<T, Error>) -> Result<T, Error> {
        self.node.directory.change(self.account()?, change).await
    }

    /// Whether the caller may do this operation to `target`.
    pub(crate) fn authorize_target(
        &self,
        account: &Account,
        target: &Target<'_>,
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let facts = self.facts(account, target)?;
        let _proof = self.authorize(target.arn(account, self.partition()), &facts.beside(asked))?;
        Ok(())
    }

    /// The same for an operation that this one implies, such as tagging what is made.
    pub(crate) fn authorize_target_for(
        &self,
        op: OpName,
        account: &Account,
        target: &Target<'_>,
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let facts = self.facts(account, target)?;
        let action = Action::new("iam", op.as_str());
        let _proof = self.authorize_for(action, target.arn(account, self.partition()), &facts.beside(asked))?;
        Ok(())
    }

    /// What policies can ask about the target.
    fn facts(&self, account: &Account, target: &Target<'_>) -> Result<Facts, Error> {
        self.check_credentials()?;
        Ok(target.facts(account, self.partition()))
    }

    /// Temporary credentials of a user or the root user are good for IAM with a second factor alone; those of a role are not
    /// concerned (IAM User Guide, "Compare AWS STS credentials").
    fn check_credentials(&self) -> Result<(), Error> {
        let is_long_lived = matches!(self.caller.principal(), Principal::Root | Principal::User { .. });
        match self.caller.session() {
            Some(session) if is_long_lived && session.mfa_at.is_none() => Err(IamError::InvalidToken.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// A new unique id.
    pub(crate) fn new_id(&self, kind: UniqueIdKind) -> Result<Arc<str>, Error> {
        Ok(new_unique_id(kind, self.account()?, &*self.node.rng).map_err(OpError::from)?.into())
    }

    /// Reads a trust policy, and who is behind the principals that it names.
    pub(crate) async fn read_trust(&self, document: &str) -> Result<PrincipalPolicy, Error> {
        let policy = rules::read_trust_policy(document)?;
        let named = self.node.directory.identify_principals(&policy, self.partition()).await?;
        let principals = named.map_err(|name| {
            IamError::MalformedPolicyDocument(format!("Invalid principal in policy: \"AWS\":\"{name}\""))
        })?;
        Ok(PrincipalPolicy { document: document.into(), principals })
    }

    /// The trust policy of a role, with the present names of its principals.
    pub(crate) async fn trust_text(&self, role: &Role) -> Result<Arc<str>, Error> {
        let trust = &role.record.trust;
        let shown = self.node.directory.shown(&role.trust.policy, &trust.principals).await?;
        Ok(shown.map_or_else(|| Arc::clone(&trust.document), |policy| policy.canonical_text().into()))
    }

    /// Refuses to rename a user whom the configuration names: it would be made anew at the next start.
    pub(crate) fn check_not_configured(&self, user: &str) -> Result<(), Error> {
        if self.node.directory.configured_keys_of(self.account()?, Some(user)).is_empty() {
            return Ok(());
        }
        Err(IamError::Unmodifiable(
            format!("The user {user} is named in the configuration of this service and keeps its name.").into(),
        )
        .into())
    }

    /// Whom a request is about that may leave out the user.
    pub(crate) fn user_or_caller(&self, user: Option<&str>) -> Result<Who, Error> {
        match (user, self.caller.principal()) {
            (Some(name), _) => Ok(Who::User(name.to_owned())),
            (None, Principal::Root) => Ok(Who::Root),
            (None, Principal::User { name, .. }) => Ok(Who::User(name.to_string())),
            (
                None,
                Principal::AssumedRole { .. }
                | Principal::FederatedUser { .. }
                | Principal::Service
                | Principal::WebIdentity
                | Principal::Anonymous,
            ) => {
                let text = "Must specify userName when calling with non-User credentials";
                Err(Error::Invalid(text.into()))
            }
        }
    }

    /// The page of `items` after `marker`. Items are shown in the order of their keys, which differ. `list` says what is
    /// listed, so that a marker is good for that list alone.
    pub(crate) fn page<T>(
        &self,
        list: &str,
        marker: Option<&str>,
        max_items: Option<i32>,
        items: impl IntoIterator<Item = (String, T)>,
    ) -> Result<Page<T>, Error> {
        let scope = format!("{}/{list}", self.account()?);
        let markers = Markers::new(&self.node.vault, &*self.node.rng, self.op, &scope);
        let bad = |_| Error::Invalid("Invalid Marker.".into());
        let after = marker.map(|marker| markers.read(marker).map_err(bad)).transpose()?;
        let limit = max_items.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_DEFAULT);
        let mut items: Vec<(String, T)> = items.into_iter().collect();
        items.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(after) = &after {
            items.retain(|(key, _)| key.as_bytes() > after.as_slice());
        }
        let is_truncated = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| is_truncated);
        let marker = last.map(|(key, _)| markers.make(key.as_bytes())).transpose()?;
        Ok(Page { items: items.into_iter().map(|(_, item)| item).collect(), is_truncated, marker })
    }
}

/// One page of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: bool,
    pub(crate) marker: Option<String>,
}

/// A user by name, or the root user.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    User(String),
    Root,
}

impl Who {
    /// Whose access key it is.
    pub(crate) fn of(account: &Account, owner: &AccessKeyOwner) -> Option<Self> {
        match owner {
            AccessKeyOwner::Root => Some(Self::Root),
            AccessKeyOwner::User(id) => account.user_by_id(id).map(|user| Self::User(user.naming.name.clone())),
        }
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::User(name) => Target::User(name),
            Self::Root => Target::Root,
        }
    }

    /// The owner of its access keys.
    pub(crate) fn owner(&self, account: &Account) -> Result<AccessKeyOwner, Error> {
        match self {
            Self::User(name) => {
                let user = holders::find::<UserRecord>(account, name)?;
                Ok(AccessKeyOwner::User(Arc::clone(&user.naming.id)))
            }
            Self::Root => Ok(AccessKeyOwner::Root),
        }
    }

    /// The user's name; the root user has none.
    pub(crate) fn user_name(&self) -> Option<&str> {
        match self {
            Self::User(name) => Some(name),
            Self::Root => None,
        }
    }

    /// The name that replies have.
    pub(crate) fn shown_name(&self, account: &Account) -> String {
        match self {
            Self::User(name) => account.user(name).map_or_else(|| name.clone(), |user| user.naming.name.clone()),
            Self::Root => "root".to_owned(),
        }
    }

    /// Since when it is there.
    pub(crate) fn created(&self, account: &Account) -> Timestamp {
        let user = self.user_name().and_then(|name| account.user(name));
        user.map_or(account.record.created, |user| user.naming.created)
    }

    /// One of its access keys, to be changed.
    pub(crate) fn access_key(&self, cx: &Cx<'_>, account: &Account, id: &str) -> Result<AccessKeyRecord, Error> {
        let owner = self.owner(account)?;
        if let Some(key) = account.access_keys.get(id).filter(|key| key.owner == owner) {
            return Ok(key.entity.clone());
        }
        if cx.node.directory.configured_keys_of(account.id, self.user_name()).contains(&id) {
            let text = format!("The access key {id} stands in the configuration of this service and is changed there.");
            return Err(IamError::Unmodifiable(text.into()).into());
        }
        Err(Self::no_such_access_key(id).into())
    }

    pub(crate) fn no_such_access_key(id: &str) -> IamError {
        IamError::NoSuchEntity(format!("The Access Key with id {id} cannot be found."))
    }
}
