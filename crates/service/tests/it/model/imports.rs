//! Material that is brought and taken away again.

use std::sync::LazyLock;

use serde_json::{Value, json};
use strongroom_core::generated::{KeySpec, OpName};
use strongroom_crypto::material::{Material, SymmetricSuite};
use strongroom_crypto::rng::SystemRng;

use super::Difference;
use super::driver::{Driver, learn, millis, same, seconds};
use super::reference::{Brought, DAY};
use super::steps::{BYTES, Import, Named, TokenChoice};
use crate::fixtures::{blob, bytes};
use crate::import::wrap_for;

/// Key pairs that are imported.
static PAIRS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let make = |_| {
        let pair = Material::generate(KeySpec::EccNistP256, SymmetricSuite::Aes, &SystemRng).unwrap();
        pair.private_key_pkcs8().unwrap().expose().to_vec()
    };
    (1..BYTES).map(make).collect()
});

/// What an owner got to wrap material with.
#[derive(Clone)]
pub(super) struct Token {
    parameters: Value,
    valid_to: i64,
}

impl Driver {
    /// Parameters for an import into `key`; those of the last time unless `fresh`.
    fn token(&mut self, key: usize, fresh: bool) -> Result<Option<Token>, Difference> {
        if let Some(token) = self.tokens.get(&key).filter(|_| !fresh) {
            return Ok(Some(token.clone()));
        }
        let (algorithm, spec) = self.wrapping;
        let body = json!({"KeyId": self.id(key), "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec});
        let rule = self.reference.get_parameters_for_import(key);
        let Some((parameters, ())) = self.agree(self.at(key), OpName::GetParametersForImport, &body, rule)? else {
            return Ok(None);
        };
        let valid_to = self.reference.now + DAY;
        same("ParametersValidTo", &millis(&parameters["ParametersValidTo"]), &Some(valid_to))?;
        let token = Token { parameters, valid_to };
        self.tokens.insert(key, token.clone());
        Ok(Some(token))
    }

    pub(super) fn import(&mut self, key: usize, import: Import) -> Result<(), Difference> {
        let from = match import.token {
            TokenChoice::Foreign => self.reference.keys.len() - 1,
            TokenChoice::Fresh | TokenChoice::Again | TokenChoice::Garbage => key,
        };
        let is_garbage = import.token == TokenChoice::Garbage;
        let token = match is_garbage {
            true => None,
            false => self.token(from, import.token == TokenChoice::Fresh)?,
        };
        // A key that gives no parameters refuses the import before it looks at the token.
        let refused = || Err("InvalidImportTokenException");
        let token_rule = match &token {
            None => refused(),
            Some(_) if from != key => refused(),
            Some(token) if token.valid_to <= self.reference.now => Err("ExpiredImportTokenException"),
            Some(_) => Ok(()),
        };
        let identity = self.bytes_to_import(key, import.bytes);
        let (sent_token, wrapped) = match &token {
            None => (blob(b"no token"), blob(b"nothing")),
            Some(Token { parameters, .. }) => {
                let wrapped = wrap_for(self.wrapping, &bytes(&parameters["PublicKey"]), &identity);
                (parameters["ImportToken"].clone(), blob(&wrapped))
            }
        };
        let named = self.named(key, import.named);
        let valid_to = import.valid_hours.map(|hours| self.reference.now + hours * 3_600_000);
        let description = import.description.map(|number| format!("material {number}"));

        let model = if valid_to.is_some() { "KEY_MATERIAL_EXPIRES" } else { "KEY_MATERIAL_DOES_NOT_EXPIRE" };
        let mut body = json!({
            "KeyId": self.id(key), "ImportToken": sent_token, "EncryptedKeyMaterial": wrapped, "ExpirationModel": model,
        });
        let import_type = import.is_new.map(|is_new| if is_new { "NEW_KEY_MATERIAL" } else { "EXISTING_KEY_MATERIAL" });
        for (member, value) in [
            ("ImportType", import_type.map(Value::from)),
            ("ValidTo", valid_to.map(seconds)),
            ("KeyMaterialId", named.clone().map(Value::from)),
            ("KeyMaterialDescription", description.clone().map(Value::from)),
        ] {
            if let Some(value) = value {
                body[member] = value;
            }
        }
        let rule = self.reference.import_key_material(
            key,
            Brought {
                identity: (import.bytes < BYTES - 1).then_some(identity),
                token: token_rule,
                is_new: import.is_new,
                valid_to,
                named,
                description,
            },
        );
        let Some((answer, place)) = self.agree(self.at(key), OpName::ImportKeyMaterial, &body, rule)? else {
            return Ok(());
        };
        let key = &mut self.reference.keys[key];
        let has_ids = key.is_symmetric();
        same("KeyMaterialId", &answer.get("KeyMaterialId").is_some(), &has_ids)?;
        let material = key.at_mut(place).ok_or("the material that was imported")?;
        if has_ids { learn(&mut material.id, &answer["KeyMaterialId"]) } else { Ok(()) }
    }

    /// Material for a key of this spec; the last choice is of no use to any.
    fn bytes_to_import(&self, key: usize, choice: u8) -> Vec<u8> {
        if choice == BYTES - 1 {
            return vec![7; 33];
        }
        let spec = self.reference.keys[key].kind.spec;
        if spec == KeySpec::EccNistP256 {
            return PAIRS[usize::from(choice)].clone();
        }
        let is_short = spec == KeySpec::SymmetricDefault && self.region.starts_with("cn-");
        vec![choice + 1; if is_short { 16 } else { 32 }]
    }

    /// The id that a call names.
    fn named(&self, key: usize, named: Named) -> Option<String> {
        let key = &self.reference.keys[key];
        let known = match named {
            Named::Nothing => return None,
            Named::Material(at) => key.materials.get(usize::from(at)).and_then(|material| material.id.clone()),
            Named::Pending => key.pending.as_ref().and_then(|material| material.id.clone()),
            Named::Unknown => None,
        };
        Some(known.unwrap_or_else(|| "0".repeat(64)))
    }

    pub(super) fn delete_material(&mut self, key: usize, named: Named) -> Result<(), Difference> {
        let named = self.named(key, named);
        let mut body = json!({"KeyId": self.id(key)});
        if let Some(id) = &named {
            body["KeyMaterialId"] = json!(id);
        }
        let rule = self.reference.delete_imported_key_material(key, named.as_deref());
        let Some((answer, id)) = self.agree(self.at(key), OpName::DeleteImportedKeyMaterial, &body, rule)? else {
            return Ok(());
        };
        same("KeyMaterialId", &answer.get("KeyMaterialId").cloned(), &id.map(Value::from))
    }
}
