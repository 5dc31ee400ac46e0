//! ML-KEM (FIPS 203). Keys are kept as their 64-byte seed d ‖ z.
//!
//! AWS-LC encapsulates and decapsulates. RustCrypto's `ml-kem` expands the seed, because aws-lc-rs takes and gives expanded
//! keys alone.

use aws_lc_rs::kem::{self, Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024, KeyExport, Seed};
use strongroom_core::secret::{SecretArray, SecretBytes, constant_time_eq};
use strongroom_core::world::Rng;
use zeroize::{Zeroize, Zeroizing};

use super::encoding::{self, Algorithm};
use crate::error::{Damaged, Error, ImportError};

/// The sizes that the service offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    MlKem512,
    MlKem768,
    MlKem1024,
}

impl Size {
    /// RFC 9935.
    const fn key_algorithm(self) -> Algorithm {
        Algorithm::bare(match self {
            Self::MlKem512 => "2.16.840.1.101.3.4.4.1",
            Self::MlKem768 => "2.16.840.1.101.3.4.4.2",
            Self::MlKem1024 => "2.16.840.1.101.3.4.4.3",
        })
    }

    const fn kem(self) -> &'static kem::Algorithm {
        match self {
            Self::MlKem512 => &kem::ML_KEM_512,
            Self::MlKem768 => &kem::ML_KEM_768,
            Self::MlKem1024 => &kem::ML_KEM_1024,
        }
    }

    const fn ciphertext_bytes(self) -> usize {
        match self {
            Self::MlKem512 => 768,
            Self::MlKem768 => 1088,
            Self::MlKem1024 => 1568,
        }
    }
}

/// A seed expanded (FIPS 203, algorithm 16).
struct Expanded {
    decapsulation_key: Zeroizing<Vec<u8>>,
    encapsulation_key: Vec<u8>,
}

macro_rules! expand {
    ($key:ty, $seed:expr) => {{
        #[expect(deprecated, reason = "no key is stored so, but AWS-LC takes no other form")]
        use ml_kem::ExpandedKeyEncoding;
        let key = <$key>::from_seed(Seed::from(*$seed.expose()));
        #[expect(deprecated, reason = "as above")]
        let mut expanded = key.to_expanded_bytes();
        let decapsulation_key = Zeroizing::new(expanded.to_vec());
        expanded.zeroize();
        Expanded { decapsulation_key, encapsulation_key: key.encapsulation_key().to_bytes().to_vec() }
    }};
}

fn expand(size: Size, seed: &SecretArray<64>) -> Expanded {
    match size {
        Size::MlKem512 => expand!(DecapsulationKey512, seed),
        Size::MlKem768 => expand!(DecapsulationKey768, seed),
        Size::MlKem1024 => expand!(DecapsulationKey1024, seed),
    }
}

/// A public key.
pub(crate) struct PublicKey {
    spki: Box<[u8]>,
    encapsulating: EncapsulationKey,
}

impl PublicKey {
    pub(crate) fn from_spki(size: Size, spki: &[u8]) -> Result<Self, Error> {
        Self::from_raw(size, encoding::public_key_bits(size.key_algorithm(), spki).ok_or(Error::Refused)?)
    }

    fn from_raw(size: Size, raw: &[u8]) -> Result<Self, Error> {
        let encapsulating = EncapsulationKey::new(size.kem(), raw).map_err(|_| Error::Refused)?;
        Ok(Self { spki: encoding::spki(size.key_algorithm(), raw), encapsulating })
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// A ciphertext and the shared secret in it.
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        let (ciphertext, secret) = self.encapsulating.encapsulate().map_err(|_| Error::Failed)?;
        Ok((ciphertext.as_ref().to_vec(), SecretBytes::copy_from(secret.as_ref())))
    }
}

/// A private key.
pub(crate) struct PrivateKey {
    size: Size,
    seed: SecretArray<64>,
    decapsulating: DecapsulationKey,
    public: PublicKey,
}

impl PrivateKey {
    pub(crate) fn generate(size: Size, rng: &dyn Rng) -> Result<Self, Error> {
        Self::from_seed(size, SecretArray::init(|seed| rng.fill(seed))?)
    }

    pub(crate) fn from_stored(size: Size, seed: &[u8]) -> Result<Self, Damaged> {
        Self::from_seed(size, SecretArray::from_slice(seed).ok_or(Damaged)?).map_err(|_| Damaged)
    }

