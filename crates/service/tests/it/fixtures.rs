//! The smallest well-formed request of every operation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_core::generated::OpName;

/// Bytes as the API carries them.
pub(crate) fn blob(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

/// The bytes of a member.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// A policy document.
pub(crate) fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The statement of the default policy: the owner's account decides.
pub(crate) fn allow_account() -> Value {
    allow("arn:aws:iam::111122223333:root", "kms:*")
}

/// A statement that allows `action` to `principal`.
pub(crate) fn allow(principal: &str, action: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
}

/// A request that passes all constraints of `op` and names `key` wherever it names one.
pub(crate) fn smallest(op: OpName, key: &str) -> Value {
    match op {
        OpName::CancelKeyDeletion
        | OpName::DescribeKey
        | OpName::DisableKey
        | OpName::DisableKeyRotation
        | OpName::EnableKey
        | OpName::EnableKeyRotation
        | OpName::GetKeyLastUsage
        | OpName::GetKeyPolicy
        | OpName::GetKeyRotationStatus
        | OpName::GetPublicKey
        | OpName::ListGrants
        | OpName::ListKeyPolicies
        | OpName::ListKeyRotations
        | OpName::ListResourceTags
        | OpName::RotateKeyOnDemand
        | OpName::ScheduleKeyDeletion
        | OpName::DeleteImportedKeyMaterial => json!({"KeyId": key}),
        OpName::ConnectCustomKeyStore | OpName::DeleteCustomKeyStore | OpName::DisconnectCustomKeyStore => {
            json!({"CustomKeyStoreId": "cks-1234567890abcdef0"})
        }
        OpName::UpdateCustomKeyStore => json!({"CustomKeyStoreId": "cks-1234567890abcdef0"}),
        OpName::CreateCustomKeyStore => json!({"CustomKeyStoreName": "store"}),
        OpName::DescribeCustomKeyStores | OpName::CreateKey | OpName::ListKeys | OpName::ListAliases => json!({}),
        OpName::ListRetirableGrants => json!({"RetiringPrincipal": "arn:aws:iam::111122223333:user/alice"}),
        OpName::CreateAlias | OpName::UpdateAlias => json!({"AliasName": "alias/app", "TargetKeyId": key}),
        OpName::DeleteAlias => json!({"AliasName": "alias/app"}),
        OpName::CreateGrant => json!({
            "KeyId": key, "GranteePrincipal": "arn:aws:iam::111122223333:user/alice", "Operations": ["Decrypt"]
        }),
        OpName::RetireGrant | OpName::RevokeGrant => json!({"KeyId": key, "GrantId": "0".repeat(64)}),
        OpName::Encrypt => json!({"KeyId": key, "Plaintext": blob(b"x")}),
        OpName::Decrypt => json!({"KeyId": key, "CiphertextBlob": blob(b"x")}),
        OpName::ReEncrypt => {
            json!({"SourceKeyId": key, "DestinationKeyId": key, "CiphertextBlob": blob(b"x")})
        }
        OpName::GenerateDataKey | OpName::GenerateDataKeyWithoutPlaintext => {
            json!({"KeyId": key, "KeySpec": "AES_256"})
        }
        OpName::GenerateDataKeyPair | OpName::GenerateDataKeyPairWithoutPlaintext => {
            json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"})
        }
        OpName::GenerateRandom => json!({"NumberOfBytes": 1}),
        OpName::GenerateMac => json!({"KeyId": key, "Message": blob(b"x"), "MacAlgorithm": "HMAC_SHA_256"}),
        OpName::VerifyMac => {
            json!({"KeyId": key, "Message": blob(b"x"), "MacAlgorithm": "HMAC_SHA_256", "Mac": blob(b"x")})
        }
        OpName::Sign => json!({"KeyId": key, "Message": blob(b"x"), "SigningAlgorithm": "ECDSA_SHA_256"}),
        OpName::Verify => {
            json!({"KeyId": key, "Message": blob(b"x"), "SigningAlgorithm": "ECDSA_SHA_256", "Signature": blob(b"x")})
        }
        OpName::DeriveSharedSecret => {
            json!({"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": blob(b"x")})
        }
        OpName::Encapsulate => json!({"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}),
        OpName::Decapsulate => json!({
            "KeyId": key, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob(b"x")
        }),
        OpName::GetParametersForImport => {
            json!({"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
        }
        OpName::ImportKeyMaterial => {
            json!({
                "KeyId": key, "ImportToken": blob(b"x"), "EncryptedKeyMaterial": blob(b"x"),
                "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"
            })
        }
        OpName::PutKeyPolicy => json!({"KeyId": key, "Policy": policy(&[allow_account()])}),
        OpName::ReplicateKey => json!({"KeyId": key, "ReplicaRegion": "eu-west-1"}),
        OpName::UpdatePrimaryRegion => json!({"KeyId": key, "PrimaryRegion": "eu-west-1"}),
        OpName::TagResource => json!({"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        OpName::UntagResource => json!({"KeyId": key, "TagKeys": ["a"]}),
        OpName::UpdateKeyDescription => json!({"KeyId": key, "Description": ""}),
    }
}
