//! Key material that owners bring: the wrapping key pair, its token, and what comes back under it (behaviours 4.4, 8.3).
//!
//! The private half of a wrapping key pair is kept nowhere: it travels in the token, sealed under the storage key.
//!
//! # Invariants
//! - A token is bound to the key that it was made for and to the wrapping algorithm, and says itself until when it is good.
//! - Foreign material is in the clear only inside this module, between its unwrapping and its wrapping.
//!
//! # Not here
//! Which algorithms go with which key, and which material a key takes: the operations say so.

use std::sync::Arc;

use strongroom_authz::proof::Authorized;
use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{AlgorithmSpec, KeySpec};
use strongroom_core::key::{KeyMaterial, KeyRecord};
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{Rng, Timestamp};
use strongroom_crypto::material::{Material, SymmetricSuite};
use strongroom_crypto::wrap::unwrap_material;

use crate::handle::suite_of;
use crate::{Error, RecordName, Vault};

/// What an owner needs to wrap material for one key.
#[derive(Debug)]
pub struct ImportParameters {
    /// DER SubjectPublicKeyInfo of the wrapping key.
    pub public_key_spki: Vec<u8>,
    /// Opaque; comes back with the material.
    pub token: Vec<u8>,
}

/// What an owner brings.
#[derive(Debug)]
pub struct ImportRequest<'a> {
    /// What [`Vault::import_parameters`] gave.
    pub token: &'a [u8],
    /// The material under the wrapping key.
    pub wrapped: &'a [u8],
}

/// Why brought material was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefusal {
    /// Not a token of this key.
    #[error("the import token is none of this key")]
    Token,
    /// The token was good once.
    #[error("the import token has expired")]
    TokenExpired,
    /// It does not unwrap.
    #[error("the wrapped key material does not open")]
    Ciphertext,
    /// It is not material of the key's spec, or is known to be weak.
    #[error("the key material is not of the key's type, or weak")]
    Material,
    /// The vault itself failed.
    #[error(transparent)]
    Vault(#[from] Error),
}

/// No table has this code, so no token can be taken for a record.
const TOKEN_TABLE: u8 = 0xfe;
const TOKEN_FORMAT: u8 = 1;
/// Format, moment, and the two numbers of the algorithm and the spec.
const TOKEN_HEAD_BYTES: usize = 1 + 8 + 2;

impl Vault {
    /// A fresh wrapping key pair of `wrapping_spec` for the key at `arn`. Slow for RSA.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for a spec that wraps nothing; [`Error::NoEntropy`], [`Error::Crypto`].
    pub fn import_parameters(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        algorithm: AlgorithmSpec,
        wrapping_spec: KeySpec,
        valid_to: Timestamp,
        rng: &dyn Rng,
    ) -> Result<ImportParameters, Error> {
        // The suite is for symmetric keys alone, which wrap nothing here.
        let pair = Material::generate(wrapping_spec, SymmetricSuite::Aes, rng)?;
        let public_key_spki = pair.public_key_spki()?;
        let private_key = pair.to_stored()?;
        let content = SecretBytes::init(TOKEN_HEAD_BYTES + private_key.len(), |out| {
            let (head, tail) = out.split_at_mut(TOKEN_HEAD_BYTES);
            head[0] = TOKEN_FORMAT;
            head[1..9].copy_from_slice(&valid_to.as_millis().to_be_bytes());
            head[9] = number_of(AlgorithmSpec::ALL, algorithm)?;
            head[10] = number_of(KeySpec::ALL, wrapping_spec)?;
            tail.copy_from_slice(private_key.expose());
            Ok::<_, Error>(())
        })?;
        let name = key.resource().arn.to_string();
        let token = self.storage_key().seal(token_name(&name), content.expose(), rng)?;
        Ok(ImportParameters { public_key_spki, token })
    }

    /// Unwraps what the owner brought and wraps it as material of `key`. Slow.
    ///
    /// # Errors
    /// [`ImportRefusal`], the token's first.
    pub fn import_material(
        &self,
        key: &Authorized<Arc<KeyRecord>>,
        request: &ImportRequest<'_>,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<KeyMaterial, ImportRefusal> {
        let record = key.resource();
        let token = self.open_token(&record.arn, request.token)?;
        if token.valid_to <= now {
            return Err(ImportRefusal::TokenExpired);
        }
        let foreign =
            unwrap_material(&token.pair, token.algorithm, request.wrapped).map_err(|_| ImportRefusal::Ciphertext)?;
        let material =
            Material::import(record.spec, suite_of(&record.arn), &foreign).map_err(|_| ImportRefusal::Material)?;
        let stored = material.to_stored().map_err(Error::from)?;
        Ok(self.wrap_material(&record.arn, record.spec, &stored, now, rng)?)
    }

    fn open_token(&self, arn: &KeyArn, token: &[u8]) -> Result<Token, ImportRefusal> {
        let name = arn.to_string();
        let content = self.storage_key().open(token_name(&name), token).map_err(|_| ImportRefusal::Token)?;
        Token::parse(content.expose()).ok_or(ImportRefusal::Token)
    }
}

fn token_name(arn: &str) -> RecordName<'_> {
    RecordName { table: TOKEN_TABLE, key: arn.as_bytes(), version: 1 }
}

/// The place of `value` among all values; tokens live for a day, so that an order that changes with a release does no harm.
fn number_of<T: PartialEq>(all: &[T], value: T) -> Result<u8, Error> {
    let at = all.iter().position(|one| *one == value).ok_or(Error::DoesNotFit)?;
    u8::try_from(at).map_err(|_| Error::DoesNotFit)
}

struct Token {
    valid_to: Timestamp,
    algorithm: AlgorithmSpec,
    pair: Material,
}

impl Token {
    fn parse(content: &[u8]) -> Option<Self> {
        let (head, private_key) = content.split_first_chunk::<TOKEN_HEAD_BYTES>()?;
        let [TOKEN_FORMAT, valid_to @ .., algorithm, spec] = head else { return None };
        let valid_to = i64::from_be_bytes(*valid_to);
        let spec = *KeySpec::ALL.get(usize::from(*spec))?;
        Some(Self {
            valid_to: Timestamp::from_millis(valid_to),
            algorithm: *AlgorithmSpec::ALL.get(usize::from(*algorithm))?,
            pair: Material::from_stored(spec, &SecretBytes::copy_from(private_key)).ok()?,
        })
    }
}
