//! `GetAccessKeyLastUsed`: when an access key last signed for this node, and for what.

use strongroom_wire::query::{OpName, iam};

use crate::iam::cx::Who;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct GetAccessKeyLastUsed;

impl Operation for GetAccessKeyLastUsed {
    const NAME: OpName = OpName::Iam(iam::OpName::GetAccessKeyLastUsed);
    type Input = iam::GetAccessKeyLastUsedInput;
    type Output = iam::GetAccessKeyLastUsedOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let id = &*input.access_key_id;
        let directory = &cx.node.directory;
        let who = match account.access_keys.get(id) {
            Some(key) => Who::of(&account, &key.owner),
            None => directory.configured_owner(cx.account()?, id).map(|user| user.map_or(Who::Root, Who::User)),
        };
        // Who may not ask about anybody does not learn which access keys there are.
        let target = who.as_ref().map_or(Target::User("*"), Who::target);
        cx.authorize_target(&account, &target, &Asked::default())?;
        let who = who.ok_or_else(|| Who::no_such_access_key(id))?;
        let last_used = match directory.last_use(id) {
            Some(used) => iam::AccessKeyLastUsed {
                last_used_date: Some(used.at),
                service_name: used.service.to_owned(),
                region: used.region.to_string(),
            },
            None => iam::AccessKeyLastUsed {
                last_used_date: None,
                service_name: "N/A".to_owned(),
                region: "N/A".to_owned(),
            },
        };
        Ok(iam::GetAccessKeyLastUsedOutput {
            user_name: Some(who.shown_name(&account)),
            access_key_last_used: Some(last_used),
        })
    }
}
