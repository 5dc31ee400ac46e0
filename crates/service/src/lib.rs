//! The key management service itself: from an authenticated request to its answer.
//!
//! # Invariants
//! - Authentication, authorization, validation and the audit record happen in the frame; an operation cannot leave them out.
//! - Key material is used through the vault's handles, which want the proof of authorization.
//!
//! # Not here
//! Sockets, HTTP framing, TLS, the environment, configuration files: `server`. Algorithms: `crypto`. The policy language: `authz`.

pub mod audit;
mod context;
mod data_keys;
mod dev;
mod error;
mod explain;
mod frame;
mod gate;
mod health;
mod iam;
mod identity;
mod inspect;
mod key_pairs;
mod keys;
mod macs;
mod markers;
mod metrics;
mod node;
mod opening;
mod ops;
mod paging;
mod query;
mod quotas;
mod regions;
mod sealing;
mod signing;
mod slow;
mod sts;
mod tasks;

pub use dev::{
    BadFaultRule, ClockError, ClockStatus, Dev, DevTools, FaultRule, FaultStatus, InjectedError, LATENCY_MAX_MS,
    Probability, Seed, SeedAccessKey, SeedAccount, SeedGrant, SeedGroup, SeedKey, SeedMaterial, SeedPolicy,
    SeedProblem, SeedRole, SeedState, SeedUser, SnapshotError, SnapshotStatus,
};
pub use explain::{
    By, ConditionView, DecisionView, ExplainError, Explanation, GrantView, Question, StatementView, Supposition,
    ValueView, Who, WhoCan,
};
pub use gate::{Refusal, Reply, Request, TlsDetails};
pub use health::Probe;
pub use identity::{
    AccessKeyConfig, AccountConfig, AccountEntry, AccountError, IdentityConfig, IdentityError, NewAccount,
};
pub use inspect::{Inspection, inspect};
pub use metrics::{Family, Labels, Sample, Value};
pub use node::{Limits, Mode, Node, Parts, Role, StartError, audit_facts};
pub use quotas::{BadRate, NoSuchQuota, Quotas, RequestQuota, RequestRates, ResourceQuotas};
pub use regions::Regions;
pub use sts::issuers::{FetchKeys, Fetched, IssuerConfig, IssuersConfig, JwksSource};
pub use sts::jwt;
