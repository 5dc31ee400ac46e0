//! The proof that a caller may do what it asks, and what a refused caller reads.
//!
//! # Invariants
//! - An [`Authorized`] is made by the `authorize` functions of this crate and by [`Authorized::for_system`], nowhere else.
//!   It holds the very resource that was judged, and nothing turns it into a proof about another one.
//! - The caller's text ([`Denied::for_caller`]) is AWS's own and says nothing that the caller may not know.

use std::fmt;
use std::sync::Arc;

use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::ids::AccountId;
use strongroom_core::key::KeyRecord;

use crate::action::Action;
use crate::caller::Caller;
use crate::decide::{self, Allowed, Decision, Policies, Question, Refusal, Request};
use crate::grants::Grant;

/// Something that policies name and an account owns.
pub trait Protected {
    /// The account that owns it.
    fn owner(&self) -> AccountId;

    /// Writes the name that policies match: an ARN, or `*` for what has none.
    ///
    /// # Errors
    /// Those of `out`.
    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result;
}

impl<R: Protected + ?Sized> Protected for &R {
    fn owner(&self) -> AccountId {
        (**self).owner()
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        (**self).write_arn(out)
    }
}

impl<R: Protected + ?Sized> Protected for Arc<R> {
    fn owner(&self) -> AccountId {
        (**self).owner()
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        (**self).write_arn(out)
    }
}

impl Protected for KeyArn {
    fn owner(&self) -> AccountId {
        self.account
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl Protected for KeyRecord {
    fn owner(&self) -> AccountId {
        self.arn.account
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.arn)
    }
}

impl Protected for AliasArn {
    fn owner(&self) -> AccountId {
        self.account
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// The resource of operations that concern an account as a whole, such as CreateKey or GenerateRandom: `*` in policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WholeAccount(pub AccountId);

impl Protected for WholeAccount {
    fn owner(&self) -> AccountId {
        self.0
    }

    fn write_arn(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str("*")
    }
}

/// A resource that the caller may use for `action`, with the decision that says so.
///
/// `Vault::open` takes one, so code that forgot to ask cannot reach key material: it does not compile.
#[must_use]
#[derive(Debug)]
pub struct Authorized<R> {
    resource: R,
    action: Action,
    decision: Decision,
}

impl<R> Authorized<R> {
    fn new(resource: R, action: Action, decision: Decision) -> Self {
        Self { resource, action, decision }
    }

    /// A resource for one of our own tasks, which no caller asked for.
    pub fn for_system(task: SystemTask, resource: R) -> Self {
        Self { resource, action: task.action(), decision: Decision::Allow(Allowed::System(task)) }
    }

    /// What may be used.
    pub fn resource(&self) -> &R {
        &self.resource
    }

    /// Gives the resource back; the proof ends.
    pub fn into_resource(self) -> R {
        self.resource
    }

    /// What it may be used for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Why it may be used.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// What the service does without a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemTask {
    /// Rotates keys whose period is over.
    Rotation,
    /// Deletes keys whose waiting period is over.
    Deletion,
    /// Deletes imported key material whose time is over.
    Expiry,
    /// Prepares what a node needs before it serves, such as opening its keys.
    Startup,
    /// Seals key material anew under another wrapping key.
    Rewrap,
    /// Carries key material to or from a replica in another Region.
    Replication,
}

impl SystemTask {
    /// The action that an audit record shows; no policy can name its service.
    pub const fn action(self) -> Action {
        let name = match self {
            Self::Rotation => "Rotation",
            Self::Deletion => "Deletion",
            Self::Expiry => "Expiry",
            Self::Startup => "Startup",
            Self::Rewrap => "Rewrap",
            Self::Replication => "Replication",
        };
        Action::new("strongroom", name)
    }
}

/// A refusal: one text for the caller, and apart from it the decision for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} may not {} on {}: {:?}", .0.caller, .0.action, .0.resource, .0.refusal.cause)]
pub struct Denied(Box<DeniedFacts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct DeniedFacts {
    caller: Box<str>,
    action: Action,
    resource: Box<str>,
    refusal: Refusal,
}

impl Denied {
    /// The refusal of a caller from another account who names a resource that does not exist. It reads like every other
    /// refusal of strangers, so that nobody learns which keys another account has.
    pub fn absent(caller: &Caller, action: Action, arn: &str) -> Self {
        Self::new(caller, action, arn, Refusal::stranger())
    }

    fn new(caller: &Caller, action: Action, resource: &str, refusal: Refusal) -> Self {
        Self(Box::new(DeniedFacts { caller: caller.arn().into(), action, resource: resource.into(), refusal }))
    }

    /// The message of AccessDeniedException (behaviours 2.6 and 7.5).
    pub fn for_caller(&self) -> String {
        let DeniedFacts { caller, action, resource, refusal } = &*self.0;
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource} {}",
            refusal.reason(*action)
        )
    }

    /// Why, for the operator.
    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    /// What was refused.
    pub fn action(&self) -> Action {
        self.0.action
    }

    /// The name of the resource that was refused.
    pub fn resource_arn(&self) -> &str {
        &self.0.resource
    }
}

/// Lets the caller use `resource` when policies and grants say so.
///
/// # Errors
/// [`Denied`], with the trace of the decision for the operator.
pub fn authorize<R: Protected>(
    request: &Request<'_>,
    policies: &Policies<'_>,
    resource: R,
) -> Result<Authorized<R>, Denied> {
    authorize_question(request, policies, resource, Question::Use)
}

/// Lets the caller retire `grant`, which belongs to the key `resource`, when the grant says so (behaviours 6.6).
///
/// # Errors
/// [`Denied`], with the trace of the decision for the operator.
pub fn authorize_retirement<R: Protected>(
    request: &Request<'_>,
    policies: &Policies<'_>,
    grant: &Grant,
    resource: R,
) -> Result<Authorized<R>, Denied> {
    authorize_question(request, policies, resource, Question::Retire(grant))
}

fn authorize_question<R: Protected>(
    request: &Request<'_>,
    policies: &Policies<'_>,
    resource: R,
    question: Question<'_>,
) -> Result<Authorized<R>, Denied> {
    let (owner, arn) = (resource.owner(), arn_of(&resource));
    match decide::judge(request, policies, owner, &arn, question, None) {
        allow @ Decision::Allow(_) => Ok(Authorized::new(resource, request.action, allow)),
        Decision::Deny(mut refusal) => {
            // Refusals are rare, so the trace is made by judging again rather than kept in case.
            decide::judge(request, policies, owner, &arn, question, Some(&mut refusal.trace));
            Err(Denied::new(request.caller, request.action, &arn, *refusal))
        }
    }
}

/// The name that policies match.
fn arn_of(resource: &dyn Protected) -> String {
    let mut arn = String::with_capacity(96);
    match resource.write_arn(&mut arn) {
        Ok(()) => arn,
        // Writing to a `String` cannot fail, so the resource could not name itself. Nothing matches the empty name but `*`.
        Err(fmt::Error) => String::new(),
    }
}

/// Lets every principal use what its own account owns, and nobody else.
///
/// # Errors
/// [`Denied`] for callers of other accounts and of none.
pub fn authorize_same_account<R: Protected>(
    caller: &Caller,
    action: Action,
    resource: R,
) -> Result<Authorized<R>, Denied> {
    if caller.account() == Some(resource.owner()) {
        return Ok(Authorized::new(resource, action, Decision::Allow(Allowed::OwnAccount)));
    }
    Err(Denied::new(caller, action, &arn_of(&resource), Refusal::stranger()))
}

#[cfg(test)]
mod tests {
    use strongroom_core::ids::Partition;

    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn key() -> KeyArn {
        KEY.parse().expect("a key ARN")
    }

