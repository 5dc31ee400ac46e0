//! `ListInstanceProfilesForRole`: the instance profiles of a role. There are no instances here, so there never is one.

use strongroom_wire::query::{OpName, iam};

use crate::iam::holders;
use crate::iam::target::Target;
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct ListInstanceProfilesForRole;

impl Operation for ListInstanceProfilesForRole {
    const NAME: OpName = OpName::Iam(iam::OpName::ListInstanceProfilesForRole);
    type Input = iam::ListInstanceProfilesForRoleInput;
    type Output = iam::ListInstanceProfilesForRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let account = cx.snapshot().await?;
        cx.authorize_target(&account, &Target::Role(&input.role_name), &Asked::default())?;
        holders::find::<Role>(&account, &input.role_name)?;
        let page = cx.page(&input.role_name, input.marker.as_deref(), input.max_items, [])?;
        Ok(iam::ListInstanceProfilesForRoleOutput {
            instance_profiles: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
