//! GetCallerIdentity: who signed. Nobody needs a permission for it, and no policy can take it away.
//!
//! Source: STS API Reference, "GetCallerIdentity".

use strongroom_wire::query::OpName;
use strongroom_wire::query::sts::{self, GetCallerIdentityInput, GetCallerIdentityOutput};

use crate::query::{Cx, Error, Operation};

pub(crate) struct GetCallerIdentity;

impl Operation for GetCallerIdentity {
    const NAME: OpName = OpName::Sts(sts::OpName::GetCallerIdentity);
    type Input = GetCallerIdentityInput;
    type Output = GetCallerIdentityOutput;

    async fn run(cx: &Cx<'_>, GetCallerIdentityInput {}: Self::Input) -> Result<Self::Output, Error> {
        Ok(GetCallerIdentityOutput {
            user_id: Some(cx.caller.user_id().to_owned()),
            account: Some(cx.account()?.to_string()),
            arn: Some(cx.caller.arn().to_owned()),
        })
    }
}
