//! `UntagRole`: removes tags of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UntagRole;

impl Operation for UntagRole {
    const NAME: OpName = OpName::Iam(iam::OpName::UntagRole);
    type Input = iam::UntagRoleInput;
    type Output = iam::UntagRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { tag_keys: &input.tag_keys, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &asked)?;
            holders::edit::<Role, ()>(draft, &input.role_name, |own| {
                rules::remove_tags(holders::Person::tags_mut(own), &input.tag_keys, TagCase::DoesNotMatter);
                Ok(())
            })?;
            Ok(iam::UntagRoleOutput)
        })
        .await
    }
}
