//! The form of a seed file. Its JSON Schema, `docs/seed-schema.json`, is made from these types.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;
use strongroom_core::generated::{GrantOperation, KeySpec, KeyUsage};

use super::fault::FaultText;
use crate::config::SecretText;

/// What a `strongroom dev` begins with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedText {
    /// Accounts, and who belongs to them.
    #[serde(default)]
    pub(super) accounts: Vec<AccountText>,
    /// Keys, with their aliases and grants.
    #[serde(default)]
    pub(super) keys: Vec<KeyText>,
    /// Fault rules that are in force from the start.
    #[serde(default)]
    pub(super) faults: Vec<FaultText>,
}

/// A key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyText {
    /// A UUID in lower case, or `mrk-` and 32 hex digits for a multi-Region primary key.
    pub(super) id: String,
    /// Twelve digits. Without it, 000000000000.
    pub(super) account: Option<String>,
    /// Without it, us-east-1.
    pub(super) region: Option<String>,
    /// Without it, SYMMETRIC_DEFAULT.
    #[serde(default)]
    #[schemars(schema_with = "key_spec")]
    pub(super) spec: Option<String>,
    /// Needed where the spec has several usages.
    #[serde(default)]
    #[schemars(schema_with = "key_usage")]
    pub(super) usage: Option<String>,
    /// Without it, AWS_KMS.
    #[serde(default)]
    #[schemars(schema_with = "origin")]
    pub(super) origin: Option<String>,
    /// Free text.
    pub(super) description: Option<String>,
    /// Without it, Enabled.
    #[serde(default)]
    #[schemars(schema_with = "state")]
    pub(super) state: Option<String>,
    /// How long a key with the state PendingDeletion waits, from when it is seeded: 7 to 30. Without it, 30.
    pub(super) pending_window_days: Option<u32>,
    /// In ISO 8601. Without it, when it is seeded.
    pub(super) creation_date: Option<String>,
    /// How often the key rotates by itself, 90 to 2560. Without it, it does not.
    pub(super) rotation_period_days: Option<u32>,
    /// Names that begin with `alias/`.
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    /// Keys and values.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// The key policy, as the text of a JSON document or as a table. Without it, the default policy.
    pub(super) policy: Option<DocumentText>,
    /// The one material of the key. Without material, fresh material is made; with origin EXTERNAL it is waited for.
    pub(super) material: Option<MaterialText>,
    /// All materials, the oldest first; the last one encrypts.
    pub(super) materials: Option<Vec<MaterialText>>,
    /// Grants.
    #[serde(default)]
    pub(super) grants: Vec<GrantText>,
}

/// Key material, in one of four forms.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaterialText {
    /// Bare bytes: a symmetric or HMAC key, the scalar of an elliptic curve, the seed of Ed25519, ML-DSA or ML-KEM; or DER PKCS#8.
    #[schemars(with = "Option<String>")]
    pub(super) hex: Option<SecretText>,
    /// The same bytes in base64.
    #[schemars(with = "Option<String>")]
    pub(super) base64: Option<SecretText>,
    /// An unencrypted PKCS#8 private key, as `openssl genpkey` writes it.
    #[schemars(with = "Option<String>")]
    pub(super) pem: Option<SecretText>,
    /// A private JSON Web Key.
    pub(super) jwk: Option<JwkText>,
    /// When the key was rotated to this material, in ISO 8601. Not for the first one.
    pub(super) rotation_date: Option<String>,
    /// Who rotated. Without it, AUTOMATIC.
    #[serde(default)]
    #[schemars(schema_with = "rotation_type")]
    pub(super) rotation_type: Option<String>,
    /// What its owner says of it; for origin EXTERNAL.
    pub(super) description: Option<String>,
    /// When it expires, in ISO 8601; for origin EXTERNAL.
    pub(super) valid_to: Option<String>,
}

/// A private JSON Web Key (RFC 7517, RFC 7518, RFC 8037, and AKP for ML-DSA and ML-KEM). What is not material is ignored.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct JwkText {
    /// oct, RSA, EC, OKP or AKP.
    pub(super) kty: String,
    /// The curve of EC and OKP.
    pub(super) crv: Option<String>,
    /// The bytes of oct.
    #[schemars(with = "Option<String>")]
    pub(super) k: Option<SecretText>,
    /// The private number of RSA, EC and OKP.
    #[schemars(with = "Option<String>")]
    pub(super) d: Option<SecretText>,
    /// The seed of AKP.
    #[serde(rename = "priv")]
    #[schemars(with = "Option<String>")]
    pub(super) private: Option<SecretText>,
    /// The public key of AKP; it is compared.
    #[serde(rename = "pub")]
    pub(super) public: Option<String>,
    /// The public key of EC and OKP; it is compared.
    pub(super) x: Option<String>,
    /// The same for EC.
    pub(super) y: Option<String>,
    /// The modulus of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) n: Option<SecretText>,
    /// The public exponent of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) e: Option<SecretText>,
    /// The first factor of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) p: Option<SecretText>,
    /// The second factor of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) q: Option<SecretText>,
    /// The first exponent of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) dp: Option<SecretText>,
    /// The second exponent of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) dq: Option<SecretText>,
    /// The coefficient of RSA.
    #[schemars(with = "Option<String>")]
    pub(super) qi: Option<SecretText>,
}

