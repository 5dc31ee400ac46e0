//! The frame around every operation: decode, run, audit, answer. The only place that uses the codec.
//!
//! # Invariants
//! - What is not on the record is not answered: the record is closed before the reply is built.
//! - A panic inside an operation ends that call alone, as an internal fault.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use strongroom_authz::action::Action;
use strongroom_authz::caller::Caller;
use strongroom_authz::proof::{Authorized, Denied, WholeAccount, authorize_same_account};
use strongroom_core::arn::{AliasArn, KeyArn};
use strongroom_core::generated::{KeyLastUsageTrackingOperation, KeySpec, KeyUsage, OpName};
use strongroom_core::ids::{AccountId, KeyMaterialId, Region, RequestId};
use strongroom_core::key::{KeyMaterial, KeyRecord, KeyUsageRecord};
use strongroom_core::state::{self, Admission};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_crypto::cost::{self, Work};
use strongroom_vault::{Handle, Vault};
use strongroom_wire::json::{self, Decode, Encode};
use zeroize::Zeroizing;

use crate::audit::Record;
use crate::error::OpError;
use crate::keys::{Forms, KeyName, Keyring, check_grant_tokens, no_such_key};
use crate::node::Node;

/// One operation: one file, one shape.
pub(crate) trait Operation {
    /// Its name in the API.
    const NAME: OpName;
    /// What it takes.
    type Input: Decode;
    /// What it gives.
    type Output: Encode;

    /// Validates, authorizes, executes.
    fn run(cx: &Cx<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, OpError>> + Send;
}

/// What an operation has at hand: the node, the caller, and the request's circumstances.
pub(crate) struct Cx<'a> {
    pub(crate) node: &'a Node,
    pub(crate) op: OpName,
    pub(crate) caller: &'a Arc<Caller>,
    /// The caller's account.
    pub(crate) account: AccountId,
    /// The Region of the request.
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    /// The keys whose material was opened for this call.
    opened: Mutex<Vec<KeyArn>>,
}

/// An authenticated call, not yet decoded.
pub(crate) struct Call<'a> {
    pub(crate) op: OpName,
    pub(crate) request_id: RequestId,
    pub(crate) caller: Arc<Caller>,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) body: &'a [u8],
}

/// Runs one operation: the only place that decodes, audits and answers.
pub(crate) async fn serve<O: Operation>(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, OpError> {
    debug_assert_eq!(O::NAME, call.op, "the registry sends each operation to its own code");
    let cx = Cx::new(node, call);
    let work = async {
        let input = json::decode::<O::Input>(call.body).map_err(OpError::Malformed)?;
        O::run(&cx, input).await
    };
    let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(OpError::Panicked));
    close_record(node, call, outcome.as_ref().err());
    let output = outcome?;
    cx.note_usage(call.request_id);
    Ok(json::encode(&output))
}

