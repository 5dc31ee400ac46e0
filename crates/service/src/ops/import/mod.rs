//! Operations on key material that owners bring. The origin is asked before the state: note 9 of behaviours 5.3.

mod delete_imported_key_material;
mod get_parameters_for_import;
mod import_key_material;

pub(super) use delete_imported_key_material::DeleteImportedKeyMaterial;
pub(super) use get_parameters_for_import::GetParametersForImport;
pub(super) use import_key_material::ImportKeyMaterial;
