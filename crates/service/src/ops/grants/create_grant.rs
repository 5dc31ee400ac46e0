//! `CreateGrant`: lets a principal use a key, beside what the key policy says.

use strongroom_core::generated::{GrantOperation, KeySpec, KeyUsage, OpName};
use strongroom_core::grant::{GrantConstraints, GrantParty, GrantRecord, GrantTerms};
use strongroom_core::identity::NamedPrincipal;
use strongroom_core::ids::GrantId;
use strongroom_core::key::KeyRecord;
use strongroom_core::spec::{self, KeyClass};
use strongroom_wire::kms;

use super::read_party;
use crate::context::{Asked, AskedGrant};
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::identity::principals::is_elsewhere;
use crate::keys::{Forms, KeyName, make_grant_token, proposed};
use crate::ops::crypto::end_dry_run;

/// Pairs in each encryption context of a constraint (behaviours 12.2).
const CONTEXT_PAIRS_MAX: usize = 8;
/// Characters of a value in such a context.
const CONTEXT_VALUE_CHARS_MAX: usize = 384;

pub(crate) struct CreateGrant;

impl Operation for CreateGrant {
    const NAME: OpName = OpName::CreateGrant;
    type Input = kms::CreateGrantInput;
    type Output = kms::CreateGrantOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        // Validate what needs no key.
        KeyName::refuse_alias(&input.key_id)?;
        let kms::CreateGrantInput { key_id, grant_tokens, dry_run, .. } = &input;
        let terms = read_terms(&input)?;

        // Authorize.
        let proposed = proposed(&terms);
        let asked = Asked { grant: Some(AskedGrant::New(&terms, &proposed)), ..Asked::default() };
        let key = cx.authorize_key_asking(key_id, Forms::KeyOnly, grant_tokens.as_deref(), &asked).await?;

        // Validate what depends on the key.
        let principals = identify_parties(cx, &terms).await?;
        let record = key.resource();
        check_fit(record, &terms)?;
        cx.check_state(record)?;
        if *dry_run == Some(true) {
            cx.keyring().check_room_for_grant(&record.arn).await?;
        }
        end_dry_run(*dry_run)?;

        // Execute.
        let mut random = [0; 32];
        cx.rng().fill(&mut random)?;
        let grant = GrantRecord {
            id: GrantId(random),
            key: record.arn,
            creation_date: cx.now,
            issuing_account: cx.account,
            terms,
            principals,
        };
        let id = cx.keyring().insert_grant(&key, grant, |entry| cx.check_state(&entry.record)).await?;
        Ok(kms::CreateGrantOutput {
            grant_token: Some(make_grant_token(cx.vault(), cx.rng(), &record.arn, id)?),
            grant_id: Some(id.to_string()),
        })
    }
}

/// The users and roles that the grant names, by whom they are now.
async fn identify_parties(cx: &Cx<'_>, terms: &GrantTerms) -> Result<Vec<NamedPrincipal>, OpError> {
    let mut principals: Vec<NamedPrincipal> = Vec::new();
    for party in [Some(&terms.grantee), terms.retiring.as_ref()].into_iter().flatten() {
        if let GrantParty::Principal(arn) = party
            && principals.iter().all(|known| *known.arn != **arn)
        {
            if is_elsewhere(arn, cx.region.partition()) {
                return Err(OpError::InvalidPrincipal(arn.clone()));
            }
            let named = cx.node.directory.identify(arn).await?;
            principals.extend(named.map_err(|()| OpError::InvalidPrincipal(arn.clone()))?);
        }
    }
    Ok(principals)
}

