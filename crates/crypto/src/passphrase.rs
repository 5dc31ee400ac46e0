//! Argon2id (RFC 9106): an operator's passphrase becomes a 32-byte key.
//!
//! From RustCrypto, because AWS-LC has no memory-hard function.
//!
//! # Invariants
//! - Whoever guesses pays for every guess: parameters below [`MEMORY_KIB_MIN`] and [`PASSES_MIN`] are not accepted.
//! - Whoever writes the stored parameters cannot make us take all memory or time: they have upper limits too.
//! - The working memory, from which the key could be computed, is wiped.
//!
//! # Not here
//! Binding the parameters to what the key seals: the caller puts them into the associated data.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::{NoEntropy, Rng};
use zeroize::Zeroizing;

/// Memory of the recommended parameters: 64 MiB, which with three passes is RFC 9106's second recommendation.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// One lane: the function runs once, at the start, and its library has one thread.
const LANES: u32 = 1;
const SALT_LEN: usize = 16;

/// Below 19 MiB a guess becomes cheap (OWASP's minimum for Argon2id).
pub const MEMORY_KIB_MIN: u32 = 19 * 1024;
/// 1 GiB: what a service may take at its start on a small machine.
pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Two passes at 19 MiB are OWASP's minimum.
pub const PASSES_MIN: u32 = 2;
/// Sixteen passes over 1 GiB are some ten seconds.
pub const PASSES_MAX: u32 = 16;
/// Lanes do not make it slower, only differently ordered.
pub const LANES_MAX: u32 = 16;

/// What stands beside a key from a passphrase: salt and cost. Not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_LEN],
}

impl Argon2Params {
    /// Length of the stored form.
    pub const BYTES: usize = 12 + SALT_LEN;

    /// Today's cost and a fresh salt.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn recommended(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let mut salt = [0; SALT_LEN];
        rng.fill(&mut salt)?;
        Ok(Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt })
    }

    /// Stored form: memory in KiB, passes and lanes as 32-bit big-endian numbers, then the salt.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.memory_kib.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.passes.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.lanes.to_be_bytes());
        bytes[12..].copy_from_slice(&self.salt);
        bytes
    }

    /// Reads the stored form; `None` when a parameter is outside its limits.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (memory_kib, rest) = take_u32(bytes)?;
        let (passes, rest) = take_u32(rest)?;
        let (lanes, salt) = take_u32(rest)?;
        let within = (MEMORY_KIB_MIN..=MEMORY_KIB_MAX).contains(&memory_kib)
            && (PASSES_MIN..=PASSES_MAX).contains(&passes)
            && (1..=LANES_MAX).contains(&lanes);
        within.then_some(Self { memory_kib, passes, lanes, salt: salt.try_into().ok()? })
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// The passphrase is longer than 2^32 − 1 bytes, or there is not memory enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase could not be turned into a key")]
pub struct NoKey;

/// The key for `passphrase` under `params`. Takes tens of milliseconds and 64 MiB, and is meant to.
///
/// # Errors
/// [`NoKey`].
pub fn derive_key(passphrase: &SecretBytes, params: &Argon2Params) -> Result<SecretArray<32>, NoKey> {
    let cost = Params::new(params.memory_kib, params.passes, params.lanes, Some(32)).map_err(|_| NoKey)?;
    argon2id(passphrase.expose(), &params.salt, cost)
}

fn argon2id(passphrase: &[u8], salt: &[u8], cost: Params) -> Result<SecretArray<32>, NoKey> {
    let mut memory = Zeroizing::new(Vec::new());
    // Memory that cannot be had is an error, not an abort.
    memory.try_reserve_exact(cost.block_count()).map_err(|_| NoKey)?;
    memory.resize(cost.block_count(), Block::new());
    let function = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    SecretArray::init(|key| function.hash_password_into_with_memory(passphrase, salt, key, memory.as_mut_slice()))
        .map_err(|_| NoKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;
    use strongroom_core::world::SeededRng;

    /// The reference implementation's tests for Argon2id version 0x13 (P-H-C/phc-winner-argon2, src/test.c).
    #[test]
    fn published_keys() {
        check(16, 2, 1, "password", "somesalt", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
        check(8, 2, 1, "password", "somesalt", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
        check(8, 2, 2, "password", "somesalt", "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037");
        check(16, 2, 1, "password", "diffsalt", "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c");

        #[track_caller]
        fn check(memory_kib_log2: u32, passes: u32, lanes: u32, passphrase: &str, salt: &str, expect: &str) {
            let cost = Params::new(1 << memory_kib_log2, passes, lanes, Some(32)).expect("a valid cost");
            let key = argon2id(passphrase.as_bytes(), salt.as_bytes(), cost).expect("memory enough");
            assert_eq!(key.expose().to_vec(), hex(expect));
        }
    }

    #[test]
    fn passphrase_and_salt_make_the_key() {
        let rng = SeededRng::new(1);
        let (params, other) = (Argon2Params::recommended(&rng), Argon2Params::recommended(&rng));
        let (params, other) = (params.expect("seeded"), other.expect("seeded"));
        assert_eq!((params.memory_kib, params.passes, params.lanes), (65536, 3, 1));
        let key = |words: &[u8], params| derive_key(&SecretBytes::copy_from(words), params).expect("memory enough");
        assert_eq!(key(b"correct horse", &params), key(b"correct horse", &params));
        assert_ne!(key(b"correct horse", &params), key(b"correct horse ", &params));
        assert_ne!(key(b"correct horse", &params), key(b"correct horse", &other));
    }

    #[test]
    fn stored_parameters_have_limits() {
        let recommended = Argon2Params::recommended(&SeededRng::new(1)).expect("seeded");
        check(&recommended, true);
        for (memory_kib, fits) in [
            (0, false),
            (MEMORY_KIB_MIN - 1, false),
            (MEMORY_KIB_MIN, true),
            (MEMORY_KIB_MAX, true),
            (MEMORY_KIB_MAX + 1, false),
            (u32::MAX, false),
        ] {
            check(&Argon2Params { memory_kib, ..recommended.clone() }, fits);
        }
        for (passes, fits) in [(0, false), (1, false), (2, true), (16, true), (17, false), (u32::MAX, false)] {
            check(&Argon2Params { passes, ..recommended.clone() }, fits);
        }
        for (lanes, fits) in [(0, false), (1, true), (16, true), (17, false), (u32::MAX, false)] {
            check(&Argon2Params { lanes, ..recommended.clone() }, fits);
        }

        #[track_caller]
        fn check(params: &Argon2Params, fits: bool) {
            assert_eq!(Argon2Params::from_bytes(&params.to_bytes()), fits.then(|| params.clone()));
        }
    }
}