    pub(crate) fn import(size: Size, pkcs8: &[u8]) -> Result<Self, ImportError> {
        let refused = ImportError::NotOfThisSpec;
        let parts = encoding::private_key_parts(size.key_algorithm(), pkcs8).ok_or(refused)?;
        let (seed, expanded) = encoding::seed_and_expanded(parts.private_key).ok_or(refused)?;
        let seed = SecretArray::from_slice(seed).ok_or(refused)?;
        let ours = expand(size, &seed);
        let fits = parts.public_key.is_none_or(|raw| raw == ours.encapsulation_key)
            && expanded.is_none_or(|expanded| constant_time_eq(&ours.decapsulation_key, expanded));
        if !fits {
            return Err(refused);
        }
        Self::from_seed(size, seed).map_err(|_| refused)
    }

    fn from_seed(size: Size, seed: SecretArray<64>) -> Result<Self, Error> {
        let expanded = expand(size, &seed);
        let decapsulating =
            DecapsulationKey::new(size.kem(), &expanded.decapsulation_key).map_err(|_| Error::Failed)?;
        let public = PublicKey::from_raw(size, &expanded.encapsulation_key)?;
        Ok(Self { size, seed, decapsulating, public })
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn to_seed(&self) -> SecretBytes {
        SecretBytes::copy_from(self.seed.expose())
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        SecretBytes::copy_from(&encoding::pkcs8(self.size.key_algorithm(), &encoding::seed(self.seed.expose())))
    }

    /// The shared secret. A ciphertext of the right length that is not genuine gives another secret, silently.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        if ciphertext.len() != self.size.ciphertext_bytes() {
            return Err(Error::Refused);
        }
        let secret = self.decapsulating.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| Error::Failed)?;
        Ok(SecretBytes::copy_from(secret.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use ml_kem::B32;
    use ml_kem::kem::{Decapsulate, KeyInit};

    use super::*;
    use crate::rng::SystemRng;

    /// The two libraries are each other's witness, for genuine ciphertexts and for others.
    #[test]
    fn the_libraries_agree() {
        macro_rules! check {
            ($size:expr, $theirs:ty) => {{
                let key = PrivateKey::generate($size, &SystemRng).expect("generates");
                let theirs = <$theirs>::new(&Seed::from(*key.seed.expose()));
                let (mut ciphertext, secret) = key.public.encapsulate().expect("encapsulates");
                let decapsulated = theirs.decapsulate_slice(&ciphertext).expect("the right length");
                assert_eq!(decapsulated.as_slice(), secret.expose());

                ciphertext[17] ^= 1;
                let rejected = theirs.decapsulate_slice(&ciphertext).expect("the right length");
                assert_eq!(rejected.as_slice(), key.decapsulate(&ciphertext).expect("the right length").expose());

                let (ciphertext, secret) = theirs.encapsulation_key().encapsulate_deterministic(&B32::from([7; 32]));
                assert_eq!(key.decapsulate(&ciphertext).expect("the right length").expose(), secret.as_slice());
            }};
        }
        check!(Size::MlKem512, DecapsulationKey512);
        check!(Size::MlKem768, DecapsulationKey768);
        check!(Size::MlKem1024, DecapsulationKey1024);
    }

    /// FIPS 203, 7.2: coefficients of an encapsulation key are below q.
    #[test]
    fn an_encapsulation_key_out_of_range_is_not_used() {
        for size in [Size::MlKem512, Size::MlKem768, Size::MlKem1024] {
            let key = PrivateKey::generate(size, &SystemRng).expect("generates");
            let mut spki = key.public.spki.to_vec();
            spki[22..25].fill(0xff);
            assert!(PublicKey::from_spki(size, &spki).and_then(|key| key.encapsulate().map(drop)).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_key_with_its_expanded_form_must_fit() {
        for size in [Size::MlKem512, Size::MlKem768, Size::MlKem1024] {
            let key = PrivateKey::generate(size, &SystemRng).expect("generates");
            let expanded = expand(size, &key.seed).decapsulation_key;
            let both = |expanded: &[u8]| {
                encoding::pkcs8(size.key_algorithm(), &encoding::seed_with(key.seed.expose(), expanded))
            };
            assert!(PrivateKey::import(size, &both(&expanded)).is_ok());
            let mut other = expanded.to_vec();
            other[100] ^= 1;
            assert!(PrivateKey::import(size, &both(&other)).is_err());
        }
    }
}
