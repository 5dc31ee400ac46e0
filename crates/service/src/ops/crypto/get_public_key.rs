//! `GetPublicKey`: the public half of an asymmetric key, for use outside.

use strongroom_core::generated::{KeyUsage, OpName};
use strongroom_core::spec::{self, KeyClass};
use strongroom_crypto::cost::Work;
use strongroom_wire::kms;

use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::Forms;

pub(crate) struct GetPublicKey;

impl Operation for GetPublicKey {
    const NAME: OpName = OpName::GetPublicKey;
    type Input = kms::GetPublicKeyInput;
    type Output = kms::GetPublicKeyOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let key = cx.authorize_key(&input.key_id, Forms::All, input.grant_tokens.as_deref()).await?;
        let record = key.resource();
        let facts = spec::facts(record.spec);
        // The state is asked before the spec (behaviours 4.3).
        cx.check_state(record)?;
        match facts.class {
            KeyClass::Asymmetric => {}
            KeyClass::Symmetric | KeyClass::Hmac => return Err(OpError::UNSUPPORTED),
        }

        let handle = cx.open_current(&key).await?;
        let public_key = cx.compute(handle.spec(), Work::Public, move || handle.public_key_spki()).await??;
        let of_usage = |usage: KeyUsage| record.usage == usage;
        Ok(kms::GetPublicKeyOutput {
            key_id: Some(record.arn.to_string()),
            public_key: Some(public_key),
            key_spec: Some(record.spec),
            customer_master_key_spec: facts.customer_master_key_spec,
            key_usage: Some(record.usage),
            encryption_algorithms: of_usage(KeyUsage::EncryptDecrypt).then(|| facts.encryption.to_vec()),
            signing_algorithms: of_usage(KeyUsage::SignVerify).then(|| facts.signing.to_vec()),
            key_agreement_algorithms: of_usage(KeyUsage::KeyAgreement).then(|| facts.agreement.to_vec()),
            encapsulation_algorithms: of_usage(KeyUsage::EncapsulateDecapsulate).then(|| facts.encapsulation.to_vec()),
        })
    }
}
