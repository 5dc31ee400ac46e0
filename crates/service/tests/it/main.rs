//! The service from its front: signed requests in, replies out. One binary, so that the libraries are linked once.

#![allow(clippy::unwrap_used, reason = "in a test the panic is the report")]

mod algorithms;
mod aliases;
mod audit;
mod audit_fields;
mod audit_follow;
mod audit_log;
mod audit_query;
mod corpus;
mod decisions;
mod deletion;
mod dev_clock;
mod dev_faults;
mod dev_snapshots;
mod explain;
mod fixtures;
mod grants;
mod hanging_up;
mod iam_decisions;
mod iam_faults;
mod iam_fixtures;
mod iam_strangers;
mod import;
mod kms;
mod last_usage;
mod laws;
mod model;
mod multi_region;
mod other_nodes;
mod paging;
mod policies;
mod principals;
mod query;
mod quotas;
mod resource_quotas;
mod rotation;
mod sessions;
mod states;
mod strangers;
mod web_identity;
