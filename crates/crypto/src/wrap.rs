//! Wrapping of key material under another key: what `ImportKeyMaterial` receives.
//!
//! AES key wrap with padding (RFC 5649, SP 800-38F KWP), and around it PKCS#11's `CKM_RSA_AES_KEY_WRAP`: a fresh AES key
//! under OAEP, then the material under the AES key. Short material comes under OAEP or SM2PKE alone.
//!
//! # Not here
//! Making the wrapping key pair, its token and their lifetimes; what the unwrapped bytes must be
//! ([`Material::import`](crate::material::Material::import)). KWP with keys of 128 and 192 bits: nothing offers them.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use strongroom_core::generated::{AlgorithmSpec, EncryptionAlgorithmSpec, KeySpec};
use strongroom_core::secret::{SecretArray, SecretBytes};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::material::Material;

/// Most bytes that a wrapped key adds: the block of the length, and the padding.
const KWP_OVERHEAD_MAX: usize = 15;

/// Unwraps the material in `wrapped` with the private half of the wrapping key.
///
/// # Errors
/// [`Error::Refused`] for whatever is wrong with `wrapped`; [`Error::DoesNotFit`] when the algorithm is none of the key's,
/// and for `RSAES_PKCS1_V1_5`, which is no longer offered because its padding makes oracles.
pub fn unwrap_material(key: &Material, algorithm: AlgorithmSpec, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    match algorithm {
        AlgorithmSpec::RsaesOaepSha1 => key.decrypt(EncryptionAlgorithmSpec::RsaesOaepSha1, wrapped),
        AlgorithmSpec::RsaesOaepSha256 => key.decrypt(EncryptionAlgorithmSpec::RsaesOaepSha256, wrapped),
        AlgorithmSpec::RsaAesKeyWrapSha1 => rsa_aes_unwrap(key, EncryptionAlgorithmSpec::RsaesOaepSha1, wrapped),
        AlgorithmSpec::RsaAesKeyWrapSha256 => rsa_aes_unwrap(key, EncryptionAlgorithmSpec::RsaesOaepSha256, wrapped),
        AlgorithmSpec::Sm2Pke => key.decrypt(EncryptionAlgorithmSpec::Sm2Pke, wrapped),
        AlgorithmSpec::RsaesPkcs1V15 => Err(Error::DoesNotFit),
    }
}

fn rsa_aes_unwrap(key: &Material, oaep: EncryptionAlgorithmSpec, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    let (wrapped_aes_key, rest) = wrapped.split_at_checked(modulus_bytes(key.spec())?).ok_or(Error::Refused)?;
    let aes_key = key.decrypt(oaep, wrapped_aes_key)?;
    kwp_unwrap(&SecretArray::from_slice(aes_key.expose()).ok_or(Error::Refused)?, rest)
}

const fn modulus_bytes(spec: KeySpec) -> Result<usize, Error> {
    match spec {
        KeySpec::Rsa2048 => Ok(256),
        KeySpec::Rsa3072 => Ok(384),
        KeySpec::Rsa4096 => Ok(512),
        KeySpec::SymmetricDefault
        | KeySpec::Hmac224
        | KeySpec::Hmac256
        | KeySpec::Hmac384
        | KeySpec::Hmac512
        | KeySpec::EccNistP256
        | KeySpec::EccNistP384
        | KeySpec::EccNistP521
        | KeySpec::EccSecgP256k1
        | KeySpec::EccNistEdwards25519
        | KeySpec::MlDsa44
        | KeySpec::MlDsa65
        | KeySpec::MlDsa87
        | KeySpec::MlKem512
        | KeySpec::MlKem768
        | KeySpec::MlKem1024
        | KeySpec::Sm2 => Err(Error::DoesNotFit),
    }
}

/// Wraps `key` under `wrapping_key`. The same key wrapped twice gives the same bytes.
///
/// # Errors
/// [`Error::DoesNotFit`] for an empty key and for one of 2^31 bytes.
pub fn kwp_wrap(wrapping_key: &SecretArray<32>, key: &SecretBytes) -> Result<Vec<u8>, Error> {
    let mut wrapped = vec![0; key.len() + KWP_OVERHEAD_MAX];
    let len = kek(wrapping_key).wrap_with_padding(key.expose(), &mut wrapped).map_err(|_| Error::DoesNotFit)?.len();
    wrapped.truncate(len);
    Ok(wrapped)
}

