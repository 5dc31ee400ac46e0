//! `UpdateAccessKey`: lets signatures with an access key be taken, or not.

use strongroom_core::identity::AccessKeyRecord;
use strongroom_wire::query::{OpName, iam};

use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UpdateAccessKey;

impl Operation for UpdateAccessKey {
    const NAME: OpName = OpName::Iam(iam::OpName::UpdateAccessKey);
    type Input = iam::UpdateAccessKeyInput;
    type Output = iam::UpdateAccessKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let who = cx.user_or_caller(input.user_name.as_deref())?;
        let is_active = match input.status {
            iam::StatusType::Active => true,
            iam::StatusType::Inactive => false,
            iam::StatusType::Expired => {
                return Err(Error::Invalid("The status of an access key is Active or Inactive.".into()));
            }
        };
        cx.change(|draft| {
            let account = draft.account();
            cx.authorize_target(account, &who.target(), &Asked::default())?;
            let key = who.access_key(cx, account, &input.access_key_id)?;
            draft.put(&input.access_key_id, AccessKeyRecord { is_active, ..key })?;
            Ok(iam::UpdateAccessKeyOutput)
        })
        .await
    }
}
