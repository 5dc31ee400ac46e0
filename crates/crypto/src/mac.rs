//! HMAC-SHA-256 on a prepared key, for signatures of requests and for key derivation.
//!
//! # Not here
//! The HMAC key specs of the service; they are a family of [`crate`] like any other.

use std::fmt;

use aws_lc_rs::hmac;
use strongroom_core::secret::constant_time_eq;

/// A key whose two padded blocks are hashed already, so that a short message costs two compressions.
#[derive(Clone)]
pub struct HmacSha256Key(hmac::Key);

impl HmacSha256Key {
    /// Prepares `key`, of any length; the caller wipes it.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The HMAC of the concatenated `parts`.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Whether `tag` is the HMAC of the concatenated `parts`, compared in constant time.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time_eq(&self.sign(parts), tag)
    }
}

impl fmt::Debug for HmacSha256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn published_macs() {
        check(
            b"Jefe",
            &[b"what do ya want ", b"for nothing?"],
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 131],
            &[b"Test Using Larger Than Block-Size Key - Hash Key First"],
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );

        #[track_caller]
        fn check(key: &[u8], parts: &[&[u8]], expect: &str) {
            let key = HmacSha256Key::new(key);
            assert_eq!(key.sign(parts).to_vec(), hex(expect));
            assert!(key.verify(parts, &hex(expect)));
            assert!(!key.verify(parts, &hex(expect)[..31]));
            assert!(!key.verify(&[], &hex(expect)));
        }
    }
}
