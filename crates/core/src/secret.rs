//! Secrets and their one way out.
//!
//! # Invariants
//! - Wiped on drop, silent in `Debug`, not serializable, not `Clone`, compared in constant time.
//! - Bytes become public only through [`SecretBytes::into_reply`], whose caller says why.
//!
//! # Not here
//! Locking pages or forbidding core dumps: that is the process's business (`server`).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes whose disclosure breaks a key or a caller's data.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Fills a fresh buffer in place, so that no unwiped copy stays behind.
    ///
    /// # Errors
    /// What `fill` returns; the buffer is wiped.
    pub fn init<E>(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut buf = Zeroizing::new(vec![0; len]);
        fill(&mut buf)?;
        Ok(Self(buf))
    }

    /// Takes over a buffer that already holds the secret; it is wiped when the secret is dropped.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies `bytes`; the caller wipes the original.
    pub fn copy_from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The only way in; reviewers search for this word.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes; not secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Declares that these bytes go to the caller, who asked for them and was allowed to. Say at the call why.
    pub fn into_reply(self) -> PlaintextBlob {
        PlaintextBlob(self)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.expose(), other.expose())
    }
}

impl Eq for SecretBytes {}

/// A secret of fixed size, such as a 32-byte key.
pub struct SecretArray<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> SecretArray<N> {
    /// Fills a fresh array in place.
    ///
    /// # Errors
    /// What `fill` returns; the array is wiped.
    pub fn init<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut buf = Zeroizing::new([0; N]);
        fill(&mut buf)?;
        Ok(Self(buf))
    }

    /// Copies `bytes` when their length is `N`; the caller wipes the original.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The only way in; reviewers search for this word.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for SecretArray<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretArray<{N}>(..)")
    }
}

impl<const N: usize> PartialEq for SecretArray<N> {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.expose(), other.expose())
    }
}

impl<const N: usize> Eq for SecretArray<N> {}

/// A secret on its way to the caller who owns it: the reply encoder may read it, nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct PlaintextBlob(SecretBytes);

impl PlaintextBlob {
    /// For the reply encoder alone.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// Compares without a branch on the bytes; the lengths are not secret.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let secret = SecretBytes::copy_from(b"attack at dawn");
        let array = SecretArray::<4>::from_slice(b"dawn").expect("four bytes");
        let text = format!("{secret:?} {array:?} {:?}", SecretBytes::copy_from(b"attack").into_reply());
        assert!(!text.contains("attack") && !text.contains("dawn") && !text.contains("97"), "{text}");
    }

    #[test]
    fn equality_is_of_all_bytes() {
        assert_eq!(SecretBytes::copy_from(b"abc"), SecretBytes::copy_from(b"abc"));
        assert_ne!(SecretBytes::copy_from(b"abc"), SecretBytes::copy_from(b"abd"));
        assert_ne!(SecretBytes::copy_from(b"abc"), SecretBytes::copy_from(b"ab"));
        assert!(SecretArray::<3>::from_slice(b"four").is_none());
    }

    #[test]
    fn a_failed_fill_leaves_nothing() {
        assert_eq!(SecretBytes::init(4, |_| Err("no entropy")).expect_err("the fill failed"), "no entropy");
    }
}
