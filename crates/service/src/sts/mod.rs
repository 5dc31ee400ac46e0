//! The registry of STS: one exhaustive match from the operation's name to its code.

mod assume_role;
mod assume_role_with_web_identity;
mod get_access_key_info;
mod get_caller_identity;
mod get_session_token;
pub(crate) mod issuers;
pub mod jwt;
mod role;
pub(crate) mod sessions;

use strongroom_wire::query::sts::OpName;
use zeroize::Zeroizing;

use crate::node::Node;
use crate::query::{Call, Error, serve};

/// Runs the call. An operation that is added to `model/query.toml` does not compile until it stands here.
pub(crate) async fn dispatch(op: OpName, node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    match op {
        OpName::AssumeRole => serve::<assume_role::AssumeRole>(node, call).await,
        OpName::GetAccessKeyInfo => serve::<get_access_key_info::GetAccessKeyInfo>(node, call).await,
        OpName::GetCallerIdentity => serve::<get_caller_identity::GetCallerIdentity>(node, call).await,
        OpName::GetSessionToken => serve::<get_session_token::GetSessionToken>(node, call).await,
        OpName::AssumeRoleWithWebIdentity => {
            serve::<assume_role_with_web_identity::AssumeRoleWithWebIdentity>(node, call).await
        }
    }
}
