//! `ListKeyRotations`: the materials of a key, the newest first; by default those that a rotation made current.

use strongroom_core::family::Family;
use strongroom_core::generated::{ImportState, IncludeKeyMaterial, KeyMaterialState, OpName};
use strongroom_core::key::{KeyMaterial, KeyRecord};
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_rotates, model_of};
use crate::paging::Page;

const DEFAULT_LIMIT: usize = 100;

pub(crate) struct ListKeyRotations;

impl Operation for ListKeyRotations {
    const NAME: OpName = OpName::ListKeyRotations;
    type Input = kms::ListKeyRotationsInput;
    type Output = kms::ListKeyRotationsOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let record = key.resource();
        cx.check_state(record)?;
        check_rotates(record)?;
        let include = input.include_key_material.unwrap_or(IncludeKeyMaterial::RotationsOnly);
        let list = format!("{}/{include}", record.arn);
        let page = Page::read(cx, &list, input.limit, DEFAULT_LIMIT, input.marker.as_deref())?;

        let pending_state = pending_state(cx, record).await?;
        let mut found = page_of(&materials(record, pending_state, include), page.after(), page.fetch());
        let next_marker = page.end(&mut found, |(_, name)| name)?;
        Ok(kms::ListKeyRotationsOutput {
            rotations: Some(found.into_iter().map(|(entry, _)| entry).collect()),
            truncated: Some(next_marker.is_some()),
            next_marker,
        })
    }
}

/// A material and what is told of it.
type Listed<'a> = (&'a KeyMaterial, kms::RotationsListEntry);

/// The newest first: what is pending, then from the current material back to the first.
fn materials(record: &KeyRecord, pending_state: KeyMaterialState, include: IncludeKeyMaterial) -> Vec<Listed<'_>> {
    let pending = record.pending_material.iter().map(|material| (material, pending_state));
    let mut state = KeyMaterialState::Current;
    let associated = record
        .materials
        .iter()
        .rev()
        .map(|material| (material, std::mem::replace(&mut state, KeyMaterialState::NonCurrent)));
    let is_shown = |material: &KeyMaterial| match include {
        IncludeKeyMaterial::AllKeyMaterial => true,
        IncludeKeyMaterial::RotationsOnly => material.rotation.is_some(),
    };
    pending
        .chain(associated)
        .filter(|(material, _)| is_shown(material))
        .map(|(material, state)| (material, entry(record, material, state)))
        .collect()
}

/// Material of a multi-Region key waits until its relatives have it too.
async fn pending_state(cx: &Cx<'_>, record: &KeyRecord) -> Result<KeyMaterialState, OpError> {
    let relatives = match &record.pending_material {
        Some(_) => cx.keyring().relatives(record).await?,
        None => Vec::new(),
    };
    let relatives = relatives.iter().map(|relative| KeyRecord::clone(&relative.record)).collect();
    match Family::new(record.clone(), relatives).has_pending_material() {
        true => Ok(KeyMaterialState::PendingRotation),
        false => Ok(KeyMaterialState::PendingMultiRegionImportAndRotation),
    }
}

fn entry(record: &KeyRecord, material: &KeyMaterial, state: KeyMaterialState) -> kms::RotationsListEntry {
    let import = material.import.as_ref();
    let import_state = if material.wrapped.is_some() { ImportState::Imported } else { ImportState::PendingImport };
    let expiration = import.filter(|_| material.wrapped.is_some());
    kms::RotationsListEntry {
        key_id: Some(record.arn.key.to_string()),
        key_material_id: Some(material.id.to_string()),
        key_material_description: import.and_then(|import| import.description.clone()),
        import_state: import.map(|_| import_state),
        key_material_state: Some(state),
        expiration_model: expiration.map(|import| model_of(import.valid_to)),
        valid_to: material.expiry(),
        rotation_date: material.rotation.map(|rotation| rotation.date),
        rotation_type: material.rotation.map(|rotation| rotation.kind),
    }
}

/// The materials after the one whose id is `after`. Ids never come back, so a rotation between two pages moves nothing.
fn page_of(all: &[Listed<'_>], after: Option<&[u8]>, limit: usize) -> Vec<(kms::RotationsListEntry, Vec<u8>)> {
    let start = match after {
        None => 0,
        // A pending material that was dropped meanwhile stood before all others.
        Some(id) => all.iter().position(|(material, _)| material.id.0 == id).map_or(0, |at| at + 1),
    };
    all[start..].iter().take(limit).map(|(material, entry)| (entry.clone(), material.id.0.to_vec())).collect()
}
