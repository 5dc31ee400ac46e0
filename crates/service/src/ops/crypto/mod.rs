//! Cryptographic operations.

mod decapsulate;
mod decrypt;
mod derive_shared_secret;
mod encapsulate;
mod encrypt;
mod generate_data_key;
mod generate_data_key_pair;
mod generate_data_key_pair_without_plaintext;
mod generate_data_key_without_plaintext;
mod generate_mac;
mod generate_random;
mod get_public_key;
mod re_encrypt;
mod sign;
mod verify;
mod verify_mac;

use std::collections::BTreeMap;

use strongroom_core::generated::{DryRunModifierType, EncryptionAlgorithmSpec};
use strongroom_core::key::KeyRecord;
use strongroom_core::{ids::KeyMaterialId, spec};
use strongroom_vault::blob::encode_context;
use strongroom_wire::kms;

pub(super) use decapsulate::Decapsulate;
pub(super) use decrypt::Decrypt;
pub(super) use derive_shared_secret::DeriveSharedSecret;
pub(super) use encapsulate::Encapsulate;
pub(super) use encrypt::Encrypt;
pub(super) use generate_data_key::GenerateDataKey;
pub(super) use generate_data_key_pair::GenerateDataKeyPair;
pub(super) use generate_data_key_pair_without_plaintext::GenerateDataKeyPairWithoutPlaintext;
pub(super) use generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
pub(super) use generate_mac::GenerateMac;
pub(super) use generate_random::GenerateRandom;
pub(super) use get_public_key::GetPublicKey;
pub(super) use re_encrypt::ReEncrypt;
pub(super) use sign::Sign;
pub(super) use verify::Verify;
pub(super) use verify_mac::VerifyMac;

use crate::error::OpError;

/// The canonical encoding of a request's encryption context; absent and empty are the same.
pub(crate) fn context_bytes(context: Option<&BTreeMap<String, String>>) -> Vec<u8> {
    match context {
        Some(context) => encode_context(context.iter()),
        None => encode_context([].into_iter()),
    }
}

/// Refuses an algorithm that is not one of the key's.
pub(crate) fn check_encryption_algorithm(key: &KeyRecord, algorithm: EncryptionAlgorithmSpec) -> Result<(), OpError> {
    if spec::facts(key.spec).encryption.contains(&algorithm) {
        Ok(())
    } else {
        Err(OpError::WrongAlgorithm { algorithm: algorithm.as_str(), spec: key.spec })
    }
}

/// An encryption context belongs to symmetric encryption alone.
pub(crate) fn check_context(
    algorithm: EncryptionAlgorithmSpec,
    context: Option<&BTreeMap<String, String>>,
) -> Result<(), OpError> {
    let symmetric = algorithm == EncryptionAlgorithmSpec::SymmetricDefault;
    if symmetric || context.is_none_or(BTreeMap::is_empty) {
        Ok(())
    } else {
        Err(OpError::invalid("An encryption context can only be used with a symmetric encryption key."))
    }
}

/// The material's id, for keys whose ids the API shows.
pub(crate) fn shown_material_id(key: &KeyRecord, id: KeyMaterialId) -> Option<String> {
    key.shows_material_ids().then(|| id.to_string())
}

/// A caller that wants its plaintext for an enclave alone must not get it in the clear.
fn refuse_recipient(recipient: Option<&kms::RecipientInfo>) -> Result<(), OpError> {
    match recipient {
        Some(_) => Err(OpError::Unsupported(Some("Recipient is not supported by this service.".into()))),
        None => Ok(()),
    }
}

/// What a request with `DryRunModifiers` asks for (behaviours 16.1).
///
/// # Errors
/// Modifiers without `DryRun`, a missing ciphertext, or a missing key id where the ciphertext cannot name the key.
fn ignores_ciphertext(
    dry_run: Option<bool>,
    modifiers: Option<&[DryRunModifierType]>,
    has_ciphertext: bool,
    key_id: (&str, bool),
) -> Result<bool, OpError> {
    let modifiers = modifiers.unwrap_or_default();
    if !modifiers.is_empty() && dry_run != Some(true) {
        return Err(OpError::invalid("DryRunModifiers can only be specified when DryRun is true."));
    }
    let ignores = modifiers.contains(&DryRunModifierType::IgnoreCiphertext);
    let (key_member, has_key) = key_id;
    if ignores && !has_key {
        return Err(missing(key_member));
    }
    if !ignores && !has_ciphertext {
        return Err(missing("ciphertextBlob"));
    }
    Ok(ignores)
}

/// A member that is needed here though the shape does not say so, in the words of the shape.
fn missing(member: &str) -> OpError {
    OpError::Invalid(
        format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        )
        .into(),
    )
}

/// Ends a dry run that came as far as the result.
pub(crate) fn end_dry_run(dry_run: Option<bool>) -> Result<(), OpError> {
    if dry_run == Some(true) { Err(OpError::DryRun) } else { Ok(()) }
}
