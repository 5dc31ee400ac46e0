//! Sealing under a key that is derived for each message, so that one parent key may seal 2^50 messages.
//!
//! The message key is one block of the SP 800-108 counter KDF:
//! `HMAC(parent, be32(1) ‖ label ‖ 0x00 ‖ nonce ‖ be32(bits of the message key))`. Under it the message is sealed with
//! GCM and a 12-byte IV. Nonce and IV are 28 random bytes: two messages meet in both with negligible probability, and the
//! IV alone keeps apart messages that happen to share a derived key.
//!
//! | suite | parent key | HMAC | message key |
//! |---|---|---|---|
//! | AES | 32 bytes | SHA-256 | AES-256-GCM |
//! | SM4 | 16 bytes | SM3, truncated | SM4-GCM |
//!
//! # Not here
//! Formats: who stores nonce, IV and header, and what the associated data say, is the caller's business.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sm3::Sm3;
use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::{NoEntropy, Rng};
use zeroize::Zeroizing;

use crate::aead::{Aes256GcmKey, NONCE_LEN, Sm4GcmKey};
pub use crate::aead::{DoesNotOpen, TAG_LEN};
use crate::mac::HmacSha256Key;

/// What makes a message's key and encryption its own: stored in clear beside the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageNonce {
    /// Enters the derivation of the message key.
    pub derivation: [u8; 16],
    /// The IV of GCM.
    pub iv: [u8; NONCE_LEN],
}

impl MessageNonce {
    /// Bytes of both parts.
    pub const LEN: usize = 28;

    /// A fresh one.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn random(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let mut bytes = [0; Self::LEN];
        rng.fill(&mut bytes)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Derivation nonce and IV, in this order.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut nonce = Self { derivation: [0; 16], iv: [0; NONCE_LEN] };
        nonce.derivation.copy_from_slice(&bytes[..16]);
        nonce.iv.copy_from_slice(&bytes[16..]);
        nonce
    }

    /// The inverse of [`Self::from_bytes`].
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(&self.derivation);
        bytes[16..].copy_from_slice(&self.iv);
        bytes
    }
}

/// A parent key, prepared for derivation.
#[derive(Clone)]
pub struct DerivingKey(Suite);

#[derive(Clone)]
enum Suite {
    Aes(Box<HmacSha256Key>),
    /// From RustCrypto, because AWS-LC has neither SM3 nor SM4.
    Sm4(Hmac<Sm3>),
}

impl DerivingKey {
    /// A parent key of the AES suite.
    pub fn new(parent: &SecretArray<32>) -> Self {
        Self(Suite::Aes(Box::new(HmacSha256Key::new(parent.expose()))))
    }

    /// A parent key of the SM4 suite.
    pub fn new_sm4(parent: &SecretArray<16>) -> Self {
        Self(Suite::Sm4(Hmac::new_from_slice(parent.expose()).expect("HMAC takes keys of any length")))
    }

    /// Seals `plaintext` under the key for `label` and `nonce`, and appends ciphertext and tag to `out`.
    ///
    /// `label` names the purpose; it is a constant of the caller without a zero byte, so that no two purposes share a key.
    pub fn seal(&self, label: &[u8], nonce: &MessageNonce, aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        debug_assert!(!label.contains(&0), "a zero byte ends the label");
        match &self.0 {
            Suite::Aes(parent) => aes_message_key(parent, label, nonce).seal(&nonce.iv, aad, plaintext, out),
            Suite::Sm4(parent) => sm4_message_key(parent, label, nonce).seal(&nonce.iv, aad, plaintext, out),
        }
    }

    /// Opens what [`Self::seal`] appended.
    ///
    /// # Errors
    /// [`DoesNotOpen`].
    pub fn open(
        &self,
        label: &[u8],
        nonce: &MessageNonce,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<SecretBytes, DoesNotOpen> {
        match &self.0 {
            Suite::Aes(parent) => aes_message_key(parent, label, nonce).open(&nonce.iv, aad, sealed),
            Suite::Sm4(parent) => sm4_message_key(parent, label, nonce).open(&nonce.iv, aad, sealed),
        }
    }
}

impl fmt::Debug for DerivingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivingKey(..)")
    }
}

