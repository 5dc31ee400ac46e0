//! What decides on the caller's side: its own policies, its boundary, and the policies of its session.

use std::sync::Arc;

use strongroom_authz::decide::{AttachedPolicy, Policies, ResourcePolicies};
use strongroom_core::identity::{Naming, PolicyRef};
use strongroom_core::key::Tag;
use strongroom_store::encode::BadRecord;

use super::account::Account;

/// The policies of a caller, prepared. The root user has none, and needs none: it may what its account may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Inline and managed policies of the user or role, and those of the user's groups.
    pub(crate) identity: Arc<[AttachedPolicy]>,
    /// The permissions boundary.
    pub(crate) boundary: Option<AttachedPolicy>,
    /// Policies that were passed when the session was made.
    pub(crate) session: Arc<[AttachedPolicy]>,
    /// Tags that the session hands on to sessions made from it.
    pub(crate) transitive: Arc<[Tag]>,
}

impl Standing {
    /// What judges a request of this caller for a resource with these policies.
    pub(crate) fn policies<'a>(&'a self, resource: Option<ResourcePolicies<'a>>) -> Policies<'a> {
        Policies { resource, identity: &self.identity, boundary: self.boundary.as_ref(), session: &self.session }
    }

    /// The same caller with a session that these policies cut.
    pub(crate) fn with_session(&self, session: Arc<[AttachedPolicy]>, transitive: Arc<[Tag]>) -> Self {
        Self { session, transitive, ..self.clone() }
    }

    /// The standing of a user.
    ///
    /// # Errors
    /// [`BadRecord`] when a policy is attached that is not there.
    pub(super) fn of_user(account: &Account, user: &strongroom_core::identity::UserRecord) -> Result<Self, BadRecord> {
        let mut identity = Vec::new();
        collect(account, &user.naming, &user.attached, &mut identity)?;
        for id in &user.groups {
            let group = account.group_by_id(id).ok_or(BadRecord)?;
            collect(account, &group.naming, &group.attached, &mut identity)?;
        }
        Self::new(account, identity, user.boundary.as_ref())
    }

    /// The standing of a role.
    ///
    /// # Errors
    /// [`BadRecord`] when a policy is attached that is not there.
    pub(super) fn of_role(account: &Account, role: &strongroom_core::identity::RoleRecord) -> Result<Self, BadRecord> {
        let mut identity = Vec::new();
        collect(account, &role.naming, &role.attached, &mut identity)?;
        Self::new(account, identity, role.boundary.as_ref())
    }

    fn new(account: &Account, identity: Vec<AttachedPolicy>, boundary: Option<&PolicyRef>) -> Result<Self, BadRecord> {
        // Who has a boundary that is not there must not be taken for somebody without one.
        let boundary = boundary.map(|boundary| account.attached(boundary).ok_or(BadRecord)).transpose()?;
        Ok(Self { identity: identity.into(), boundary, session: Arc::from([]), transitive: Arc::from([]) })
    }
}

fn collect(
    account: &Account,
    naming: &Naming,
    attached: &[PolicyRef],
    out: &mut Vec<AttachedPolicy>,
) -> Result<(), BadRecord> {
    out.extend(account.inline_of(&naming.id).map(|(_, inline)| inline.policy.clone()));
    for policy in attached {
        out.push(account.attached(policy).ok_or(BadRecord)?);
    }
    Ok(())
}
