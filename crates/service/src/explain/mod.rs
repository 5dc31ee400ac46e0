//! Why something was decided, what would be decided, and who could do it: for the operator, never for a caller.
//!
//! # Invariants
//! - Deciding stays cheap: an allowed call keeps what it was judged by (shared, not copied) and the condition values that its
//!   policies can ask for. How each statement met it is worked out when somebody asks.
//! - What is kept is bounded in bytes and in number, and refusals have a room of their own: allowed calls never displace them.
//! - Nothing secret is kept: no plaintext, no grant token, no session token, no body.
//!
//! # Not here
//! A record that lasts: the memory ends with the process, and each node has its own. That a call was refused is on the audit
//! record; this tells why.

mod kept;
mod principals;
mod simulate;
mod view;
mod who_can;

pub use simulate::{ExplainError, Supposition};
pub(crate) use view::Rule;
pub use view::{ConditionView, DecisionView, Explanation, GrantView, StatementView, ValueView};
pub use who_can::{By, Question, Who, WhoCan};

pub(crate) use kept::{Decisions, KeptDecisions, Named};
