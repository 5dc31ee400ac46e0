//! `CreateKey`: a new key in the caller's account and the request's Region.

use strongroom_authz::action::Action;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{KeySpec, KeyState, KeyUsage, MultiRegionKeyType, OpName, Origin};
use strongroom_core::key::{KeyRecord, MultiRegion, RotationState};
use strongroom_core::spec;
use strongroom_wire::kms;

use crate::context::{Asked, NewKey, Subject};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{check_tags, default_policy, key_metadata, new_key_id, read_policy};

pub(crate) struct CreateKey;

impl Operation for CreateKey {
    const NAME: OpName = OpName::CreateKey;
    type Input = kms::CreateKeyInput;
    type Output = kms::CreateKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Validate what needs no key.
        let spec = requested_spec(&input)?;
        let usage = requested_usage(spec, input.key_usage)?;
        check_origin(&input)?;
        if !spec::facts(spec).offered.is_in(cx.region) {
            return Err(OpError::Unsupported(Some(format!("KeySpec {spec} is not supported in this Region").into())));
        }
        let tags = check_tags(input.tags.unwrap_or_default())?;
        let policy = input.policy.as_deref().map(read_policy).transpose()?;

        // Authorize: the key, and its tags.
        let origin = input.origin.unwrap_or(Origin::AwsKms);
        let multi_region = input.multi_region.unwrap_or(false);
        let subject = Subject::NewKey(NewKey {
            account: cx.account,
            spec,
            usage,
            origin,
            multi_region: multi_region.then_some(MultiRegionKeyType::Primary),
        });
        let insists = input.bypass_policy_lockout_safety_check;
        let asked = Asked {
            bypass_policy_lockout_safety_check: Some(insists.unwrap_or(false)),
            tags: &tags,
            ..Asked::default()
        };
        let _proof = cx.authorize_account_for(cx.action(), &asked, subject).await?;
        if !tags.is_empty() {
            let tag = Action::kms(OpName::TagResource.as_str());
            let _proof = cx.authorize_account_for(tag, &asked, subject).await?;
        }

        // Execute.
        let mut random = [0; 16];
        cx.rng().fill(&mut random)?;
        let arn = KeyArn { account: cx.account, region: cx.region, key: new_key_id(multi_region, random) };
        let mut policy_principals = Vec::new();
        if let Some(policy) = policy {
            policy_principals = cx.policy_principals(&policy).await?;
            cx.check_lockout(policy, &arn, subject, insists)?;
        }
        let (state, materials) = match origin {
            Origin::External => (KeyState::PendingImport, Vec::new()),
            Origin::AwsKms | Origin::AwsCloudhsm | Origin::ExternalKeyStore => {
                (KeyState::Enabled, vec![cx.new_material(&arn, spec).await?])
            }
        };
        let record = KeyRecord {
            arn,
            creation_date: cx.now,
            description: input.description.unwrap_or_default(),
            spec,
            usage,
            origin,
            state,
            deletion_date: None,
            multi_region: multi_region.then(|| MultiRegion {
                kind: MultiRegionKeyType::Primary,
                primary: cx.region,
                replicas: Vec::new(),
                deletion_window_days: None,
            }),
            policy: input.policy.map_or_else(|| default_policy(&arn), Into::into),
            policy_principals,
            tags,
            materials,
            pending_material: None,
            rotation: RotationState::default(),
            scheduled: None,
        };
        let metadata = key_metadata(&record);
        cx.entry.note_key(&arn);
        cx.keyring().insert_key(record).await?;
        Ok(kms::CreateKeyOutput { key_metadata: Some(metadata) })
    }
}

fn requested_spec(input: &kms::CreateKeyInput) -> Result<KeySpec, OpError> {
    match (input.key_spec, input.customer_master_key_spec) {
        (Some(_), Some(_)) => Err(OpError::invalid(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
             CustomerMasterKeySpec is deprecated.",
        )),
        (Some(spec), None) => Ok(spec),
        (None, Some(old)) => Ok(spec::from_customer_master_key_spec(old)),
        (None, None) => Ok(KeySpec::SymmetricDefault),
    }
}

fn requested_usage(spec: KeySpec, usage: Option<KeyUsage>) -> Result<KeyUsage, OpError> {
    match usage {
        Some(usage) if spec::facts(spec).usages.contains(&usage) => Ok(usage),
        Some(usage) => Err(OpError::Invalid(format!("KeyUsage {usage} is not compatible with KeySpec {spec}.").into())),
        None if spec == KeySpec::SymmetricDefault => Ok(KeyUsage::EncryptDecrypt),
        None => Err(OpError::invalid("You must specify a KeyUsage value for an asymmetric CMK.")),
    }
}

/// Custom key stores are not offered; contradictions are told apart from that.
fn check_origin(input: &kms::CreateKeyInput) -> Result<(), OpError> {
    let origin = input.origin.unwrap_or(Origin::AwsKms);
    let in_key_store = matches!(origin, Origin::AwsCloudhsm | Origin::ExternalKeyStore);
    if input.xks_key_id.is_some() != (origin == Origin::ExternalKeyStore) {
        return Err(OpError::invalid("XksKeyId is required for, and only valid with, Origin EXTERNAL_KEY_STORE."));
    }
    match &input.custom_key_store_id {
        Some(id) if in_key_store => Err(OpError::NoSuchCustomKeyStore(id.clone())),
        Some(_) => {
            Err(OpError::invalid("CustomKeyStoreId is only valid with Origin AWS_CLOUDHSM or EXTERNAL_KEY_STORE."))
        }
        None if in_key_store => {
            Err(OpError::invalid("CustomKeyStoreId is required with Origin AWS_CLOUDHSM or EXTERNAL_KEY_STORE."))
        }
        None => Ok(()),
    }
}
