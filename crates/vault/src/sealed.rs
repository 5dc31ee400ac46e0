//! Records under the storage key: whoever can write the database can destroy, but neither read nor alter.
//!
//! # Invariant
//! A sealed record opens only under the name (table, key, version) that it was sealed for.

use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::Rng;
use strongroom_crypto::derived::{DerivingKey, MessageNonce};

use crate::Error;

/// What a record is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordName<'a> {
    /// The table's stable code.
    pub table: u8,
    /// The key within the table.
    pub key: &'a [u8],
    /// The version that the record has once it is written.
    pub version: u64,
}

const LABEL: &[u8] = b"strongroom/v1/record";
const FORMAT: u8 = 1;
const PREFIX_BYTES: usize = 1 + 4 + MessageNonce::LEN;

/// The storage key of one version.
pub(crate) struct StorageKey {
    version: u32,
    key: DerivingKey,
}

impl StorageKey {
    pub(crate) fn new(version: u32, key: &SecretArray<32>) -> Self {
        Self { version, key: DerivingKey::new(key) }
    }

    pub(crate) fn seal(&self, name: RecordName<'_>, plaintext: &[u8], rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        let nonce = MessageNonce::random(rng)?;
        let mut out = Vec::with_capacity(PREFIX_BYTES + plaintext.len() + strongroom_crypto::derived::TAG_LEN);
        out.push(FORMAT);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&nonce.to_bytes());
        self.key.seal(LABEL, &nonce, &associated_data(self.version, name), plaintext, &mut out);
        Ok(out)
    }

    pub(crate) fn open(&self, name: RecordName<'_>, sealed: &[u8]) -> Result<SecretBytes, Error> {
        let (prefix, ciphertext) = sealed.split_first_chunk::<PREFIX_BYTES>().ok_or(Error::Damaged)?;
        if prefix[0] != FORMAT || prefix[1..5] != self.version.to_be_bytes() {
            return Err(Error::Damaged);
        }
        let nonce = MessageNonce::from_bytes(prefix[5..].try_into().map_err(|_| Error::Damaged)?);
        let aad = associated_data(self.version, name);
        self.key.open(LABEL, &nonce, &aad, ciphertext).map_err(|_| Error::Damaged)
    }
}

/// Fixed-length parts first and one variable part last: no two names share an encoding.
fn associated_data(storage_key_version: u32, name: RecordName<'_>) -> Vec<u8> {
    let mut aad = Vec::with_capacity(14 + name.key.len());
    aad.push(FORMAT);
    aad.extend_from_slice(&storage_key_version.to_be_bytes());
    aad.push(name.table);
    aad.extend_from_slice(&name.version.to_be_bytes());
    aad.extend_from_slice(name.key);
    aad
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::SeededRng;

    use super::*;

    fn storage_key(version: u32, byte: u8) -> StorageKey {
        StorageKey::new(version, &SecretArray::from_slice(&[byte; 32]).expect("32 bytes"))
    }

    const NAME: RecordName<'static> = RecordName { table: 3, key: b"000000000000/us-east-1/k", version: 7 };

    #[test]
    fn a_record_opens_under_its_own_name_alone() {
        let key = storage_key(1, 1);
        let sealed = key.seal(NAME, b"record", &SeededRng::new(1)).expect("seals");
        assert_eq!(key.open(NAME, &sealed).expect("opens").expose(), b"record");
        for other in [
            RecordName { table: 4, ..NAME },
            RecordName { version: 8, ..NAME },
            RecordName { key: b"000000000000/us-east-1/j", ..NAME },
            RecordName { key: b"000000000000/us-east-1/", ..NAME },
        ] {
            assert_eq!(key.open(other, &sealed).unwrap_err(), Error::Damaged, "{other:?}");
        }
        assert_eq!(storage_key(1, 2).open(NAME, &sealed).unwrap_err(), Error::Damaged);
        assert_eq!(storage_key(2, 1).open(NAME, &sealed).unwrap_err(), Error::Damaged);
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let key = storage_key(1, 1);
        let sealed = key.seal(NAME, b"record", &SeededRng::new(1)).expect("seals");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x80;
            assert_eq!(key.open(NAME, &changed).unwrap_err(), Error::Damaged, "byte {at}");
            assert_eq!(key.open(NAME, &sealed[..at]).unwrap_err(), Error::Damaged, "{at} bytes");
        }
    }

    #[test]
    fn the_same_record_never_looks_the_same() {
        let (key, rng) = (storage_key(1, 1), SeededRng::new(1));
        assert_ne!(key.seal(NAME, b"record", &rng).expect("seals"), key.seal(NAME, b"record", &rng).expect("seals"));
    }
}