/// Unwraps what [`kwp_wrap`] made.
///
/// # Errors
/// [`Error::Refused`].
pub fn kwp_unwrap(wrapping_key: &SecretArray<32>, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    let mut buffer = Zeroizing::new(vec![0; wrapped.len()]);
    let key = kek(wrapping_key).unwrap_with_padding(wrapped, &mut buffer).map_err(|_| Error::Refused)?;
    Ok(SecretBytes::copy_from(key))
}

fn kek(wrapping_key: &SecretArray<32>) -> AesKek {
    AesKek::new(&AES_256, wrapping_key.expose()).expect("the key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::SymmetricSuite;
    use crate::rng::SystemRng;

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
            assert_eq!(kwp_unwrap(&wrapping_key(2), &wrapped).unwrap_err(), Error::Refused);
        }
        assert_eq!(kwp_wrap(&wrapping_key(1), &SecretBytes::from_vec(vec![])).unwrap_err(), Error::DoesNotFit);
    }

    #[test]
    fn changed_bytes_do_not_unwrap() {
        let key = SecretBytes::copy_from(b"thirty-two bytes of key material");
        let wrapped = kwp_wrap(&wrapping_key(1), &key).expect("a length that fits");
        for bit in 0..wrapped.len() * 8 {
            let mut touched = wrapped.clone();
            touched[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kwp_unwrap(&wrapping_key(1), &touched).unwrap_err(), Error::Refused);
        }
        for len in 0..wrapped.len() {
            assert_eq!(kwp_unwrap(&wrapping_key(1), &wrapped[..len]).unwrap_err(), Error::Refused);
        }
    }

    #[test]
    fn material_unwraps_by_its_own_algorithm_alone() {
        use AlgorithmSpec as A;
        use EncryptionAlgorithmSpec as E;
        let generate = |spec| Material::generate(spec, SymmetricSuite::Aes, &SystemRng).expect("entropy");
        let (rsa, sm2, ec) = (generate(KeySpec::Rsa2048), generate(KeySpec::Sm2), generate(KeySpec::EccNistP256));
        let encrypt =
            |key: &Material, algorithm, bytes: &[u8]| key.encrypt(algorithm, bytes, &SystemRng).expect("fits");
        let material = SecretBytes::copy_from(b"thirty-two bytes of key material");
        let rsa_aes = |oaep, aes_key: &[u8]| {
            let kwp = kwp_wrap(&wrapping_key(7), &material).expect("fits");
            [encrypt(&rsa, oaep, aes_key), kwp].concat()
        };
        let rows = [
            (&rsa, A::RsaesOaepSha1, encrypt(&rsa, E::RsaesOaepSha1, material.expose())),
            (&rsa, A::RsaesOaepSha256, encrypt(&rsa, E::RsaesOaepSha256, material.expose())),
            (&rsa, A::RsaAesKeyWrapSha1, rsa_aes(E::RsaesOaepSha1, &[7; 32])),
            (&rsa, A::RsaAesKeyWrapSha256, rsa_aes(E::RsaesOaepSha256, &[7; 32])),
            (&sm2, A::Sm2Pke, encrypt(&sm2, E::Sm2Pke, material.expose())),
        ];
        for (key, algorithm, wrapped) in &rows {
            assert_eq!(unwrap_material(key, *algorithm, wrapped).expect("ours"), material, "{algorithm}");
            for other in A::ALL.iter().filter(|other| *other != algorithm) {
                unwrap_material(key, *other, wrapped).expect_err("wrapped by another");
            }
            for len in (0..wrapped.len()).step_by(7) {
                let cut = unwrap_material(key, *algorithm, &wrapped[..len]);
                assert_eq!(cut.unwrap_err(), Error::Refused, "{algorithm} {len}");
            }
            for at in (0..wrapped.len()).step_by(7) {
                let mut touched = wrapped.clone();
                touched[at] ^= 0x10;
                assert_eq!(unwrap_material(key, *algorithm, &touched).unwrap_err(), Error::Refused, "{algorithm} {at}");
            }
            assert_eq!(unwrap_material(&ec, *algorithm, wrapped).unwrap_err(), Error::DoesNotFit, "{algorithm}");
        }
        let short_key = rsa_aes(E::RsaesOaepSha256, &[7; 16]);
        assert_eq!(unwrap_material(&rsa, A::RsaAesKeyWrapSha256, &short_key).unwrap_err(), Error::Refused);
        assert_eq!(unwrap_material(&rsa, A::RsaesPkcs1V15, &[0; 256]).unwrap_err(), Error::DoesNotFit);
        assert_eq!(unwrap_material(&sm2, A::RsaesOaepSha256, &[0; 256]).unwrap_err(), Error::DoesNotFit);
    }
}
