//! Who answers: the border between sockets and the service.

use std::future::Future;
use std::sync::Arc;

use strongroom_service::{Node, Refusal, Reply, Request};
use tracing::Instrument;

use crate::observe::trace::call_span;

/// Turns requests into replies: the service's node, or the fixed reply of the benchmark's null server.
pub trait Answer: Send + Sync + 'static {
    /// Answers a request that arrived whole.
    fn answer(self: &Arc<Self>, request: Request<'_>) -> impl Future<Output = Reply> + Send;

    /// Answers what never became a request.
    fn refuse(&self, refusal: Refusal) -> Reply;
}

impl Answer for Node {
    fn answer(self: &Arc<Self>, request: Request<'_>) -> impl Future<Output = Reply> + Send {
        let span = call_span(request.headers);
        Self::answer(self, request).instrument(span)
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Self::refuse(self, refusal)
    }
}
