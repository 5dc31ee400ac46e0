//! `ListRoles`: the roles of the account, or those under a path.

use strongroom_wire::query::{OpName, iam};

use crate::iam::shown;
use crate::iam::target::Target;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListRoles;

impl Operation for ListRoles {
    const NAME: OpName = OpName::Iam(iam::OpName::ListRoles);
    type Input = iam::ListRolesInput;
    type Output = iam::ListRolesOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        cx.authorize_target(&account, &Target::Named { noun: "role", path: prefix, name: "" }, &Asked::default())?;
        let under = account.roles.iter().filter(|(_, role)| role.record.naming.path.starts_with(prefix));
        let items = under.map(|(key, role)| (key.to_string(), role));
        let page = cx.page(prefix, input.marker.as_deref(), input.max_items, items)?;
        let mut roles = Vec::with_capacity(page.items.len());
        for role in page.items {
            let trust = cx.trust_text(role).await?;
            roles.push(shown::role_listed(&account, cx.partition(), role, &trust));
        }
        Ok(iam::ListRolesOutput { roles, is_truncated: Some(page.is_truncated), marker: page.marker })
    }
}
