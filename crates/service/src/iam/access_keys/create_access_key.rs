//! `CreateAccessKey`: a new access key of a user or of the root user. Its secret is shown this once.

use std::sync::Arc;

use strongroom_core::identity::{AccessKeyRecord, UniqueIdKind};
use strongroom_wire::kms::SecretText;
use strongroom_wire::query::{OpName, iam};

use crate::error::OpError;
use crate::iam::error::IamError;
use crate::iam::rules;
use crate::identity::unique_ids::new_secret;
use crate::query::{Asked, Cx, Error, Operation};

pub(crate) struct CreateAccessKey;

impl Operation for CreateAccessKey {
    const NAME: OpName = OpName::Iam(iam::OpName::CreateAccessKey);
    type Input = iam::CreateAccessKeyInput;
    type Output = iam::CreateAccessKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, Error> {
        let who = cx.user_or_caller(input.user_name.as_deref())?;
        let id = cx.new_id(UniqueIdKind::AccessKey)?;
        let secret = Arc::new(new_secret(&*cx.node.rng).map_err(OpError::from)?);
        let user_name = cx
            .change(|draft| {
                let account = draft.account();
                cx.authorize_target(account, &who.target(), &Asked::default())?;
                let owner = who.owner(account)?;
                let configured = cx.node.directory.configured_keys_of(cx.account()?, who.user_name()).len();
                if configured + account.access_keys_of(&owner).count() >= rules::ACCESS_KEYS_OF_A_USER_MAX {
                    return Err(IamError::quota("AccessKeysPerUser", rules::ACCESS_KEYS_OF_A_USER_MAX).into());
                }
                let user_name = who.shown_name(account);
                let key = AccessKeyRecord {
                    id: Arc::clone(&id),
                    owner,
                    is_active: true,
                    created: cx.now,
                    secret: Arc::clone(&secret),
                };
                draft.put(&id, key)?;
                Ok(user_name)
            })
            .await?;
        // The one time that a secret is told: to whoever made the access key.
        let secret = std::str::from_utf8(secret.expose()).map_err(|_| OpError::BadRecord)?;
        Ok(iam::CreateAccessKeyOutput {
            access_key: iam::AccessKey {
                user_name,
                access_key_id: id.to_string(),
                status: iam::StatusType::Active,
                secret_access_key: SecretText::copy_from(secret),
                create_date: Some(cx.now),
            },
        })
    }
}
