//! One algorithm family, one file; the same verbs in each.
//!
//! A family has a public key, made from bytes or from the private key, and a private key. Both hold the library's parsed
//! handles: parsing a private key costs as much as using it.

pub(crate) mod ec;
pub(crate) mod ed25519;
pub(crate) mod encoding;
pub(crate) mod hmac;
pub(crate) mod ml_dsa;
pub(crate) mod ml_kem;
pub(crate) mod rsa;
pub(crate) mod sm2;

use std::sync::OnceLock;

use ::sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
use strongroom_core::world::{NoEntropy, Rng};

/// What is signed or verified.
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// The message itself.
    Raw(&'a [u8]),
    /// Its digest under the hash of the signing algorithm.
    Digest(&'a [u8]),
    /// The 64-byte message representative μ of FIPS 204.
    ExternalMu(&'a [u8]),
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Raw(_) => "Raw(..)",
            Self::Digest(_) => "Digest(..)",
            Self::ExternalMu(_) => "ExternalMu(..)",
        })
    }
}

/// The handed-in generator as RustCrypto's libraries take one.
pub(crate) struct Handed<'a>(pub(crate) &'a dyn Rng);

impl TryRng for Handed<'_> {
    type Error = NoEntropy;

    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(out)
    }
}

impl TryCryptoRng for Handed<'_> {}

/// What `cell` holds, made by `make` when nobody needed it before.
pub(crate) fn get_or_try_init<T, E>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    // Two threads may have made one each; both get the first.
    Ok(cell.get_or_init(|| made))
}
