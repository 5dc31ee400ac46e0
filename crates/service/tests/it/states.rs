//! What each offered operation does with a key in each state that a key can be brought to, through the wire.

use serde_json::json;
use strongroom_core::generated::{KeySpec, KeyState, KeyUsage, OpName};
use strongroom_core::state::{Admission, admit};

use crate::fixtures::{blob, smallest};
use crate::import::{MATERIAL, import_request, imported_key};
use crate::kms::{TestKey, TestKms, expect_code};

const STATES: [KeyState; 4] =
    [KeyState::Enabled, KeyState::Disabled, KeyState::PendingDeletion, KeyState::PendingImport];

fn bring_to(kms: &TestKms, key: &TestKey, state: KeyState) {
    match state {
        KeyState::Enabled => {}
        KeyState::Disabled => drop(kms.with_key(key, OpName::DisableKey, &json!({})).unwrap()),
        KeyState::PendingDeletion => drop(kms.with_key(key, OpName::ScheduleKeyDeletion, &json!({})).unwrap()),
        // Every key of these tests can be brought there, which holds the material until then.
        KeyState::PendingImport => drop(kms.with_key(key, OpName::DeleteImportedKeyMaterial, &json!({})).unwrap()),
        KeyState::PendingReplicaDeletion | KeyState::Unavailable | KeyState::Creating | KeyState::Updating => {
            unreachable!("not a state of these tests")
        }
    }
    let metadata = kms.with_key(key, OpName::DescribeKey, &json!({})).unwrap();
    assert_eq!(metadata["KeyMetadata"]["KeyState"], state.as_str());
    assert_eq!(metadata["KeyMetadata"]["Enabled"], json!(state == KeyState::Enabled));
    assert_eq!(metadata["KeyMetadata"].get("DeletionDate").is_some(), state == KeyState::PendingDeletion);
}