    fn account(digits: &str) -> AccountId {
        digits.parse().expect("twelve digits")
    }

    #[test]
    fn an_account_uses_its_own_keys() {
        let caller = Caller::root(Partition::Aws, account("111122223333"));
        let proof = authorize_same_account(&caller, Action::kms("Encrypt"), key()).expect("its own key");
        assert_eq!((proof.resource(), proof.action()), (&key(), Action::kms("Encrypt")));
    }

    #[test]
    fn strangers_read_one_text_whether_the_key_exists_or_not() {
        let caller = Caller::user(Partition::Aws, account("444455556666"), "/", "eve", "AIDAEVE");
        let denied = authorize_same_account(&caller, Action::kms("Decrypt"), key()).expect_err("another account's key");
        assert_eq!(
            denied.for_caller(),
            format!(
                "User: arn:aws:iam::444455556666:user/eve is not authorized to perform: kms:Decrypt on resource: {KEY} \
                 because the resource does not exist in this Region, no resource-based policies allow access, or a \
                 resource-based policy explicitly denies access"
            )
        );
        assert_eq!(denied.for_caller(), Denied::absent(&caller, Action::kms("Decrypt"), KEY).for_caller());
    }

    #[test]
    fn callers_of_no_account_are_strangers() {
        for caller in
            [Caller::anonymous(Partition::Aws), Caller::service(Partition::Aws, "acm.us-east-1.amazonaws.com")]
        {
            assert!(authorize_same_account(&caller, Action::kms("Decrypt"), key()).is_err(), "{caller:?}");
        }
    }

    #[test]
    fn system_tasks_say_so() {
        let proof = Authorized::for_system(SystemTask::Rotation, key());
        assert_eq!(proof.action().to_string(), "strongroom:Rotation");
        assert_eq!(proof.decision(), &Decision::Allow(Allowed::System(SystemTask::Rotation)));
    }
}
