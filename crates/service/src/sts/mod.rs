//! The registry of STS: one exhaustive match from the operation's name to its code.

mod get_caller_identity;

use strongroom_wire::query::sts::OpName;
use zeroize::Zeroizing;

use crate::node::Node;
use crate::query::{Call, Error, serve, serve_unsupported};

/// Runs the call. An operation that is added to `model/query.toml` does not compile until it stands here.
pub(crate) async fn dispatch(op: OpName, node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match op {
        OpName::GetCallerIdentity => serve::<get_caller_identity::GetCallerIdentity>(node, call).await,
        OpName::AssumeRole | OpName::AssumeRoleWithWebIdentity | OpName::GetAccessKeyInfo | OpName::GetSessionToken => {
            serve_unsupported(node, call).await
        }
    }
}
