//! `GetParametersForImport`: a fresh public key to wrap material under, and the token that comes back with it.

use strongroom_core::generated::{AlgorithmSpec, KeySpec, OpName, WrappingKeySpec};
use strongroom_core::secret::SecretBytes;
use strongroom_core::spec;
use strongroom_crypto::cost::Work;
use strongroom_wire::kms;

use crate::context::Asked;
use crate::error::OpError;
use crate::frame::{Cx, Operation};
use crate::keys::{Forms, check_external};

/// Public key and token go together for a day.
const VALID_DAYS: i64 = 1;

pub(crate) struct GetParametersForImport;

impl Operation for GetParametersForImport {
    const NAME: OpName = OpName::GetParametersForImport;
    type Input = kms::GetParametersForImportInput;
    type Output = kms::GetParametersForImportOutput;

    async fn run(cx: &Cx<'_>, input: Self::Input) -> Result<Self::Output, OpError> {
        let (algorithm, wrapping_key) = (input.wrapping_algorithm, input.wrapping_key_spec);
        let asked =
            Asked { wrapping_algorithm: Some(algorithm), wrapping_key_spec: Some(wrapping_key), ..Asked::default() };
        let key = cx.authorize_key_asking(&input.key_id, Forms::KeyOnly, None, &asked).await?;
        let record = key.resource();
        check_external(record)?;
        cx.check_state(record)?;
        let wrapping_spec = key_spec(wrapping_key);
        if !spec::facts(wrapping_spec).offered.is_in(cx.region) || !goes_together(record.spec, algorithm, wrapping_key)
        {
            return Err(OpError::Unsupported(Some(
                format!(
                    "Wrapping algorithm {algorithm} with wrapping key spec {wrapping_key} is not supported for key \
                     spec {}.",
                    record.spec
                )
                .into(),
            )));
        }

        let arn = record.arn;
        let valid_to = cx.now.plus_days(VALID_DAYS);
        let (vault, rng) = (cx.node.vault.clone(), cx.node.rng.clone());
        let parameters = cx
            .compute(wrapping_spec, Work::Generate, move || {
                vault.import_parameters(&key, algorithm, wrapping_spec, valid_to, &*rng)
            })
            .await??;
        Ok(kms::GetParametersForImportOutput {
            key_id: Some(arn.to_string()),
            import_token: Some(parameters.token),
            // A public key, which the model calls sensitive.
            public_key: Some(SecretBytes::from_vec(parameters.public_key_spki).into_reply()),
            parameters_valid_to: Some(valid_to),
        })
    }
}

const fn key_spec(wrapping_key: WrappingKeySpec) -> KeySpec {
    match wrapping_key {
        WrappingKeySpec::Rsa2048 => KeySpec::Rsa2048,
        WrappingKeySpec::Rsa3072 => KeySpec::Rsa3072,
        WrappingKeySpec::Rsa4096 => KeySpec::Rsa4096,
        WrappingKeySpec::Sm2 => KeySpec::Sm2,
    }
}

/// Whether material of `spec` can be wrapped so (behaviours 4.4).
fn goes_together(spec: KeySpec, algorithm: AlgorithmSpec, wrapping_key: WrappingKeySpec) -> bool {
    let is_rsa_key = matches!(spec, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096);
    match algorithm {
        AlgorithmSpec::RsaAesKeyWrapSha1 | AlgorithmSpec::RsaAesKeyWrapSha256 => wrapping_key != WrappingKeySpec::Sm2,
        AlgorithmSpec::RsaesOaepSha1 | AlgorithmSpec::RsaesOaepSha256 => match wrapping_key {
            // A P-521 key is longer than RSA-2048 can take at once; an RSA key is longer than any can.
            WrappingKeySpec::Rsa2048 => !is_rsa_key && spec != KeySpec::EccNistP521,
            WrappingKeySpec::Rsa3072 | WrappingKeySpec::Rsa4096 => !is_rsa_key,
            WrappingKeySpec::Sm2 => false,
        },
        AlgorithmSpec::Sm2Pke => wrapping_key == WrappingKeySpec::Sm2 && !is_rsa_key,
        // Its padding makes oracles; AWS stopped offering it on 10 October 2023.
        AlgorithmSpec::RsaesPkcs1V15 => false,
    }
}