/// A grant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantText {
    /// 64 hex digits in lower case.
    pub(super) id: String,
    /// 1 to 256 characters.
    pub(super) name: Option<String>,
    /// Who may use it: an ARN.
    pub(super) grantee_principal: Option<String>,
    /// Who may use it: the name of a service.
    pub(super) grantee_service_principal: Option<String>,
    /// Who may retire it: an ARN.
    pub(super) retiring_principal: Option<String>,
    /// Who may retire it: the name of a service.
    pub(super) retiring_service_principal: Option<String>,
    /// What it allows.
    #[schemars(schema_with = "grant_operations")]
    pub(super) operations: Vec<String>,
    /// The encryption context of a request must be exactly this.
    pub(super) encryption_context_equals: Option<BTreeMap<String, String>>,
    /// The encryption context of a request must have these pairs.
    pub(super) encryption_context_subset: Option<BTreeMap<String, String>>,
    /// The request must come on behalf of this resource.
    pub(super) source_arn: Option<String>,
    /// The account that made it. Without it, the key's own.
    pub(super) issuing_account: Option<String>,
    /// In ISO 8601. Without it, when it is seeded.
    pub(super) creation_date: Option<String>,
}

/// An account, and who belongs to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountText {
    /// Twelve digits.
    pub(super) id: String,
    /// Access keys of the root user.
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyText>,
    /// Managed policies of the account.
    #[serde(default)]
    pub(super) policies: Vec<PolicyText>,
    /// Groups.
    #[serde(default)]
    pub(super) groups: Vec<GroupText>,
    /// Users.
    #[serde(default)]
    pub(super) users: Vec<UserText>,
    /// Roles.
    #[serde(default)]
    pub(super) roles: Vec<RoleText>,
}

/// An access key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessKeyText {
    /// 1 to 128 letters, digits or underscores.
    pub(super) id: String,
    /// What signs.
    #[schemars(with = "String")]
    pub(super) secret: SecretText,
}

/// A policy with a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyText {
    /// 1 to 128 characters.
    pub(super) name: String,
    /// The text of a JSON document, or a table.
    pub(super) document: DocumentText,
}

/// A group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupText {
    /// 1 to 128 characters.
    pub(super) name: String,
    /// Managed policies: names of the account's own, or ARNs.
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// Policies of its own.
    #[serde(default)]
    pub(super) inline_policies: Vec<PolicyText>,
}

/// A user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserText {
    /// 1 to 64 characters.
    pub(super) name: String,
    /// Without it, `/`.
    pub(super) path: Option<String>,
    /// Keys and values.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// Managed policies: names of the account's own, or ARNs.
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// Policies of its own.
    #[serde(default)]
    pub(super) inline_policies: Vec<PolicyText>,
    /// A managed policy: the name of one of the account's own, or an ARN.
    pub(super) permissions_boundary: Option<String>,
    /// Groups of the account.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// What signs for it.
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyText>,
}

/// A role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleText {
    /// 1 to 64 characters.
    pub(super) name: String,
    /// Without it, `/`.
    pub(super) path: Option<String>,
    /// Free text.
    pub(super) description: Option<String>,
    /// 3600 to 43200. Without it, 3600.
    pub(super) max_session_seconds: Option<u32>,
    /// Who may assume it.
    pub(super) trust_policy: DocumentText,
    /// Keys and values.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// Managed policies: names of the account's own, or ARNs.
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// Policies of its own.
    #[serde(default)]
    pub(super) inline_policies: Vec<PolicyText>,
    /// A managed policy: the name of one of the account's own, or an ARN.
    pub(super) permissions_boundary: Option<String>,
}

/// A policy document: the text of a JSON document, or a table of the file.
#[derive(Debug)]
pub(super) struct DocumentText(pub(super) String);

impl<'de> Deserialize<'de> for DocumentText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            table @ serde_json::Value::Object(_) => Ok(Self(table.to_string())),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::Array(_) => {
                Err(serde::de::Error::custom("the text of a policy document, or a table, is needed"))
            }
        }
    }
}

impl JsonSchema for DocumentText {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "object"], "description": "A policy document: its JSON text, or a table."})
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> Schema {
    let names: Vec<&str> = names.collect();
    json_schema!({"type": "string", "enum": names})
}

fn key_spec(_: &mut SchemaGenerator) -> Schema {
    one_of(KeySpec::ALL.iter().map(|spec| spec.as_str()))
}

fn key_usage(_: &mut SchemaGenerator) -> Schema {
    one_of(KeyUsage::ALL.iter().map(|usage| usage.as_str()))
}

fn origin(_: &mut SchemaGenerator) -> Schema {
    one_of(["AWS_KMS", "EXTERNAL"].into_iter())
}

fn state(_: &mut SchemaGenerator) -> Schema {
    one_of(["Enabled", "Disabled", "PendingDeletion"].into_iter())
}

fn rotation_type(_: &mut SchemaGenerator) -> Schema {
    one_of(["AUTOMATIC", "ON_DEMAND"].into_iter())
}

fn grant_operations(_: &mut SchemaGenerator) -> Schema {
    let one = one_of(GrantOperation::ALL.iter().map(|operation| operation.as_str()));
    json_schema!({"type": "array", "items": one, "minItems": 1})
}

/// The JSON Schema of seed files, as `docs/seed-schema.json` has it.
pub(crate) fn schema() -> String {
    let schema = schemars::schema_for!(SeedText);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