/// A key that the operation is for, and the rest of a request that succeeds on it while it is enabled.
#[expect(clippy::wildcard_enum_match_arm, reason = "the number of cells is asserted where this is used")]
fn key_for(kms: &TestKms, op: OpName, state: KeyState) -> Option<(TestKey, serde_json::Value)> {
    let is_for_imports =
        matches!(op, OpName::GetParametersForImport | OpName::ImportKeyMaterial | OpName::DeleteImportedKeyMaterial);
    let make = |spec, usage| match state == KeyState::PendingImport || is_for_imports {
        true => imported_key(kms, spec, usage),
        false => kms.create_key(spec, usage),
    };
    let symmetric = || make(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let signing = || make(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let mac = || make(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let kem = || make(KeySpec::MlKem768, KeyUsage::EncapsulateDecapsulate);
    let request = smallest(op, "");
    let (key, request) = match op {
        OpName::Encrypt
        | OpName::GenerateDataKey
        | OpName::GenerateDataKeyWithoutPlaintext
        | OpName::GenerateDataKeyPair
        | OpName::GenerateDataKeyPairWithoutPlaintext
        | OpName::DescribeKey
        | OpName::EnableKey
        | OpName::DisableKey
        | OpName::ScheduleKeyDeletion
        | OpName::CancelKeyDeletion
        | OpName::CreateGrant
        | OpName::GetKeyPolicy
        | OpName::ListGrants
        | OpName::ListKeyPolicies
        | OpName::ListResourceTags
        | OpName::PutKeyPolicy
        | OpName::TagResource
        | OpName::UntagResource
        | OpName::EnableKeyRotation
        | OpName::DisableKeyRotation
        | OpName::GetKeyRotationStatus
        | OpName::ListKeyRotations
        | OpName::GetKeyLastUsage
        | OpName::GetParametersForImport
        | OpName::DeleteImportedKeyMaterial
        | OpName::UpdateKeyDescription => (symmetric(), request),
        OpName::RotateKeyOnDemand => {
            let key = symmetric();
            if state == KeyState::PendingImport {
                let mut import = import_request(kms, &key, &[9; 32]);
                import["ImportType"] = json!("NEW_KEY_MATERIAL");
                kms.with_key(&key, OpName::ImportKeyMaterial, &import).unwrap();
            }
            (key, request)
        }
        OpName::RetireGrant | OpName::RevokeGrant => {
            let key = symmetric();
            let grant = kms.with_key(&key, OpName::CreateGrant, &smallest(OpName::CreateGrant, "")).unwrap();
            (key, json!({"GrantId": grant["GrantId"]}))
        }
        OpName::ImportKeyMaterial => {
            let key = symmetric();
            let request = import_request(kms, &key, &MATERIAL);
            (key, request)
        }
        OpName::Decrypt => {
            let key = symmetric();
            let made = kms.with_key(&key, OpName::Encrypt, &smallest(OpName::Encrypt, "")).unwrap();
            (key, json!({"CiphertextBlob": made["CiphertextBlob"]}))
        }
        OpName::GetPublicKey | OpName::Sign => (signing(), request),
        OpName::Verify => {
            let key = signing();
            let made = kms.with_key(&key, OpName::Sign, &smallest(OpName::Sign, "")).unwrap();
            let mut request = request;
            request["Signature"] = made["Signature"].clone();
            (key, request)
        }
        OpName::GenerateMac => (mac(), request),
        OpName::VerifyMac => {
            let key = mac();
            let made = kms.with_key(&key, OpName::GenerateMac, &smallest(OpName::GenerateMac, "")).unwrap();
            let mut request = request;
            request["Mac"] = made["Mac"].clone();
            (key, request)
        }
        OpName::DeriveSharedSecret => {
            let key = make(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
            let peer = make(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
            let peer = kms.with_key(&peer, OpName::GetPublicKey, &json!({})).unwrap();
            (key, json!({"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer["PublicKey"]}))
        }
        OpName::Encapsulate => (kem(), request),
        OpName::Decapsulate => {
            (kem(), json!({"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob(&[0; 1088])}))
        }
        _ => return None,
    };
    Some((key, request))
}

#[test]
fn state_decides_what_a_key_does() {
    let mut cells = 0;
    for op in OpName::ALL {
        for state in STATES {
            let kms = TestKms::new();
            let Some((key, request)) = key_for(&kms, *op, state) else { continue };
            bring_to(&kms, &key, state);
            let is_unsupported = state == KeyState::PendingImport
                && matches!(op, OpName::EnableKeyRotation | OpName::DisableKeyRotation);
            let code = match admit(*op, state) {
                // A key that waits for an import is of an origin that does not rotate by itself.
                Admission::Admit if is_unsupported => Some("UnsupportedOperationException"),
                Admission::Admit => None,
                Admission::Disabled => Some("DisabledException"),
                Admission::InvalidState => Some("KMSInvalidStateException"),
            };
            let answer = kms.with_key(&key, *op, &request);
            expect_code(&answer, code, &format!("{op} in {state}"));
            if let Err((_, message)) = answer {
                let words = match (*op, state) {
                    _ if is_unsupported => "origin is EXTERNAL which is not valid for this operation.",
                    (OpName::CancelKeyDeletion, _) => "is not pending deletion.",
                    (_, KeyState::Disabled) => "is disabled.",
                    (_, KeyState::PendingImport) => "is pending import.",
                    _ => "is pending deletion.",
                };
                assert_eq!(message, Some(format!("{} {words}", key.arn)));
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 39 * STATES.len());
}

#[test]
fn deletion_can_be_cancelled_and_leaves_the_key_disabled() {
    let kms = TestKms::new();
    let key = kms.create_key(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let scheduled = kms.with_key(&key, OpName::ScheduleKeyDeletion, &json!({"PendingWindowInDays": 7})).unwrap();
    assert_eq!(scheduled["KeyId"], json!(key.arn));
    assert_eq!(scheduled["KeyState"], "PendingDeletion");
    assert_eq!(scheduled["PendingWindowInDays"], 7);
    assert_eq!(scheduled["DeletionDate"].as_f64(), Some(1_790_000_000.123 + 7.0 * 86_400.0));
    let cancelled = kms.with_key(&key, OpName::CancelKeyDeletion, &json!({})).unwrap();
    assert_eq!(cancelled, json!({"KeyId": key.arn}));
    bring_to(&kms, &key, KeyState::Disabled);
    for days in [6, 31] {
        let body = json!({"PendingWindowInDays": days});
        expect_code(&kms.with_key(&key, OpName::ScheduleKeyDeletion, &body), Some("ValidationException"), "window");
    }
}