/// An operation of the API that this service does not offer: authenticated, decoded, validated, refused.
pub(crate) fn serve_unsupported<I: Decode>(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, OpError> {
    let refusal = match json::decode::<I>(call.body) {
        Ok(_) => OpError::Unsupported(Some(format!("{} is not supported by this service.", call.op).into())),
        Err(bad) => OpError::Malformed(bad),
    };
    close_record(node, call, Some(&refusal));
    Err(refusal)
}

fn close_record(node: &Node, call: &Call<'_>, error: Option<&OpError>) {
    let record = Record {
        op: call.op,
        request_id: call.request_id,
        caller: &call.caller,
        region: call.region,
        time: call.now,
        error,
    };
    node.journal.close(&record);
}

impl<'a> Cx<'a> {
    fn new(node: &'a Node, call: &'a Call<'_>) -> Self {
        let Call { op, ref caller, account, region, now, .. } = *call;
        Self { node, op, caller, account, region, now, opened: Mutex::default() }
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.node.keyring
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.node.vault
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.node.rng
    }

    /// Whether the caller may do something that concerns no single resource.
    pub(crate) fn authorize_account(&self) -> Result<Authorized<WholeAccount>, OpError> {
        Ok(authorize_same_account(self.caller, self.action(), WholeAccount(self.account))?)
    }

    /// Finds the key that the caller named and asks whether the caller may use it for this operation.
    ///
    /// # Errors
    /// The answers of behaviours 2.3, and [`Denied`] in one text for a stranger whether the key exists or not.
    pub(crate) async fn authorize_key(
        &self,
        text: &str,
        forms: Forms,
        grant_tokens: Option<&[String]>,
    ) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        self.authorize_key_for(self.action(), text, forms, grant_tokens).await
    }

    /// The same for an action that is not called like the operation.
    pub(crate) async fn authorize_key_for(
        &self,
        action: Action,
        text: &str,
        forms: Forms,
        grant_tokens: Option<&[String]>,
    ) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        let name = KeyName::read(text, forms, self.account, self.region)?;
        check_grant_tokens(grant_tokens)?;
        match name.find(self.keyring()).await? {
            Some(record) => self.authorize_record(action, record).map_err(|denied| {
                // A stranger reads back its own words, never the key behind an alias.
                let stranger = name.owner() != self.account;
                if stranger { Denied::absent(self.caller, action, &name.arn()) } else { denied }.into()
            }),
            None if name.owner() == self.account => Err(name.not_found()),
            None => Err(Denied::absent(self.caller, action, &name.arn()).into()),
        }
    }

    /// The same for a key of the caller's own account that the service itself named, behind an alias.
    pub(crate) async fn authorize_own_key(&self, arn: &KeyArn) -> Result<Authorized<Arc<KeyRecord>>, OpError> {
        let record = self.keyring().key(arn).await?.ok_or_else(|| no_such_key(arn))?;
        Ok(self.authorize_record(self.action(), record)?)
    }

    /// Whether the caller may make, move or delete this alias.
    pub(crate) fn authorize_alias(&self, arn: AliasArn) -> Result<Authorized<AliasArn>, OpError> {
        Ok(authorize_same_account(self.caller, self.action(), arn)?)
    }

    /// Whether the caller may use this key.
    pub(crate) fn authorize_record(
        &self,
        action: Action,
        record: Arc<KeyRecord>,
    ) -> Result<Authorized<Arc<KeyRecord>>, Denied> {
        authorize_same_account(self.caller, action, record)
    }

    fn action(&self) -> Action {
        Action::kms(self.op.as_str())
    }

    /// Refuses a key whose usage is another.
    pub(crate) fn check_usage(&self, key: &KeyRecord, usage: KeyUsage) -> Result<(), OpError> {
        if key.usage == usage {
            Ok(())
        } else {
            Err(OpError::WrongUsage { arn: key.arn, usage: key.usage, op: self.op })
        }
    }

    /// Refuses a key whose state forbids this operation.
    pub(crate) fn check_state(&self, key: &KeyRecord) -> Result<(), OpError> {
        match state::admit(self.op, key.state) {
            Admission::Admit => Ok(()),
            Admission::Disabled | Admission::InvalidState => {
                Err(OpError::WrongState { arn: key.arn, state: key.state })
            }
        }
    }

    /// Opens one material of the key.
    pub(crate) async fn open(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        id: KeyMaterialId,
    ) -> Result<Arc<Handle>, OpError> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(key.resource().arn);
        match self.vault().open(key, id) {
            Err(strongroom_vault::Error::AccountKeyNotLoaded) => {
                self.keyring().ensure_account_key(key.resource().arn.account).await?;
                Ok(self.vault().open(key, id)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Notes the use of every key that a successful cryptographic operation opened.
    fn note_usage(&self, request_id: RequestId) {
        // The operations whose use is tracked are called alike in both enums; all others have no name there.
        let Ok(operation) = self.op.as_str().parse::<KeyLastUsageTrackingOperation>() else { return };
        for arn in self.opened.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.node.last_usage.note(arn, KeyUsageRecord { operation, at: self.now, request_id });
        }
    }

    /// Makes material for a new key.
    pub(crate) async fn new_material(&self, arn: &KeyArn, spec: KeySpec) -> Result<KeyMaterial, OpError> {
        self.keyring().ensure_account_key(arn.account).await?;
        let (vault, rng, arn, now) = (Arc::clone(&self.node.vault), Arc::clone(&self.node.rng), *arn, self.now);
        Ok(self.compute(spec, Work::Generate, move || vault.new_material(&arn, spec, now, &*rng)).await??)
    }

    /// Computes on the connection's own task, or on the pool when that would delay others.
    ///
    /// # Errors
    /// [`OpError::Throttled`] when the pool is full.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        spec: KeySpec,
        work: Work,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OpError> {
        if cost::is_slow(spec, work) { Ok(self.node.slow.run(spec, work, job).await?) } else { Ok(job()) }
    }

    /// Opens the material that encrypts.
    pub(crate) async fn open_current(&self, key: &Authorized<Arc<KeyRecord>>) -> Result<Arc<Handle>, OpError> {
        let material = key.resource().current_material().ok_or(OpError::BadRecord)?.id;
        self.open(key, material).await
    }
}
