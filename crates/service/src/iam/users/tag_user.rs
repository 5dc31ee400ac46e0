//! `TagUser`: sets tags of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct TagUser;

impl Operation for TagUser {
    const NAME: OpName = OpName::Iam(iam::OpName::TagUser);
    type Input = iam::TagUserInput;
    type Output = iam::TagUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let tags = rules::read_tags(&input.tags, TagCase::DoesNotMatter)?;
        let asked = Asked { tags: &tags, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &asked)?;
            holders::edit::<UserRecord, ()>(draft, &input.user_name, |own| {
                rules::set_tags(holders::Person::tags_mut(own), &tags, TagCase::DoesNotMatter)
            })?;
            Ok(iam::TagUserOutput)
        })
        .await
    }
}
