//! The registry: one exhaustive match from the operation's name to its code.

mod alias;
pub(crate) mod crypto;
pub(crate) mod grants;
mod import;
mod keys;
mod multi_region;
mod policies;
mod rotation;
mod tags;

use strongroom_core::generated::OpName;
use strongroom_wire::kms;
use zeroize::Zeroizing;

use crate::error::OpError;
use crate::frame::{Call, serve, serve_unsupported};
use crate::node::Node;

/// Runs the call. A 57th operation does not compile until it stands here.
pub(crate) async fn dispatch(node: &Node, call: &Call<'_>) -> Result<Zeroizing<Vec<u8>>, OpError> {
    match call.op {
        OpName::CancelKeyDeletion => serve::<keys::CancelKeyDeletion>(node, call).await,
        OpName::CreateAlias => serve::<alias::CreateAlias>(node, call).await,
        OpName::CreateKey => serve::<keys::CreateKey>(node, call).await,
        OpName::Decrypt => serve::<crypto::Decrypt>(node, call).await,
        OpName::Decapsulate => serve::<crypto::Decapsulate>(node, call).await,
        OpName::DeriveSharedSecret => serve::<crypto::DeriveSharedSecret>(node, call).await,
        OpName::Encapsulate => serve::<crypto::Encapsulate>(node, call).await,
        OpName::GenerateMac => serve::<crypto::GenerateMac>(node, call).await,
        OpName::Sign => serve::<crypto::Sign>(node, call).await,
        OpName::Verify => serve::<crypto::Verify>(node, call).await,
        OpName::VerifyMac => serve::<crypto::VerifyMac>(node, call).await,
        OpName::DeleteAlias => serve::<alias::DeleteAlias>(node, call).await,
        OpName::DescribeKey => serve::<keys::DescribeKey>(node, call).await,
        OpName::DisableKey => serve::<keys::DisableKey>(node, call).await,
        OpName::EnableKey => serve::<keys::EnableKey>(node, call).await,
        OpName::Encrypt => serve::<crypto::Encrypt>(node, call).await,
        OpName::GenerateDataKey => serve::<crypto::GenerateDataKey>(node, call).await,
        OpName::GenerateDataKeyPair => serve::<crypto::GenerateDataKeyPair>(node, call).await,
        OpName::GenerateDataKeyPairWithoutPlaintext => {
            serve::<crypto::GenerateDataKeyPairWithoutPlaintext>(node, call).await
        }
        OpName::GenerateDataKeyWithoutPlaintext => serve::<crypto::GenerateDataKeyWithoutPlaintext>(node, call).await,
        OpName::GenerateRandom => serve::<crypto::GenerateRandom>(node, call).await,
        OpName::GetPublicKey => serve::<crypto::GetPublicKey>(node, call).await,
        OpName::DeleteImportedKeyMaterial => serve::<import::DeleteImportedKeyMaterial>(node, call).await,
        OpName::DisableKeyRotation => serve::<rotation::DisableKeyRotation>(node, call).await,
        OpName::EnableKeyRotation => serve::<rotation::EnableKeyRotation>(node, call).await,
        OpName::GetKeyLastUsage => serve::<keys::GetKeyLastUsage>(node, call).await,
        OpName::GetKeyRotationStatus => serve::<rotation::GetKeyRotationStatus>(node, call).await,
        OpName::GetParametersForImport => serve::<import::GetParametersForImport>(node, call).await,
        OpName::ImportKeyMaterial => serve::<import::ImportKeyMaterial>(node, call).await,
        OpName::ListKeyRotations => serve::<rotation::ListKeyRotations>(node, call).await,
        OpName::RotateKeyOnDemand => serve::<rotation::RotateKeyOnDemand>(node, call).await,
        OpName::ListAliases => serve::<alias::ListAliases>(node, call).await,
        OpName::ListKeys => serve::<keys::ListKeys>(node, call).await,
        OpName::ReEncrypt => serve::<crypto::ReEncrypt>(node, call).await,
        OpName::ScheduleKeyDeletion => serve::<keys::ScheduleKeyDeletion>(node, call).await,
        OpName::GetKeyPolicy => serve::<policies::GetKeyPolicy>(node, call).await,
        OpName::PutKeyPolicy => serve::<policies::PutKeyPolicy>(node, call).await,
        OpName::ListKeyPolicies => serve::<policies::ListKeyPolicies>(node, call).await,
        OpName::CreateGrant => serve::<grants::CreateGrant>(node, call).await,
        OpName::ListGrants => serve::<grants::ListGrants>(node, call).await,
        OpName::ListRetirableGrants => serve::<grants::ListRetirableGrants>(node, call).await,
        OpName::RetireGrant => serve::<grants::RetireGrant>(node, call).await,
        OpName::RevokeGrant => serve::<grants::RevokeGrant>(node, call).await,
        OpName::TagResource => serve::<tags::TagResource>(node, call).await,
        OpName::UntagResource => serve::<tags::UntagResource>(node, call).await,
        OpName::ListResourceTags => serve::<tags::ListResourceTags>(node, call).await,
        OpName::UpdateAlias => serve::<alias::UpdateAlias>(node, call).await,
        OpName::UpdateKeyDescription => serve::<keys::UpdateKeyDescription>(node, call).await,
        OpName::ReplicateKey => serve::<multi_region::ReplicateKey>(node, call).await,
        OpName::UpdatePrimaryRegion => serve::<multi_region::UpdatePrimaryRegion>(node, call).await,

        OpName::ConnectCustomKeyStore => serve_unsupported::<kms::ConnectCustomKeyStoreInput>(node, call).await,
        OpName::CreateCustomKeyStore => serve_unsupported::<kms::CreateCustomKeyStoreInput>(node, call).await,
        OpName::DeleteCustomKeyStore => serve_unsupported::<kms::DeleteCustomKeyStoreInput>(node, call).await,
        OpName::DescribeCustomKeyStores => serve_unsupported::<kms::DescribeCustomKeyStoresInput>(node, call).await,
        OpName::DisconnectCustomKeyStore => serve_unsupported::<kms::DisconnectCustomKeyStoreInput>(node, call).await,
        OpName::UpdateCustomKeyStore => serve_unsupported::<kms::UpdateCustomKeyStoreInput>(node, call).await,
    }
}
