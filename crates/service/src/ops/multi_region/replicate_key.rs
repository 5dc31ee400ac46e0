//! `ReplicateKey`: a relative of a multi-Region primary key, in another Region.

use std::num::NonZeroU32;
use std::sync::Arc;

use strongroom_authz::action::Action;
use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{KeyState, MultiRegionKeyType, OpName, Origin};
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::Region;
use strongroom_core::key::{KeyMaterial, KeyRecord, Tag};
use strongroom_wire::kms;

use super::read_region;
use crate::audit::Entry;
use crate::context::{Asked, NewKey, Subject};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName, check_primary, check_tags, default_policy, key_metadata, read_policy};
use crate::quotas::RequestQuota;

pub(crate) struct ReplicateKey;

impl Operation for ReplicateKey {
    const NAME: OpName = OpName::ReplicateKey;
    type Input = kms::ReplicateKeyInput;
    type Output = kms::ReplicateKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Validate what needs no key.
        KeyName::refuse_alias(&input.key_id)?;
        let region = read_region(cx, "ReplicaRegion", &input.replica_region)?;
        let tags = check_tags(input.tags.unwrap_or_default())?;
        let policy = input.policy.as_deref().map(read_policy).transpose()?;

        // Authorize: the primary to be replicated, then a key to be made in the other Region, and its tags.
        let insists = input.bypass_policy_lockout_safety_check;
        let asked = Asked { replica_region: Some(region), tags: &tags, ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        let primary = key.resource();
        let subject = Subject::NewKey(NewKey {
            account: cx.account,
            spec: primary.spec,
            usage: primary.usage,
            origin: primary.origin,
            multi_region: Some(MultiRegionKeyType::Replica),
        });
        let there = cx.in_region(region);
        let asked = Asked {
            bypass_policy_lockout_safety_check: Some(insists.unwrap_or(false)),
            tags: &tags,
            ..Asked::default()
        };
        let _proof = there.authorize_account_for(Action::kms(OpName::CreateKey.as_str()), &asked, subject).await?;
        if !tags.is_empty() {
            let _proof =
                there.authorize_account_for(Action::kms(OpName::TagResource.as_str()), &asked, subject).await?;
        }

        // The call counts as two that create keys in the other Region (behaviours 4.10).
        there.count_request(RequestQuota::of(OpName::CreateKey), const { NonZeroU32::new(2).expect("not 0") })?;

        // Validate what depends on the key.
        check_primary(primary)?;
        cx.check_state(primary)?;
        let arn = KeyArn { region, ..primary.arn };
        let mut policy_principals = Vec::new();
        if let Some(policy) = policy {
            policy_principals = cx.policy_principals(&policy).await?;
            there.check_lockout(policy, &arn, subject, insists)?;
        }

        // Execute.
        cx.keyring().ensure_account_key(arn.account).await?;
        let own = Own {
            description: input.description.unwrap_or_default(),
            policy: input.policy.map_or_else(|| default_policy(&arn), Into::into),
            policy_principals,
            tags,
        };
        let replica = cx
            .keyring()
            .change_family(&key, |family| {
                check_primary(family.named())?;
                cx.check_state(family.named())?;
                if family.member(region).is_some() {
                    return Err(OpError::ReplicaExists(arn));
                }
                let replica = own.replica(cx, &key, family.named(), region)?;
                family.add_replica(replica);
                let replica = family.member(region).cloned().ok_or(OpError::BadRecord)?;
                cx.entry.set_besides(vec![created(cx, &replica, insists)]);
                Ok(replica)
            })
            .await?;
        Ok(kms::ReplicateKeyOutput {
            replica_key_metadata: Some(key_metadata(&replica)),
            replica_policy: Some(read_policy(&replica.policy)?.canonical_text()),
            replica_tags: Some(tags_of(&replica)),
        })
    }
}

/// The record of the replica's Region: there a key is created.
fn created(cx: &Cx<'_>, replica: &KeyRecord, insists: Option<bool>) -> Entry {
    let input = kms::CreateKeyInput {
        policy: None,
        description: Some(replica.description.clone()),
        key_usage: Some(replica.usage),
        customer_master_key_spec: None,
        key_spec: Some(replica.spec),
        origin: Some(replica.origin),
        custom_key_store_id: None,
        bypass_policy_lockout_safety_check: insists,
        tags: Some(tags_of(replica)).filter(|tags| !tags.is_empty()),
        multi_region: Some(true),
        xks_key_id: None,
    };
    let entry = cx.entry_elsewhere(OpName::CreateKey, &replica.arn, &input);
    entry.note_reply(&kms::CreateKeyOutput { key_metadata: Some(key_metadata(replica)) });
    entry
}

fn tags_of(key: &KeyRecord) -> Vec<kms::Tag> {
    key.tags.iter().map(|tag| kms::Tag { tag_key: tag.key.clone(), tag_value: tag.value.clone() }).collect()
}

/// What a replica has for itself from its beginning.
struct Own {
    description: String,
    policy: Arc<str>,
    policy_principals: Vec<NamedPrincipal>,
    tags: Vec<Tag>,
}

impl Own {
    /// The replica of `primary`, which `key` proves may be replicated.
    fn replica(
        &self,
        cx: &Cx<'_>,
        key: &Authorized<Arc<KeyRecord>>,
        primary: &KeyRecord,
        region: Region,
    ) -> Result<KeyRecord, OpError> {
        let copy = |material: &KeyMaterial| match primary.origin {
            // Its owner brings it to each Region.
            Origin::External => Ok(material.without_bytes()),
            Origin::AwsKms | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
                cx.vault().copy_material(key, material, region, cx.rng())
            }
        };
        Ok(KeyRecord {
            arn: KeyArn { region, ..primary.arn },
            creation_date: cx.now,
            description: self.description.clone(),
            state: KeyState::Creating,
            policy: Arc::clone(&self.policy),
            policy_principals: self.policy_principals.clone(),
            tags: self.tags.clone(),
            materials: primary.materials.iter().map(copy).collect::<Result<_, _>>()?,
            pending_material: primary.pending_material.as_ref().map(copy).transpose()?,
            scheduled: None,
            ..primary.clone()
        })
    }
}
