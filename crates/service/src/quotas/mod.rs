//! Quotas: how much an account may have, and how often it may call (KMS Developer Guide, "Quotas").
//!
//! # Invariants
//! - Quotas are an account's, each Region by itself: what one account does leaves no other account less. Calls count against the
//!   caller's account; keys, aliases and grants against the account or the key that they belong to.
//! - Every operation stands in one table with the request quota that its calls count against ([`requests`]).
//!
//! # Not here
//! What AWS does not adjust is part of the API rather than a quota, and always holds: the length of a key policy, tags of a key,
//! rotations on demand, grant tokens of a request. The quotas of IAM are in `iam::rules`.

mod requests;
mod resources;
mod throttle;

pub use requests::{BadRate, NoSuchQuota, RequestQuota, RequestRates};
pub use resources::ResourceQuotas;
pub(crate) use throttle::{OverRate, Throttle};

/// What the accounts of a node may have and do.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    /// How often they may call. Without it as often as they like.
    pub requests: Option<RequestRates>,
    /// How much they may have.
    pub resources: ResourceQuotas,
}

impl Quotas {
    /// AWS's defaults.
    pub fn aws_defaults() -> Self {
        Self { requests: Some(RequestRates::default()), resources: ResourceQuotas::aws_defaults() }
    }
}
