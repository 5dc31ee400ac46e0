//! The key state machine: what each operation does with a key in each state (behaviours 5.3), as one table.
//!
//! # Not here
//! What the origin or the spec of a key forbids (`UnsupportedOperationException`): that is asked apart from the state.

use crate::generated::{KeyState, OpName};

/// What a state says to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The state allows it.
    Admit,
    /// `DisabledException`.
    Disabled,
    /// `KMSInvalidStateException` with the text of the state.
    InvalidState,
}

use Admission::{Admit as Ok, Disabled as Dis, InvalidState as Inv};

/// The cells of one row: Enabled, Disabled, pending deletion (of both kinds), PendingImport, Unavailable, Creating, Updating.
type Row = [Admission; 7];

const ALWAYS: Row = [Ok; 7];
/// Use of the key material.
const USE: Row = [Ok, Dis, Inv, Inv, Inv, Inv, Ok];
/// Anything but what is about to vanish.
const NOT_PENDING_DELETION: Row = [Ok, Ok, Inv, Ok, Ok, Ok, Ok];
/// EnableKey and DisableKey.
const SWITCH: Row = [Ok, Ok, Inv, Inv, Ok, Inv, Inv];
/// EnableKeyRotation and DisableKeyRotation. A key that waits for an import is told that its origin does not rotate.
const ROTATION_SWITCH: Row = [Ok, Dis, Inv, Ok, Inv, Inv, Ok];

const fn row(op: OpName) -> Row {
    match op {
        OpName::Encrypt
        | OpName::Decrypt
        | OpName::ReEncrypt
        | OpName::GenerateDataKey
        | OpName::GenerateDataKeyWithoutPlaintext
        | OpName::GenerateDataKeyPair
        | OpName::GenerateDataKeyPairWithoutPlaintext
        | OpName::GenerateMac
        | OpName::VerifyMac
        | OpName::Sign
        | OpName::Verify
        | OpName::DeriveSharedSecret
        | OpName::Encapsulate
        | OpName::Decapsulate
        | OpName::GetPublicKey => USE,
        OpName::CancelKeyDeletion => [Inv, Inv, Ok, Inv, Inv, Inv, Inv],
        OpName::CreateGrant => [Ok, Dis, Inv, Inv, Ok, Inv, Ok],
        OpName::ScheduleKeyDeletion => [Ok, Ok, Inv, Ok, Ok, Ok, Inv],
        OpName::EnableKey | OpName::DisableKey => SWITCH,
        OpName::EnableKeyRotation | OpName::DisableKeyRotation => ROTATION_SWITCH,
        OpName::RotateKeyOnDemand => [Ok, Dis, Inv, Inv, Inv, Inv, Inv],
        OpName::ReplicateKey => [Ok, Dis, Inv, Inv, Inv, Inv, Inv],
        OpName::UpdatePrimaryRegion => [Ok, Dis, Inv, Inv, Inv, Inv, Ok],
        OpName::GetParametersForImport => [Ok, Ok, Inv, Ok, Inv, Inv, Inv],
        OpName::ImportKeyMaterial => [Ok, Ok, Inv, Ok, Inv, Inv, Ok],
        OpName::DeleteImportedKeyMaterial => [Ok, Ok, Ok, Ok, Inv, Inv, Inv],
        OpName::CreateAlias
        | OpName::UpdateAlias
        | OpName::UpdateKeyDescription
        | OpName::TagResource
        | OpName::UntagResource => NOT_PENDING_DELETION,
        OpName::DeleteAlias
        | OpName::DescribeKey
        | OpName::GetKeyLastUsage
        | OpName::GetKeyPolicy
        | OpName::GetKeyRotationStatus
        | OpName::ListAliases
        | OpName::ListGrants
        | OpName::ListKeyPolicies
        | OpName::ListKeyRotations
        | OpName::ListResourceTags
        | OpName::PutKeyPolicy
        | OpName::RetireGrant
        | OpName::RevokeGrant => ALWAYS,
        // No key whose state could matter.
        OpName::CreateKey
        | OpName::ListKeys
        | OpName::ListRetirableGrants
        | OpName::GenerateRandom
        | OpName::ConnectCustomKeyStore
        | OpName::CreateCustomKeyStore
        | OpName::DeleteCustomKeyStore
        | OpName::DescribeCustomKeyStores
        | OpName::DisconnectCustomKeyStore
        | OpName::UpdateCustomKeyStore => ALWAYS,
    }
}

/// What a key in `state` says to `op`.
pub const fn admit(op: OpName, state: KeyState) -> Admission {
    let row = row(op);
    match state {
        KeyState::Enabled => row[0],
        KeyState::Disabled => row[1],
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => row[2],
        KeyState::PendingImport => row[3],
        KeyState::Unavailable => row[4],
        KeyState::Creating => row[5],
        KeyState::Updating => row[6],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of behaviours 5.3, typed again from the page: columns as in [`Row`], `o` admit, `d` disabled, `i` invalid.
    const PAGE: &str = "
        CancelKeyDeletion iioiiii | CreateAlias ooioooo | CreateGrant odiioio | Decapsulate odiiiio | Decrypt odiiiio
        DeleteAlias ooooooo | DeriveSharedSecret odiiiio | DescribeKey ooooooo | DisableKey ooiioii | EnableKey ooiioii
        Encapsulate odiiiio | Encrypt odiiiio | GenerateDataKey odiiiio | GenerateDataKeyPair odiiiio
        GenerateDataKeyPairWithoutPlaintext odiiiio | GenerateDataKeyWithoutPlaintext odiiiio | GenerateMac odiiiio
        GetKeyLastUsage ooooooo | GetKeyPolicy ooooooo | GetPublicKey odiiiio | ListAliases ooooooo | ListGrants ooooooo
        ListKeyPolicies ooooooo | ListResourceTags ooooooo | PutKeyPolicy ooooooo | ReEncrypt odiiiio
        ReplicateKey odiiiii | RetireGrant ooooooo | RevokeGrant ooooooo | ScheduleKeyDeletion ooioooi | Sign odiiiio
        TagResource ooioooo | UntagResource ooioooo | UpdateKeyDescription ooioooo | UpdatePrimaryRegion odiiiio
        Verify odiiiio | VerifyMac odiiiio | RotateKeyOnDemand odiiiii";

    const COLUMNS: [KeyState; 7] = [
        KeyState::Enabled,
        KeyState::Disabled,
        KeyState::PendingDeletion,
        KeyState::PendingImport,
        KeyState::Unavailable,
        KeyState::Creating,
        KeyState::Updating,
    ];

    #[test]
    fn the_table_is_the_one_of_the_page() {
        let mut words = PAGE.split_whitespace().filter(|word| *word != "|");
        let mut rows = 0;
        while let (Some(op), Some(cells)) = (words.next(), words.next()) {
            let op: OpName = op.parse().expect("an operation");
            for (state, cell) in COLUMNS.iter().zip(cells.chars()) {
                let expect = match cell {
                    'o' => Admission::Admit,
                    'd' => Admission::Disabled,
                    _ => Admission::InvalidState,
                };
                assert_eq!(admit(op, *state), expect, "{op} in {state}");
            }
            rows += 1;
        }
        assert_eq!(rows, 38);
    }

    #[test]
    fn both_pending_deletions_are_one_column() {
        for op in OpName::ALL {
            assert_eq!(admit(*op, KeyState::PendingDeletion), admit(*op, KeyState::PendingReplicaDeletion), "{op}");
        }
    }
}
