//! GetAccessKeyInfo: the account that an access key id belongs to, whether the key is there or not.
//!
//! Source: STS API Reference, "GetAccessKeyInfo".

use strongroom_authz::proof::WholeAccount;
use strongroom_wire::query::OpName;
use strongroom_wire::query::sts::{self, GetAccessKeyInfoInput, GetAccessKeyInfoOutput};

use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetAccessKeyInfo;

impl Operation for GetAccessKeyInfo {
    const NAME: OpName = OpName::Sts(sts::OpName::GetAccessKeyInfo);
    type Input = GetAccessKeyInfoInput;
    type Output = GetAccessKeyInfoOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let _allowed = cx.authorize(WholeAccount(cx.account()?), &Asked::default())?;
        let account = cx.node.directory.account_of_access_key(&input.access_key_id);
        let account = account.ok_or_else(|| Error::Invalid("The access key id is not valid.".into()))?;
        Ok(GetAccessKeyInfoOutput { account: Some(account.to_string()) })
    }
}
