//! Wrapping of key material under another key: AES key wrap with padding (RFC 5649, SP 800-38F KWP) with a 256-bit key.
//!
//! # Not here
//! KWP with 128 and 192-bit keys: no interface of the service offers them.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use strongroom_core::secret::{SecretArray, SecretBytes};
use zeroize::Zeroizing;

/// Most bytes that a wrapped key adds: the block of the length, and the padding.
const KWP_OVERHEAD_MAX: usize = 15;

/// The wrapped key was altered, or belongs to another wrapping key or algorithm; which, nobody learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wrapped key does not unwrap")]
pub struct DoesNotUnwrap;

/// An empty key, or one of 2^31 bytes, cannot be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of this length cannot be wrapped")]
pub struct BadLength;

/// Wraps `key` under `wrapping_key`. The same key wrapped twice gives the same bytes.
///
/// # Errors
/// [`BadLength`].
pub fn kwp_wrap(wrapping_key: &SecretArray<32>, key: &SecretBytes) -> Result<Vec<u8>, BadLength> {
    let mut wrapped = vec![0; key.len() + KWP_OVERHEAD_MAX];
    let len = kek(wrapping_key).wrap_with_padding(key.expose(), &mut wrapped).map_err(|_| BadLength)?.len();
    wrapped.truncate(len);
    Ok(wrapped)
}

/// Unwraps what [`kwp_wrap`] made.
///
/// # Errors
/// [`DoesNotUnwrap`].
pub fn kwp_unwrap(wrapping_key: &SecretArray<32>, wrapped: &[u8]) -> Result<SecretBytes, DoesNotUnwrap> {
    let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
    let key = kek(wrapping_key).unwrap_with_padding(wrapped, &mut buffer).map_err(|_| DoesNotUnwrap)?;
    Ok(SecretBytes::copy_from(key))
}

fn kek(wrapping_key: &SecretArray<32>) -> AesKek {
    AesKek::new(&AES_256, wrapping_key.expose()).expect("the key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapping_key(byte: u8) -> SecretArray<32> {
        SecretArray::from_slice(&[byte; 32]).expect("32 bytes")
    }

    #[test]
    fn what_was_wrapped_unwraps() {
        for len in (1..=64_usize).chain([1217, 2374, 4096]) {
            let key = SecretBytes::from_vec((0..len).map(|at| u8::try_from(at % 251).expect("below 251")).collect());
            let wrapped = kwp_wrap(&wrapping_key(1), &key).expect("a length that fits");
            assert_eq!(wrapped.len(), len.next_multiple_of(8) + 8);
            assert_eq!(kwp_unwrap(&wrapping_key(1), &wrapped).expect("ours"), key);
            assert_eq!(kwp_unwrap(&wrapping_key(2), &wrapped).unwrap_err(), DoesNotUnwrap);
        }
        assert_eq!(kwp_wrap(&wrapping_key(1), &SecretBytes::from_vec(vec![])).unwrap_err(), BadLength);
    }

    #[test]
    fn changed_bytes_do_not_unwrap() {
        let key = SecretBytes::copy_from(b"thirty-two bytes of key material");
        let wrapped = kwp_wrap(&wrapping_key(1), &key).expect("a length that fits");
        for bit in 0..wrapped.len() * 8 {
            let mut touched = wrapped.clone();
            touched[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kwp_unwrap(&wrapping_key(1), &touched).unwrap_err(), DoesNotUnwrap);
        }
        for len in 0..wrapped.len() {
            assert_eq!(kwp_unwrap(&wrapping_key(1), &wrapped[..len]).unwrap_err(), DoesNotUnwrap);
        }
    }
}
