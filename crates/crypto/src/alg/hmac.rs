//! HMAC (RFC 2104) with SHA-2, full length.

use aws_lc_rs::hmac;
use strongroom_core::generated::MacAlgorithmSpec;
use strongroom_core::secret::{SecretBytes, constant_time_eq};
use strongroom_core::world::Rng;

use crate::error::{Damaged, Error};

/// The sizes that the service offers, each with one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Hmac224,
    Hmac256,
    Hmac384,
    Hmac512,
}

impl Size {
    /// Key material has the length of the hash's output.
    const fn bytes(self) -> usize {
        match self {
            Self::Hmac224 => 28,
            Self::Hmac256 => 32,
            Self::Hmac384 => 48,
            Self::Hmac512 => 64,
        }
    }

    const fn hash(self) -> hmac::Algorithm {
        match self {
            Self::Hmac224 => hmac::HMAC_SHA224,
            Self::Hmac256 => hmac::HMAC_SHA256,
            Self::Hmac384 => hmac::HMAC_SHA384,
            Self::Hmac512 => hmac::HMAC_SHA512,
        }
    }

    const fn fits(self, algorithm: MacAlgorithmSpec) -> bool {
        match self {
            Self::Hmac224 => matches!(algorithm, MacAlgorithmSpec::HmacSha224),
            Self::Hmac256 => matches!(algorithm, MacAlgorithmSpec::HmacSha256),
            Self::Hmac384 => matches!(algorithm, MacAlgorithmSpec::HmacSha384),
            Self::Hmac512 => matches!(algorithm, MacAlgorithmSpec::HmacSha512),
        }
    }
}

/// A key, its padded blocks hashed already.
pub(crate) struct Key {
    size: Size,
    bytes: SecretBytes,
    prepared: Box<hmac::Key>,
}

impl Key {
    pub(crate) fn generate(size: Size, rng: &dyn Rng) -> Result<Self, Error> {
        let bytes = SecretBytes::init(size.bytes(), |bytes| rng.fill(bytes))?;
        Ok(Self::prepare(size, bytes))
    }

    pub(crate) fn from_bytes(size: Size, bytes: &[u8]) -> Result<Self, Damaged> {
        if bytes.len() != size.bytes() {
            return Err(Damaged);
        }
        Ok(Self::prepare(size, SecretBytes::copy_from(bytes)))
    }

    fn prepare(size: Size, bytes: SecretBytes) -> Self {
        let prepared = Box::new(hmac::Key::new(size.hash(), bytes.expose()));
        Self { size, bytes, prepared }
    }

    pub(crate) fn to_bytes(&self) -> SecretBytes {
        SecretBytes::copy_from(self.bytes.expose())
    }

    pub(crate) fn mac(&self, algorithm: MacAlgorithmSpec, message: &[u8]) -> Result<Vec<u8>, Error> {
        if !self.size.fits(algorithm) {
            return Err(Error::DoesNotFit);
        }
        Ok(hmac::sign(&self.prepared, message).as_ref().to_vec())
    }

    pub(crate) fn verify(&self, algorithm: MacAlgorithmSpec, message: &[u8], mac: &[u8]) -> Result<(), Error> {
        if constant_time_eq(&self.mac(algorithm, message)?, mac) { Ok(()) } else { Err(Error::Refused) }
    }
}
