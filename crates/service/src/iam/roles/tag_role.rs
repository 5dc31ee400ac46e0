//! `TagRole`: sets tags of a role.

use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules};
use crate::identity::account::Role;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct TagRole;

impl Operation for TagRole {
    const NAME: OpName = OpName::Iam(iam::OpName::TagRole);
    type Input = iam::TagRoleInput;
    type Output = iam::TagRoleOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let tags = rules::read_tags(&input.tags, TagCase::DoesNotMatter)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::Role(&input.role_name), &asked)?;
            holders::edit::<Role, ()>(draft, &input.role_name, |own| {
                rules::set_tags(holders::Person::tags_mut(own), &tags, TagCase::DoesNotMatter)
            })?;
            Ok(iam::TagRoleOutput)
        })
        .await
    }
}
