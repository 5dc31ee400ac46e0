//! `DeleteImportedKeyMaterial`: the bytes go at once; the key waits until its owner brings the same bytes again.

use strongroom_core::family::Family;
use strongroom_core::generated::OpName;
use strongroom_core::ids::KeyMaterialId;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_external};

pub(crate) struct DeleteImportedKeyMaterial;

impl Operation for DeleteImportedKeyMaterial {
    const NAME: OpName = OpName::DeleteImportedKeyMaterial;
    type Input = kms::DeleteImportedKeyMaterialInput;
    type Output = kms::DeleteImportedKeyMaterialOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::KeyOnly, None).await?;
        let named = input.key_material_id.as_deref();
        let deleted = cx
            .keyring()
            .change_family(&key, |family| {
                check_external(family.named())?;
                cx.check_state(family.named())?;
                delete(family, named)
            })
            .await?;
        let record = key.resource();
        if let Some(id) = deleted {
            cx.vault().forget_material(&record.arn, id);
        }
        Ok(kms::DeleteImportedKeyMaterialOutput {
            key_id: Some(record.arn.to_string()),
            key_material_id: deleted.filter(|_| record.rotates()).map(|id| id.to_string()),
        })
    }
}

/// Deletes the named material, or the current one; a key that never had any stays as it is.
fn delete(family: &mut Family, named: Option<&str>) -> Result<Option<KeyMaterialId>, OpError> {
    let id = match named {
        None => match family.named().current_material() {
            Some(current) => current.id,
            None => return Ok(None),
        },
        Some(named) => named.parse().map_err(|_| no_such_material(named))?,
    };
    if family.delete_material(id) { Ok(Some(id)) } else { Err(no_such_material(&id.to_string())) }
}

fn no_such_material(id: &str) -> OpError {
    OpError::NotFound(format!("Key material '{id}' does not exist"))
}