/// What the caller asks for, as far as it can be judged without the key.
pub(crate) fn read_terms(input: &kms::CreateGrantInput) -> Result<GrantTerms, OpError> {
    let grantee = read_party(
        input.grantee_principal.as_deref(),
        input.grantee_service_principal.as_deref(),
        "You can specify GranteePrincipal or GranteeServicePrincipal, but not both.",
    )?
    .ok_or(OpError::invalid("You must specify either GranteePrincipal or GranteeServicePrincipal."))?;
    let retiring = read_party(
        input.retiring_principal.as_deref(),
        input.retiring_service_principal.as_deref(),
        "You can specify RetiringPrincipal or RetiringServicePrincipal, but not both.",
    )?;
    let constraints = read_constraints(input.constraints.as_ref())?;
    if let GrantParty::Service(_) = grantee {
        if constraints.source_arn.is_none() {
            return Err(OpError::invalid("GranteeServicePrincipal requires a SourceArn grant constraint."));
        }
        if retiring.is_none() {
            return Err(OpError::invalid("GranteeServicePrincipal requires a retiring principal."));
        }
    }
    if input.operations.is_empty() {
        return Err(OpError::invalid("You must specify at least one operation."));
    }
    let mut operations: Vec<GrantOperation> = Vec::with_capacity(input.operations.len().min(GrantOperation::ALL.len()));
    for operation in &input.operations {
        if !operations.contains(operation) {
            operations.push(*operation);
        }
    }
    Ok(GrantTerms { name: input.name.clone(), grantee, retiring, operations, constraints })
}

fn read_constraints(constraints: Option<&kms::GrantConstraints>) -> Result<GrantConstraints, OpError> {
    let Some(constraints) = constraints else { return Ok(GrantConstraints::default()) };
    let equals = constraints.encryption_context_equals.as_ref();
    let subset = constraints.encryption_context_subset.as_ref();
    for context in [equals, subset].into_iter().flatten() {
        if context.len() > CONTEXT_PAIRS_MAX {
            return Err(OpError::invalid("An encryption context grant constraint can have 8 pairs at most."));
        }
        if context.values().any(|value| value.chars().count() > CONTEXT_VALUE_CHARS_MAX) {
            return Err(OpError::invalid(
                "A value in an encryption context grant constraint can have 384 characters at most.",
            ));
        }
    }
    Ok(GrantConstraints {
        encryption_context_equals: equals.cloned(),
        encryption_context_subset: subset.cloned(),
        source_arn: constraints.source_arn.clone(),
    })
}

/// Refuses operations and constraints that the key has no use for (behaviours 6.2 and 6.3).
pub(crate) fn check_fit(key: &KeyRecord, terms: &GrantTerms) -> Result<(), OpError> {
    if let Some(operation) = terms.operations.iter().find(|operation| !fits(**operation, key)) {
        return Err(OpError::Invalid(
            format!("Operation {operation} is not supported by {}, whose key spec is {}.", key.arn, key.spec).into(),
        ));
    }
    let constraints = &terms.constraints;
    let has_context =
        constraints.encryption_context_equals.is_some() || constraints.encryption_context_subset.is_some();
    if has_context && spec::facts(key.spec).class != KeyClass::Symmetric {
        return Err(OpError::invalid(
            "Encryption context grant constraints can only be used with a symmetric encryption key.",
        ));
    }
    Ok(())
}

fn fits(operation: GrantOperation, key: &KeyRecord) -> bool {
    use GrantOperation as G;
    match operation {
        G::DescribeKey | G::CreateGrant | G::RetireGrant => true,
        G::Encrypt | G::Decrypt | G::ReEncryptFrom | G::ReEncryptTo => key.usage == KeyUsage::EncryptDecrypt,
        G::GenerateDataKey
        | G::GenerateDataKeyWithoutPlaintext
        | G::GenerateDataKeyPair
        | G::GenerateDataKeyPairWithoutPlaintext => key.spec == KeySpec::SymmetricDefault,
        G::Sign | G::Verify => key.usage == KeyUsage::SignVerify,
        G::GenerateMac | G::VerifyMac => key.usage == KeyUsage::GenerateVerifyMac,
        G::DeriveSharedSecret => key.usage == KeyUsage::KeyAgreement,
        G::Encapsulate | G::Decapsulate => key.usage == KeyUsage::EncapsulateDecapsulate,
        G::GetPublicKey => spec::facts(key.spec).class == KeyClass::Asymmetric,
    }
}
