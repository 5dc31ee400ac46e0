//! AES-256-GCM and SM4-GCM with nonces that the caller chooses.
//!
//! # Security
//! A nonce must never serve two messages under one key. Callers either derive a key per message ([`crate::derived`]) or
//! count.

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AesGcm, KeyInit};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use strongroom_core::secret::SecretBytes;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;

/// Bytes of a tag; it follows the ciphertext.
pub const TAG_LEN: usize = 16;

/// The sealed bytes were altered, or belong to another key, nonce or associated data; which, nobody learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open")]
pub struct DoesNotOpen;

/// An AES-256-GCM key with its schedule prepared.
pub struct Aes256GcmKey(LessSafeKey);

impl Aes256GcmKey {
    /// Prepares `key`; the caller wipes it.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes")))
    }

    /// Appends the ciphertext of `plaintext` and its tag to `out`; `out` never holds the plaintext.
    ///
    /// # Panics
    /// On a plaintext of 2^36 − 31 bytes or more, which GCM cannot encrypt and no limit of ours lets through.
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let (ciphertext, tag) = append(out, plaintext.len());
        self.0
            .seal_out_of_place_scatter(Nonce::from(nonce), Aad::from(aad), plaintext, ciphertext, &[], tag)
            .expect("the lengths are right and the plaintext is below GCM's limit");
    }

    /// Opens what [`Self::seal`] appended.
    ///
    /// # Errors
    /// [`DoesNotOpen`].
    pub fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, DoesNotOpen> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(DoesNotOpen)?;
        SecretBytes::init(ciphertext.len(), |plaintext| {
            self.0.open_separate_gather(Nonce::from(nonce), Aad::from(aad), ciphertext, tag, plaintext)
        })
        .map_err(|_| DoesNotOpen)
    }
}

impl fmt::Debug for Aes256GcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes256GcmKey(..)")
    }
}

/// An SM4-GCM key (RFC 8998) with its schedule prepared.
///
/// From RustCrypto, because AWS-LC has no SM4.
///
/// # Security
/// The library's SM4 looks its S-box up in a 256-byte table. Who shares the processor's cache may learn of it; China's
/// partition alone uses it (docs/threat-model.md).
pub struct Sm4GcmKey(AesGcm<sm4::Sm4, U12>);

impl Sm4GcmKey {
    /// Prepares `key`; the caller wipes it.
    pub fn new(key: &[u8; 16]) -> Self {
        Self(AesGcm::new(key.into()))
    }

    /// Appends the ciphertext of `plaintext` and its tag to `out`; `out` never holds the plaintext.
    ///
    /// # Panics
    /// As [`Aes256GcmKey::seal`].
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let (ciphertext, tag) = append(out, plaintext.len());
        let in_out = InOutBuf::new(plaintext, ciphertext).expect("ciphertext and plaintext have one length");
        let made =
            self.0.encrypt_inout_detached(nonce.into(), aad, in_out).expect("the plaintext is below GCM's limit");
        tag.copy_from_slice(&made);
    }

    /// Opens what [`Self::seal`] appended.
    ///
    /// # Errors
    /// [`DoesNotOpen`].
    pub fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, DoesNotOpen> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(DoesNotOpen)?;
        SecretBytes::init(ciphertext.len(), |plaintext| {
            let in_out = InOutBuf::new(ciphertext, plaintext).map_err(|_| DoesNotOpen)?;
            self.0.decrypt_inout_detached(nonce.into(), aad, in_out, tag.into()).map_err(|_| DoesNotOpen)
        })
    }
}

impl fmt::Debug for Sm4GcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sm4GcmKey(..)")
    }
}

/// Room at the end of `out` for a ciphertext of `len` bytes and its tag.
fn append(out: &mut Vec<u8>, len: usize) -> (&mut [u8], &mut [u8]) {
    let start = out.len();
    out.resize(start + len + TAG_LEN, 0);
    out[start..].split_at_mut(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 8998, appendix A.1.
    #[test]
    fn sm4_gcm_as_published() {
        let key = Sm4GcmKey::new(&hex("0123456789ABCDEFFEDCBA9876543210").try_into().expect("16 bytes"));
        let nonce = hex("00001234567800000000ABCD").try_into().expect("12 bytes");
        let aad = hex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
        let plaintext = hex("AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD\
             EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA");
        let mut sealed = vec![];
        key.seal(&nonce, &aad, &plaintext, &mut sealed);
        let expect = hex("17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735\
             D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D\
             83DE3541E4C2B58177E065A9BF7B62EC");
        assert_eq!(sealed, expect);
        assert_eq!(key.open(&nonce, &aad, &sealed).expect("ours").expose(), plaintext);
    }

    #[test]
    fn one_flipped_bit_does_not_open() {
        let (nonce, aad, plaintext) = ([7; NONCE_LEN], b"context", b"attack at dawn");
        let aes = Aes256GcmKey::new(&[1; 32]);
        let sm4 = Sm4GcmKey::new(&[1; 16]);
        type Seal<'a> = &'a dyn Fn(&[u8], &mut Vec<u8>);
        type Open<'a> = &'a dyn Fn(&[u8; NONCE_LEN], &[u8], &[u8]) -> Result<SecretBytes, DoesNotOpen>;
        let check = |seal: Seal<'_>, open: Open<'_>| {
            let mut out = b"header".to_vec();
            seal(plaintext, &mut out);
            let (header, sealed) = out.split_at(6);
            assert_eq!(header, b"header");
            assert_eq!(sealed.len(), plaintext.len() + TAG_LEN);
            assert_eq!(open(&nonce, aad, sealed).expect("untouched").expose(), plaintext);
            for bit in 0..sealed.len() * 8 {
                let mut touched = sealed.to_vec();
                touched[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(&nonce, aad, &touched).unwrap_err(), DoesNotOpen);
            }
            assert_eq!(open(&[8; NONCE_LEN], aad, sealed).unwrap_err(), DoesNotOpen);
            assert_eq!(open(&nonce, b"Context", sealed).unwrap_err(), DoesNotOpen);
            for len in 0..sealed.len() {
                assert_eq!(open(&nonce, aad, &sealed[..len]).unwrap_err(), DoesNotOpen);
            }
        };
        check(&|plaintext, out| aes.seal(&nonce, aad, plaintext, out), &|nonce, aad, sealed| {
            aes.open(nonce, aad, sealed)
        });
        check(&|plaintext, out| sm4.seal(&nonce, aad, plaintext, out), &|nonce, aad, sealed| {
            sm4.open(nonce, aad, sealed)
        });
    }
}
