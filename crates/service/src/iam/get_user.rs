//! GetUser.
//!
//! Source: IAM API Reference, "GetUser".

use strongroom_authz::caller::Principal;
use strongroom_core::key::Tag;
use strongroom_wire::query::OpName;
use strongroom_wire::query::iam::{self, GetUserInput, GetUserOutput, User};

use crate::error::OpError;
use crate::query::{Asked, Cx, Error, Named, Operation};

pub(crate) struct GetUser;

impl Operation for GetUser {
    const NAME: OpName = OpName::Iam(iam::OpName::GetUser);
    type Input = GetUserInput;
    type Output = GetUserOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let (id, partition) = (cx.account()?, cx.region.partition());
        let account = cx.node.directory.account(id).await?.ok_or(OpError::BadRecord)?;
        let name = match (&input.user_name, cx.caller.principal()) {
            (Some(name), _) => name,
            (None, Principal::User { name, .. }) => &**name,
            (None, Principal::Root) => {
                let arn = format!("arn:{partition}:iam::{id}:root");
                let arn = cx.authorize(Named { owner: id, arn }, &Asked::default())?.into_resource().arn;
                return Ok(GetUserOutput {
                    user: User {
                        path: "/".into(),
                        user_name: String::new(),
                        user_id: id.to_string(),
                        arn,
                        create_date: account.record.created,
                        password_last_used: None,
                        permissions_boundary: None,
                        tags: None,
                    },
                });
            }
            (
                None,
                Principal::AssumedRole { .. }
                | Principal::FederatedUser { .. }
                | Principal::Service
                | Principal::WebIdentity
                | Principal::Anonymous,
            ) => return Err(Error::Invalid("Must specify userName when calling with non-User credentials".into())),
        };
        let user = account.user(name);
        let full = user.map_or_else(|| format!("/{name}"), |user| format!("{}{}", user.naming.path, user.naming.name));
        let resource = Named { owner: id, arn: format!("arn:{partition}:iam::{id}:user{full}") };
        let tags = user.map_or(&[][..], |user| &user.tags);
        let arn = cx.authorize(resource, &Asked { resource_tags: tags, ..Asked::default() })?.into_resource().arn;
        let user =
            user.ok_or_else(|| Error::NoSuchEntity(format!("The user with name {name} cannot be found.").into()))?;
        Ok(GetUserOutput {
            user: User {
                path: user.naming.path.clone(),
                user_name: user.naming.name.clone(),
                user_id: user.naming.id.to_string(),
                arn,
                create_date: user.naming.created,
                password_last_used: None,
                permissions_boundary: None,
                tags: (!tags.is_empty()).then(|| tags.iter().map(shown).collect()),
            },
        })
    }
}

fn shown(tag: &Tag) -> iam::Tag {
    iam::Tag { key: tag.key.clone(), value: tag.value.clone() }
}
