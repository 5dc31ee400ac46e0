//! Keys of a seed: what is remembered of them, and how they are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_core::arn::AliasArn;
use strongroom_core::generated::{KeyState, MultiRegionKeyType, Origin};
use strongroom_core::grant::GrantRecord;
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::key::{
    AliasRecord, AutomaticRotation, KeyMaterial, KeyRecord, MultiRegion, Rotation, RotationState,
};
use strongroom_core::world::{Rng, Timestamp};
use strongroom_vault::{Vault, material_id_of};

use super::memory::Form;
use super::{SeedGrant, SeedKey, SeedState};
use crate::error::OpError;
use crate::keys::{SeededKey, default_policy};
use crate::ops::grants::read_grant_terms;

/// What the store remembers of a key: the fields as the seed said them, material by its id.
pub(super) fn form(key: &SeedKey) -> Result<Form, OpError> {
    let mut form = Form::default();
    form.insert("spec", key.spec);
    form.insert("usage", key.usage);
    form.insert("origin", key.origin);
    form.insert("description", &key.description);
    form.insert("state", format!("{:?}", key.state));
    form.insert("creation_date", format!("{:?}", key.creation_date));
    form.insert("policy", key.policy.as_deref().unwrap_or_default());
    let tags: BTreeMap<_, _> = key.tags.iter().map(|tag| (&tag.key, &tag.value)).collect();
    form.insert("tags", format!("{tags:?}"));
    form.insert("rotation_period_days", format!("{:?}", key.rotation_period_days));
    let aliases: std::collections::BTreeSet<_> = key.aliases.iter().collect();
    form.insert("aliases", format!("{aliases:?}"));
    let mut materials = String::new();
    for one in &key.materials {
        let id = material_id_of(&key.arn, &one.material)?;
        let import = format!("{:?} {:?}", one.import.description, one.import.valid_to);
        materials.push_str(&format!("{id} {:?} {} {import};", one.rotation_date, one.rotation_type));
    }
    form.insert("materials", materials);
    let mut grants = Vec::new();
    for grant in &key.grants {
        let terms = read_grant_terms(&grant.request)?;
        grants.push(format!("{} {:?} {:?} {terms:?}", grant.id, grant.issuing_account, grant.creation_date));
    }
    grants.sort_unstable();
    form.insert("grants", grants.join(";"));
    Ok(form)
}

/// The key without its material.
pub(super) fn bare_record(key: &SeedKey, now: Timestamp) -> KeyRecord {
    let state = match key.state {
        SeedState::Enabled if key.origin == Origin::External && key.materials.is_empty() => KeyState::PendingImport,
        SeedState::Enabled => KeyState::Enabled,
        SeedState::Disabled => KeyState::Disabled,
        SeedState::PendingDeletion { .. } => KeyState::PendingDeletion,
    };
    let deletion_date = match key.state {
        SeedState::PendingDeletion { window_days } => Some(now.plus_days(window_days.into())),
        SeedState::Enabled | SeedState::Disabled => None,
    };
    let last_rotation = key.materials.iter().rev().find_map(|one| one.rotation_date);
    let from = last_rotation.or(key.creation_date).unwrap_or(now);
    KeyRecord {
        arn: key.arn,
        creation_date: key.creation_date.unwrap_or(now),
        description: key.description.clone(),
        spec: key.spec,
        usage: key.usage,
        origin: key.origin,
        state,
        deletion_date,
        multi_region: key.arn.key.is_multi_region().then(|| MultiRegion {
            kind: MultiRegionKeyType::Primary,
            primary: key.arn.region,
            replicas: Vec::new(),
            deletion_window_days: None,
        }),
        policy: key.policy.as_deref().map_or_else(|| default_policy(&key.arn), Into::into),
        policy_principals: Vec::new(),
        tags: key.tags.clone(),
        materials: Vec::new(),
        pending_material: None,
        rotation: RotationState {
            automatic: key.rotation_period_days.map(|days| AutomaticRotation::starting(days, from)),
            on_demand_count: 0,
        },
        scheduled: None,
    }
}

/// The users and roles that a key's policy and grants name.
#[derive(Debug, Default)]
pub(super) struct Parties {
    pub(super) of_policy: Vec<NamedPrincipal>,
    /// Grant by grant.
    pub(super) of_grants: Vec<Vec<NamedPrincipal>>,
}

/// The whole key, ready to be stored. The account's wrapping key is loaded.
pub(super) fn grow(
    key: &SeedKey,
    parties: Parties,
    vault: &Vault,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<SeededKey, OpError> {
    let mut record = KeyRecord { policy_principals: parties.of_policy, ..bare_record(key, now) };
    for (number, one) in key.materials.iter().enumerate() {
        let date = one.rotation_date.unwrap_or(if number == 0 { record.creation_date } else { now });
        let kept = vault.keep_material(&key.arn, &one.material, date, rng)?;
        record.materials.push(KeyMaterial {
            rotation: (number > 0).then_some(Rotation { date, kind: one.rotation_type }),
            import: (key.origin == Origin::External).then(|| one.import.clone()),
            ..kept
        });
    }
    if key.materials.is_empty() && key.origin == Origin::AwsKms {
        record.materials.push(vault.new_material(&key.arn, key.spec, record.creation_date, rng)?);
    }
    let alias = |name: &strongroom_core::ids::AliasName| AliasRecord {
        arn: AliasArn { account: key.arn.account, region: key.arn.region, alias: name.clone() },
        target: key.arn.key,
        creation_date: record.creation_date,
        last_updated_date: record.creation_date,
    };
    let aliases = key.aliases.iter().map(alias).collect();
    let grants = key.grants.iter().zip(parties.of_grants);
    let grants =
        grants.map(|(grant, principals)| grant_record(key, grant, principals, now)).collect::<Result<_, _>>()?;
    Ok(SeededKey { record: Arc::new(record), aliases, grants })
}

fn grant_record(
    key: &SeedKey,
    grant: &SeedGrant,
    principals: Vec<NamedPrincipal>,
    now: Timestamp,
) -> Result<GrantRecord, OpError> {
    Ok(GrantRecord {
        id: grant.id,
        key: key.arn,
        creation_date: grant.creation_date.unwrap_or(now),
        issuing_account: grant.issuing_account.unwrap_or(key.arn.account),
        terms: read_grant_terms(&grant.request)?,
        principals,
    })
}