/// The number of the only block, before the label.
const COUNTER: [u8; 4] = 1_u32.to_be_bytes();

fn aes_message_key(parent: &HmacSha256Key, label: &[u8], nonce: &MessageNonce) -> Aes256GcmKey {
    let key = Zeroizing::new(parent.sign(&[&COUNTER, label, &[0], &nonce.derivation, &256_u32.to_be_bytes()]));
    Aes256GcmKey::new(&key)
}

fn sm4_message_key(parent: &Hmac<Sm3>, label: &[u8], nonce: &MessageNonce) -> Sm4GcmKey {
    let mut mac = parent.clone();
    for part in [&COUNTER, label, &[0], &nonce.derivation, &128_u32.to_be_bytes()] {
        mac.update(part);
    }
    let block: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&block[..16]);
    Sm4GcmKey::new(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
    use strongroom_core::world::SeededRng;

    const LABEL: &[u8] = b"strongroom test";
    const NONCE: MessageNonce = MessageNonce { derivation: [5; 16], iv: [6; 12] };

    /// The library's own KDF, given the fixed input that SP 800-108 puts after the counter, makes the same key.
    #[test]
    fn the_derivation_is_that_of_the_library() {
        let mut info = LABEL.to_vec();
        info.push(0);
        info.extend_from_slice(&NONCE.derivation);
        info.extend_from_slice(&256_u32.to_be_bytes());
        let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).expect("known");
        let mut key = [0; 32];
        kbkdf_ctr_hmac(algorithm, &[9; 32], &info, &mut key).expect("derives");
        let mut expect = vec![];
        Aes256GcmKey::new(&key).seal(&NONCE.iv, b"aad", b"message", &mut expect);

        let mut got = vec![];
        aes([9; 32]).seal(LABEL, &NONCE, b"aad", b"message", &mut got);
        assert_eq!(got, expect);
    }

    #[test]
    fn everything_is_bound() {
        for (key, other) in [(aes([1; 32]), aes([2; 32])), (sm4([1; 16]), sm4([2; 16])), (aes([1; 32]), sm4([1; 16]))] {
            let mut sealed = vec![];
            key.seal(LABEL, &NONCE, b"aad", b"message", &mut sealed);
            assert_eq!(key.open(LABEL, &NONCE, b"aad", &sealed).expect("ours").expose(), b"message");
            assert_eq!(other.open(LABEL, &NONCE, b"aad", &sealed).unwrap_err(), DoesNotOpen);
            assert_eq!(key.open(b"another", &NONCE, b"aad", &sealed).unwrap_err(), DoesNotOpen);
            assert_eq!(key.open(LABEL, &NONCE, b"", &sealed).unwrap_err(), DoesNotOpen);
            for byte in 0..MessageNonce::LEN {
                let mut bytes = NONCE.to_bytes();
                bytes[byte] ^= 1;
                let nonce = MessageNonce::from_bytes(&bytes);
                assert_eq!(key.open(LABEL, &nonce, b"aad", &sealed).unwrap_err(), DoesNotOpen);
            }
        }
    }

    #[test]
    fn the_empty_message_is_a_message() {
        let mut sealed = vec![];
        aes([1; 32]).seal(LABEL, &NONCE, b"", b"", &mut sealed);
        assert_eq!(sealed.len(), TAG_LEN);
        assert!(aes([1; 32]).open(LABEL, &NONCE, b"", &sealed).expect("ours").is_empty());
    }

    #[test]
    fn nonces_are_random_and_survive_their_bytes() {
        let rng = SeededRng::new(1);
        let (a, b) = (MessageNonce::random(&rng).expect("seeded"), MessageNonce::random(&rng).expect("seeded"));
        assert_ne!(a, b);
        assert_eq!(MessageNonce::from_bytes(&a.to_bytes()), a);
    }

    fn aes(parent: [u8; 32]) -> DerivingKey {
        DerivingKey::new(&SecretArray::from_slice(&parent).expect("32 bytes"))
    }

    fn sm4(parent: [u8; 16]) -> DerivingKey {
        DerivingKey::new_sm4(&SecretArray::from_slice(&parent).expect("16 bytes"))
    }
}
