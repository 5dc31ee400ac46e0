//! `UntagUser`: removes tags of a user.

use strongroom_core::identity::UserRecord;
use strongroom_wire::query::{OpName, iam};

use crate::iam::rules::TagCase;
use crate::iam::target::Target;
use crate::iam::{holders, rules};
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct UntagUser;

impl Operation for UntagUser {
    const NAME: OpName = OpName::Iam(iam::OpName::UntagUser);
    type Input = iam::UntagUserInput;
    type Output = iam::UntagUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let asked = Asked { tag_keys: &input.tag_keys, ..Asked::default() };
        cx.change(|draft| {
            cx.authorize_target(draft.account(), &Target::User(&input.user_name), &asked)?;
            holders::edit::<UserRecord, ()>(draft, &input.user_name, |own| {
                rules::remove_tags(holders::Person::tags_mut(own), &input.tag_keys, TagCase::DoesNotMatter);
                Ok(())
            })?;
            Ok(iam::UntagUserOutput)
        })
        .await
    }
}
