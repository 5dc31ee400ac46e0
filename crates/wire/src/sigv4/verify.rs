//! The second step: the signature under the scope's key.

use std::fmt;

use strongroom_core::secret::{SecretBytes, constant_time_eq};
use strongroom_crypto::mac::HmacSha256Key;
use zeroize::Zeroizing;

use super::canonical::{self, hex};
use super::time::BasicTime;
use super::{AuthError, RequestHead, TERMINATOR, Unverified};

/// The key of one secret, day, Region and service. Deriving it costs four HMACs: callers keep it.
pub struct SigningKey(HmacSha256Key);

impl SigningKey {
    /// Derives the key of `date/region/service/aws4_request` from a secret access key.
    pub fn derive(secret: &SecretBytes, date: &str, region: &str, service: &str) -> Self {
        const PREFIX: &[u8] = b"AWS4";
        let mut prefixed = Zeroizing::new(Vec::with_capacity(PREFIX.len() + secret.len()));
        prefixed.extend_from_slice(PREFIX);
        prefixed.extend_from_slice(secret.expose());
        let mut key = HmacSha256Key::new(&prefixed);
        for step in [date, region, service, TERMINATOR] {
            let derived = Zeroizing::new(key.sign(&[step.as_bytes()]));
            key = HmacSha256Key::new(&*derived);
        }
        Self(key)
    }

    /// The signature of a request in hex. `scope` is the one that the key was derived for.
    pub(super) fn signature(
        &self,
        head: &RequestHead<'_>,
        signed_headers: &str,
        payload_sha256: &[u8; 32],
        time: &BasicTime,
        scope: &str,
    ) -> [u8; 64] {
        let mut before = *b"AWS4-HMAC-SHA256\n00000000T000000Z\n";
        before[17..33].copy_from_slice(time.as_bytes());
        let mut after = [b'\n'; 65];
        after[1..].copy_from_slice(&hex(&canonical::digest(head, signed_headers, payload_sha256)));
        hex(&self.0.sign(&[&before, scope.as_bytes(), &after]))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl Unverified<'_> {
    /// Compares the signature. `key` is the one of this request's access key, date, Region and service.
    ///
    /// # Errors
    /// [`AuthError::SignatureMismatch`], whatever the difference is.
    pub fn verify(&self, key: &SigningKey, payload_sha256: &[u8; 32]) -> Result<(), AuthError> {
        if !self.in_order {
            return Err(AuthError::SignatureMismatch);
        }
        let expect = key.signature(&self.head, self.signed_headers, payload_sha256, &self.time, self.scope);
        if constant_time_eq(&expect, self.signature.as_bytes()) { Ok(()) } else { Err(AuthError::SignatureMismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_key() {
        let secret = SecretBytes::copy_from(b"wJalrXUtnFEMI");
        let key = SigningKey::derive(&secret, "20150830", "us-east-1", "kms");
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
