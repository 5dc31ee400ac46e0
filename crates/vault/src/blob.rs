//! The header of a symmetric ciphertext blob (`docs/ciphertext-format.md`): hostile bytes in, a typed header out.
//!
//! # Not here
//! Keys: [`Handle`](crate::Handle) encrypts and decrypts what stands behind the header.

use strongroom_core::ids::{AccountId, KeyId, KeyMaterialId};
use strongroom_crypto::derived::MessageNonce;
use strongroom_crypto::digest;
use strongroom_crypto::material::SymmetricSuite;

/// Bytes before the ciphertext.
pub const HEADER_BYTES: usize = 88;
/// Bytes of the tag after the ciphertext.
pub const TAG_BYTES: usize = 16;

const FORMAT: u8 = 1;
const CHECKED_BYTES: usize = 84;

/// The bytes are no ciphertext blob of this service's format, or its header was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext blob")]
pub struct NotABlob;

/// What a blob says in the clear: which key and which of its materials made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which primitives.
    pub suite: SymmetricSuite,
    /// The account that owns the key.
    pub account: AccountId,
    /// The key's id, the same in every Region of a multi-Region key.
    pub key: KeyId,
    /// The material.
    pub material: KeyMaterialId,
    /// Derivation nonce and IV.
    pub nonce: MessageNonce,
}

impl Header {
    /// The header as it stands in the blob.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0] = FORMAT;
        out[1] = suite_code(self.suite);
        out[2] = u8::from(self.key.is_multi_region());
        out[3..19].copy_from_slice(&self.key.to_binary());
        out[19..24].copy_from_slice(&self.account.to_number().to_be_bytes()[3..]);
        out[24..56].copy_from_slice(&self.material.0);
        out[56..84].copy_from_slice(&self.nonce.to_bytes());
        let check = header_check(&out);
        out[CHECKED_BYTES..].copy_from_slice(&check);
        out
    }

    /// Reads the header of `blob`.
    ///
    /// # Errors
    /// [`NotABlob`] for anything that [`Header::to_bytes`] and a non-empty ciphertext with its tag cannot have made.
    pub fn parse(blob: &[u8]) -> Result<Self, NotABlob> {
        let (header, rest) = blob.split_first_chunk::<HEADER_BYTES>().ok_or(NotABlob)?;
        if rest.len() <= TAG_BYTES || header[0] != FORMAT || header[CHECKED_BYTES..] != header_check(header) {
            return Err(NotABlob);
        }
        let multi_region = match header[2] {
            0 => false,
            1 => true,
            2.. => return Err(NotABlob),
        };
        let mut account = [0; 8];
        account[3..].copy_from_slice(&header[19..24]);
        Ok(Self {
            suite: suite_of_code(header[1])?,
            account: AccountId::from_number(u64::from_be_bytes(account)).ok_or(NotABlob)?,
            key: KeyId::from_binary(multi_region, array(&header[3..19])?),
            material: KeyMaterialId(array(&header[24..56])?),
            nonce: MessageNonce::from_bytes(&array(&header[56..84])?),
        })
    }
}

const fn suite_code(suite: SymmetricSuite) -> u8 {
    match suite {
        SymmetricSuite::Aes => 1,
        SymmetricSuite::Sm4 => 2,
    }
}

const fn suite_of_code(code: u8) -> Result<SymmetricSuite, NotABlob> {
    match code {
        1 => Ok(SymmetricSuite::Aes),
        2 => Ok(SymmetricSuite::Sm4),
        0 | 3.. => Err(NotABlob),
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], NotABlob> {
    bytes.try_into().map_err(|_| NotABlob)
}

fn header_check(header: &[u8; HEADER_BYTES]) -> [u8; HEADER_BYTES - CHECKED_BYTES] {
    let digest = digest::sha256(&header[..CHECKED_BYTES]);
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The canonical encoding of an encryption context: no two contexts share one.
///
/// `pairs` come sorted by the bytes of their keys and without duplicates, as a `BTreeMap<String, String>` gives them.
pub fn encode_context<'a>(pairs: impl ExactSizeIterator<Item = (&'a String, &'a String)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    put_len(&mut out, pairs.len());
    for (key, value) in pairs {
        for text in [key, value] {
            put_len(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("the request's body limit is far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn header(multi_region: bool) -> Header {
        Header {
            suite: SymmetricSuite::Aes,
            account: "111122223333".parse().expect("an account"),
            key: KeyId::from_binary(multi_region, [7; 16]),
            material: KeyMaterialId([8; 32]),
            nonce: MessageNonce::from_bytes(&[9; 28]),
        }
    }

    fn blob(header: Header) -> Vec<u8> {
        [&header.to_bytes()[..], &[0; TAG_BYTES + 1]].concat()
    }

    #[test]
    fn a_header_survives_its_bytes() {
        for multi_region in [false, true] {
            assert_eq!(Header::parse(&blob(header(multi_region))), Ok(header(multi_region)));
        }
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_noticed() {
        let good = blob(header(false));
        for bit in 0..HEADER_BYTES * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&bad), Err(NotABlob), "bit {bit}");
        }
    }

    #[test]
    fn every_shorter_blob_is_refused() {
        let good = blob(header(false));
        for len in 0..good.len() {
            assert_eq!(Header::parse(&good[..len]), Err(NotABlob), "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Header::parse(&bytes);
        }

        #[test]
        fn contexts_that_differ_have_encodings_that_differ(
            a in proptest::collection::btree_map("[ab=,]{0,3}", "[ab=,]{0,3}", 0..4),
            b in proptest::collection::btree_map("[ab=,]{0,3}", "[ab=,]{0,3}", 0..4),
        ) {
            let encode = |map: &BTreeMap<String, String>| encode_context(map.iter());
            prop_assert_eq!(a == b, encode(&a) == encode(&b));
        }
    }
}
