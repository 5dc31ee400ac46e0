//! `DeleteAccessKey`: deletes an access key.

use strongroom_core::identity::AccessKeyRecord;
use strongroom_wire::query::{OpName, iam};

use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct DeleteAccessKey;

impl Operation for DeleteAccessKey {
    const NAME: OpName = OpName::Iam(iam::OpName::DeleteAccessKey);
    type Input = iam::DeleteAccessKeyInput;
    type Output = iam::DeleteAccessKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let who = cx.user_or_caller(input.user_name.as_deref())?;
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &who.target(), &Asked::default())?;
            let key = who.access_key(cx, account, &input.access_key_id)?;
            draft.remove::<AccessKeyRecord>(&key.id);
            Ok(iam::DeleteAccessKeyOutput)
        })
        .await
    }
}
