//! What holds for an operation beside its shapes; the rows are generated.

use strongroom_core::generated::{GrantOperation, OpName};

use super::ErrorCode;

/// Everything that is known of an operation before it runs.
#[derive(Debug)]
pub struct Facts {
    /// Which operation.
    pub op: OpName,
    /// The value of `X-Amz-Target`.
    pub target: &'static str,
    /// The policy actions it needs.
    pub actions: &'static [&'static str],
    /// What the actions are asked on.
    pub resource: Resource,
    /// Which policies may allow it.
    pub policy: Policy,
    /// The grant operations that allow its actions; empty: no grant can.
    pub grant_operations: &'static [GrantOperation],
    /// The forms of key id it takes.
    pub key_id_forms: KeyIdForms,
    /// The request members that name keys.
    pub key_members: &'static [&'static str],
    /// Whether another account's key may be named.
    pub cross_account: bool,
    /// Whether the audit record calls it read-only.
    pub read_only: bool,
    /// Whether it takes grant tokens.
    pub grant_tokens: bool,
    /// Whether it takes `DryRun`.
    pub dry_run: bool,
    /// Whether it takes a `Recipient`.
    pub recipient: bool,
    /// The condition keys that policies may use with it.
    pub condition_keys: &'static [&'static str],
    /// The largest body it takes.
    pub body_limit_bytes: usize,
    /// What a success has in its body.
    pub reply: ReplyBody,
    /// How it pages, if it lists.
    pub paginator: Option<Paginator>,
    /// The modelled errors.
    pub errors: &'static [ErrorCode],
    /// What the audit record does with each member of the request.
    pub request_members: &'static [(&'static str, Visibility)],
    /// What the audit record does with each member of the reply.
    pub reply_members: &'static [(&'static str, Visibility)],
    /// Whether the audit record tells the key's ARN among the elements of the reply though the reply has none.
    pub reply_key_arn: bool,
}

/// What a policy action is asked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A key.
    Key,
    /// An alias, and the key or keys it leads to.
    AliasAndKey,
    /// `*`.
    Any,
}

/// Which policies may allow an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The key policy, or an identity policy when the key policy delegates to the account.
    Key,
    /// An identity policy alone.
    Identity,
    /// An identity policy for the alias, and [`Policy::Key`] for the key.
    IdentityAndKey,
    /// The grant itself; policies can only deny or delegate.
    Grant,
}

/// The forms of key id that an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdForms {
    /// Key id, key ARN, alias name, alias ARN.
    All,
    /// Key id and key ARN.
    Key,
    /// It names no key.
    None,
}

/// What a success has in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// No body.
    Nothing,
    /// `{}`.
    EmptyObject,
    /// An object.
    Object,
}

/// The members by which an operation pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paginator {
    /// Where the request says where to go on.
    pub input_token: &'static str,
    /// Where the request says how many.
    pub limit_key: &'static str,
    /// Where the reply says whether there is more.
    pub more_results: &'static str,
    /// Where the reply says where to go on.
    pub output_token: &'static str,
    /// Where the reply has the list.
    pub result_key: &'static str,
}

/// What the audit record does with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Writes it.
    Shown,
    /// Writes a digest, enough to recognise it again.
    Hashed,
    /// Leaves it out.
    Hidden,
}
