//! Managed policies by their ARNs.

use std::sync::Arc;

use strongroom_authz::proof::Denied;
use strongroom_core::identity::PolicyRef;
use strongroom_wire::query::iam;

use super::error::IamError;
use super::holders::check_policy_arn;
use super::shown;
use crate::explain::Rule;
use crate::identity::account::{Account, Kept, ManagedPolicy};
use crate::identity::aws_managed::{self, AwsManagedPolicy};
use crate::query::{Cx, Error};

/// A managed policy.
pub(crate) enum Found<'a> {
    /// One of the account, with its key.
    Customer(Arc<str>, &'a Arc<Kept<ManagedPolicy>>),
    /// One that comes with the service.
    Aws(&'static AwsManagedPolicy),
}

/// The managed policy that an ARN names.
pub(crate) fn find<'a>(account: &'a Account, arn: &str) -> Result<Found<'a>, Error> {
    check_policy_arn(arn)?;
    let found = match account.policy_ref(arn) {
        Some(PolicyRef::Customer(key)) => account.managed.get(&key).map(|policy| Found::Customer(key, policy)),
        Some(PolicyRef::Aws(full)) => aws_managed::find(&full).map(Found::Aws),
        None => None,
    };
    Ok(found.ok_or_else(|| IamError::NoSuchEntity(format!("Policy {arn} was not found.")))?)
}

/// The same to be changed: nobody may change one that comes with the service.
pub(crate) fn own<'a>(
    cx: &Cx<'_>,
    account: &'a Account,
    arn: &str,
) -> Result<(Arc<str>, &'a Arc<Kept<ManagedPolicy>>), Error> {
    match find(account, arn)? {
        Found::Customer(key, policy) => Ok((key, policy)),
        Found::Aws(_) => {
            cx.note_rule(cx.caller, account.id, arn, Rule::ManagedByAws);
            Err(Denied::absent(cx.caller, cx.action(), arn).into())
        }
    }
}

/// There is no such version.
pub(crate) fn no_such_version(arn: &str, version: &str) -> IamError {
    IamError::NoSuchEntity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// The version of a policy that comes with the service.
pub(crate) fn only_version(policy: &AwsManagedPolicy, with_document: bool) -> iam::PolicyVersion {
    iam::PolicyVersion {
        document: with_document.then(|| shown::document(policy.document)),
        version_id: Some("v1".to_owned()),
        is_default_version: Some(true),
        create_date: Some(shown::AWS_POLICIES_DATE),
    }
}
