//! `ImportKeyMaterial`: the owner's bytes become the key's material (behaviours 4.4, 8.3).
//!
//! A key keeps the material that it once had: what was deleted comes back as the same bytes or not at all. Only symmetric
//! encryption keys take further material, which waits for a rotation on demand.

use strongroom_core::family::Family;
use strongroom_core::generated::{ExpirationModelType, ImportType, KeySpec, OpName};
use strongroom_core::key::{Import, KeyMaterial, KeyRecord};
use strongroom_core::world::Timestamp;
use strongroom_crypto::cost::Work;
use strongroom_vault::ImportRequest;
use strongroom_wire::kms;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, KeyName, check_external, check_no_replica};

/// How far ahead an expiry may lie.
const VALID_TO_MAX_DAYS: i64 = 365;

pub(crate) struct ImportKeyMaterial;

impl Operation for ImportKeyMaterial {
    const NAME: OpName = OpName::ImportKeyMaterial;
    type Input = kms::ImportKeyMaterialInput;
    type Output = kms::ImportKeyMaterialOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Validate what needs no key.
        KeyName::refuse_alias(&input.key_id)?;
        let valid_to = valid_to(&input, cx.now)?;
        if input.import_type == Some(ImportType::NewKeyMaterial) && input.key_material_id.is_some() {
            return Err(OpError::invalid("KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL."));
        }

        // Authorize.
        let asked = Asked { expiration_model: input.expiration_model, valid_to, ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;

        // Validate what depends on the key.
        let record = key.resource();
        check_external(record)?;
        cx.check_state(record)?;
        let has_ids = record.rotates();
        if !has_ids && (input.key_material_description.is_some() || input.key_material_id.is_some()) {
            return Err(OpError::invalid(
                "KeyMaterialDescription and KeyMaterialId are only valid for symmetric encryption keys.",
            ));
        }

        // Execute.
        cx.keyring().ensure_account_key(record.arn.account).await?;
        let (vault, rng, now) = (cx.node.vault.clone(), cx.node.rng.clone(), cx.now);
        let kms::ImportKeyMaterialInput { import_token, encrypted_key_material, .. } = &input;
        let (token, wrapped) = (import_token.clone(), encrypted_key_material.clone());
        let unwrap = move || {
            let request = ImportRequest { token: &token, wrapped: &wrapped };
            let material = vault.import_material(&key, &request, now, &*rng);
            (key, material)
        };
        // What the token holds is not known yet: as much as the largest wrapping key costs.
        let (key, material) = cx.node.slow.run(KeySpec::Rsa4096, Work::Private, unwrap).await?;
        let brought = Brought {
            material: material?,
            import_type: input.import_type,
            id: input.key_material_id,
            import: Import { description: input.key_material_description, valid_to },
        };
        let id = brought.material.id;
        cx.keyring()
            .change_family(&key, |family| {
                cx.check_state(family.named())?;
                brought.clone().join(family)?;
                family.named_mut().settle_import();
                Ok(())
            })
            .await?;
        Ok(kms::ImportKeyMaterialOutput {
            key_id: Some(key.resource().arn.to_string()),
            key_material_id: has_ids.then(|| id.to_string()),
        })
    }
}

/// When the material expires, if it does.
fn valid_to(input: &kms::ImportKeyMaterialInput, now: Timestamp) -> Result<Option<Timestamp>, OpError> {
    let model = input.expiration_model.unwrap_or(ExpirationModelType::KeyMaterialExpires);
    match (model, input.valid_to) {
        (ExpirationModelType::KeyMaterialExpires, None) => {
            Err(OpError::invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"))
        }
        (ExpirationModelType::KeyMaterialExpires, Some(date)) if date <= now => {
            Err(OpError::invalid("The validTo date must be in the future"))
        }
        (ExpirationModelType::KeyMaterialExpires, Some(date)) if date > now.plus_days(VALID_TO_MAX_DAYS) => {
            Err(OpError::invalid("The validTo date must be within 365 days from now"))
        }
        (ExpirationModelType::KeyMaterialExpires, Some(date)) => Ok(Some(date)),
        (ExpirationModelType::KeyMaterialDoesNotExpire, None) => Ok(None),
        (ExpirationModelType::KeyMaterialDoesNotExpire, Some(_)) => Err(OpError::invalid(
            "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        )),
    }
}

/// Material that opened, and what its owner said about it.
#[derive(Clone)]
struct Brought {
    material: KeyMaterial,
    import_type: Option<ImportType>,
    id: Option<String>,
    import: Import,
}

impl Brought {
    /// Gives the material its place in the key.
    fn join(self, family: &mut Family) -> Result<(), OpError> {
        let is_first = family.named().materials.is_empty();
        let default_type = if is_first { ImportType::NewKeyMaterial } else { ImportType::ExistingKeyMaterial };
        match self.import_type.unwrap_or(default_type) {
            ImportType::NewKeyMaterial => self.join_as_new(family),
            ImportType::ExistingKeyMaterial => self.join_again(family.named_mut()),
        }
    }

    fn join_as_new(self, family: &mut Family) -> Result<(), OpError> {
        let record = family.named();
        // New material comes to the primary; its replicas then take the same.
        check_no_replica(record)?;
        if self.id.is_some() {
            return Err(OpError::invalid("KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL."));
        }
        if record.material(self.material.id).is_some() {
            return Err(OpError::IncorrectKeyMaterial);
        }
        let material = KeyMaterial { import: Some(self.import), ..self.material };
        if record.materials.is_empty() {
            family.named_mut().materials.push(material);
        } else if record.rotates() {
            // Material that waited and never was current gives way.
            family.set_pending_material(material);
        } else {
            return Err(OpError::IncorrectKeyMaterial);
        }
        Ok(())
    }

    fn join_again(self, record: &mut KeyRecord) -> Result<(), OpError> {
        let id = self.material.id;
        if self.id.is_some_and(|named| named != id.to_string()) {
            return Err(OpError::IncorrectKeyMaterial);
        }
        let mut known = record.materials.iter_mut().chain(&mut record.pending_material);
        let known = known.find(|known| known.id == id).ok_or(OpError::IncorrectKeyMaterial)?;
        let before = known.import.take().unwrap_or_default();
        known.wrapped = self.material.wrapped;
        known.import = Some(Import { description: self.import.description.or(before.description), ..self.import });
        Ok(())
    }
}
