//! `RetireGrant`: ends a grant by permission of the grant itself (behaviours 6.6).

use std::sync::Arc;

use strongroom_core::generated::OpName;
use strongroom_core::ids::GrantId;
use strongroom_wire::kms;

use super::read_grant_id;
use crate::context::{Asked, AskedGrant};
use crate::error::OpError;
use crate::explain::Rule;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyEntry, KeyName, no_such_grant, read_grant_token};
use crate::ops::crypto::end_dry_run;

pub(crate) struct RetireGrant;

impl Operation for RetireGrant {
    const NAME: OpName = OpName::RetireGrant;
    type Input = kms::RetireGrantInput;
    type Output = kms::RetireGrantOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let (name, id) = read_name(cx, &input)?;
        let entry = cx.find_key(cx.action(), &name).await?;
        let proof = match entry.grants.get(id) {
            Some(grant) => {
                let asked = Asked { grant: Some(AskedGrant::Retiring(&grant.record.terms)), ..Asked::default() };
                cx.authorize_retirement(&entry, grant, &asked).map_err(|denied| cx.hide(denied, cx.action(), &name))?
            }
            None => return Err(absent(cx, &entry, &name, id)),
        };
        cx.entry.note_grant(id);
        cx.meet_faults(Some(&entry)).await?;
        cx.check_state(proof.resource())?;
        end_dry_run(input.dry_run)?;
        cx.keyring().delete_grant(&proof, id).await?;
        Ok(kms::RetireGrantOutput {})
    }
}

/// A token alone, or a key and a grant id.
fn read_name(cx: &Cx<'_>, input: &kms::RetireGrantInput) -> Result<(KeyName, GrantId), OpError> {
    let read = |text: &str| KeyName::read(text, Forms::KeyOnly, cx.account, cx.region);
    match (&input.grant_token, &input.key_id, &input.grant_id) {
        (Some(token), None, None) => {
            let (key, id) = read_grant_token(cx.vault(), token)?;
            Ok((read(&key.to_string())?, id))
        }
        (None, Some(key), Some(id)) => {
            KeyName::refuse_alias(key)?;
            let id = read_grant_id(id)?;
            Ok((read(key)?, id))
        }
        (Some(_), _, _) | (None, _, _) => {
            Err(OpError::invalid("You must specify either a GrantToken, or both a KeyId and a GrantId."))
        }
    }
}

/// A stranger is refused as if the grant were there and not its own.
fn absent(cx: &Cx<'_>, entry: &Arc<KeyEntry>, name: &KeyName, id: GrantId) -> OpError {
    if entry.record.arn.account == cx.account {
        no_such_grant(id)
    } else {
        cx.refuse(name.owner(), &name.arn(), Rule::NoSuchGrant).into()
    }
}
