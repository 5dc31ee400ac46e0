//! ML-DSA (FIPS 204), pure, with the empty context. Keys are kept as their 32-byte seed.
//!
//! Messages are signed and verified by AWS-LC. Those that come as their representative μ (EXTERNAL_MU) go to RustCrypto's
//! `ml-dsa`, because aws-lc-rs does not take μ. Both are hedged: the same message has many signatures.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsRawBytes, PqdsaPrivateKeyRaw};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING, ParsedPublicKey,
    PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use ml_dsa::{
    EncodedVerifyingKey, ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey,
};
use strongroom_core::generated::SigningAlgorithmSpec;
use strongroom_core::secret::{SecretArray, SecretBytes, constant_time_eq};
use strongroom_core::world::Rng;

use super::encoding::{self, Algorithm};
use super::{Handed, Message, get_or_try_init};
use crate::error::{Damaged, Error, ImportError};

/// The sizes that the service offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl Size {
    /// RFC 9881.
    const fn key_algorithm(self) -> Algorithm {
        Algorithm::bare(match self {
            Self::MlDsa44 => "2.16.840.1.101.3.4.3.17",
            Self::MlDsa65 => "2.16.840.1.101.3.4.3.18",
            Self::MlDsa87 => "2.16.840.1.101.3.4.3.19",
        })
    }

    const fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44_SIGNING,
            Self::MlDsa65 => &ML_DSA_65_SIGNING,
            Self::MlDsa87 => &ML_DSA_87_SIGNING,
        }
    }

    const fn verifying(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44,
            Self::MlDsa65 => &ML_DSA_65,
            Self::MlDsa87 => &ML_DSA_87,
        }
    }
}

fn check_algorithm(algorithm: SigningAlgorithmSpec) -> Result<(), Error> {
    if matches!(algorithm, SigningAlgorithmSpec::MlDsaShake256) { Ok(()) } else { Err(Error::DoesNotFit) }
}

/// The two forms of message; a digest is none of them.
enum Signed<'a> {
    Raw(&'a [u8]),
    Mu(&'a [u8; 64]),
}

fn signed(message: Message<'_>) -> Result<Signed<'_>, Error> {
    match message {
        Message::Raw(message) => Ok(Signed::Raw(message)),
        Message::ExternalMu(mu) => Ok(Signed::Mu(mu.try_into().map_err(|_| Error::DoesNotFit)?)),
        Message::Digest(_) => Err(Error::DoesNotFit),
    }
}

/// A public key.
pub(crate) struct PublicKey {
    size: Size,
    raw: Box<[u8]>,
    spki: Box<[u8]>,
    verifying: ParsedPublicKey,
    verifying_mu: OnceLock<MuVerifier>,
}

impl PublicKey {
    pub(crate) fn from_spki(size: Size, spki: &[u8]) -> Result<Self, Error> {
        Self::from_raw(size, encoding::public_key_bits(size.key_algorithm(), spki).ok_or(Error::Refused)?)
    }

    fn from_raw(size: Size, raw: &[u8]) -> Result<Self, Error> {
        // The library takes a SubjectPublicKeyInfo too, so the length says which this is.
        if raw.len() != size.signing().public_key_len() {
            return Err(Error::Refused);
        }
        let verifying = ParsedPublicKey::new(size.verifying(), raw).map_err(|_| Error::Refused)?;
        let spki = encoding::spki(size.key_algorithm(), raw);
        Ok(Self { size, raw: raw.into(), spki, verifying, verifying_mu: OnceLock::new() })
    }

    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), Error> {
        check_algorithm(algorithm)?;
        match signed(message)? {
            Signed::Raw(message) => self.verifying.verify_sig(message, signature).map_err(|_| Error::Refused),
            Signed::Mu(mu) => {
                get_or_try_init(&self.verifying_mu, || MuVerifier::new(self.size, &self.raw))?.verify(mu, signature)
            }
        }
    }
}

/// RustCrypto's public key, its matrix expanded.
enum MuVerifier {
    MlDsa44(Box<VerifyingKey<MlDsa44>>),
    MlDsa65(Box<VerifyingKey<MlDsa65>>),
    MlDsa87(Box<VerifyingKey<MlDsa87>>),
}

impl MuVerifier {
    fn new(size: Size, raw: &[u8]) -> Result<Self, Error> {
        return match size {
            Size::MlDsa44 => decode(raw).map(Self::MlDsa44),
            Size::MlDsa65 => decode(raw).map(Self::MlDsa65),
            Size::MlDsa87 => decode(raw).map(Self::MlDsa87),
        };

        fn decode<P: MlDsaParams>(raw: &[u8]) -> Result<Box<VerifyingKey<P>>, Error> {
            let encoded = EncodedVerifyingKey::<P>::try_from(raw).map_err(|_| Error::Refused)?;
            Ok(Box::new(VerifyingKey::decode(&encoded)))
        }
    }

    fn verify(&self, mu: &[u8; 64], signature: &[u8]) -> Result<(), Error> {
        return match self {
            Self::MlDsa44(key) => verify(key, mu, signature),
            Self::MlDsa65(key) => verify(key, mu, signature),
            Self::MlDsa87(key) => verify(key, mu, signature),
        };

        fn verify<P: MlDsaParams>(key: &VerifyingKey<P>, mu: &[u8; 64], signature: &[u8]) -> Result<(), Error> {
            let signature = Signature::<P>::try_from(signature).map_err(|_| Error::Refused)?;
            if key.verify_mu(mu.into(), &signature) { Ok(()) } else { Err(Error::Refused) }
        }
    }
}

/// A private key.
pub(crate) struct PrivateKey {
    seed: SecretArray<32>,
    pair: PqdsaKeyPair,
    public: PublicKey,
    signing_mu: OnceLock<MuSigner>,
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
        let key = Self::from_seed(size, SecretArray::from_slice(seed).ok_or(refused)?).map_err(|_| refused)?;
        let fits = parts.public_key.is_none_or(|raw| raw == &*key.public.raw)
            && expanded.is_none_or(|expanded| key.has_expanded(expanded));
        if fits { Ok(key) } else { Err(refused) }
    }

    fn from_seed(size: Size, seed: SecretArray<32>) -> Result<Self, Error> {
        let pair = PqdsaKeyPair::from_seed(size.signing(), seed.expose()).map_err(|_| Error::Failed)?;
        let public = PublicKey::from_raw(size, pair.public_key().as_ref())?;
        Ok(Self { seed, pair, public, signing_mu: OnceLock::new() })
    }

    fn has_expanded(&self, expanded: &[u8]) -> bool {
        let ours: Result<PqdsaPrivateKeyRaw<'_>, _> = self.pair.private_key().as_raw_bytes();
        ours.is_ok_and(|ours| constant_time_eq(ours.as_ref(), expanded))
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn to_seed(&self) -> SecretBytes {
        SecretBytes::copy_from(self.seed.expose())
    }

    pub(crate) fn to_pkcs8(&self) -> SecretBytes {
        let pkcs8 = encoding::pkcs8(self.public.size.key_algorithm(), &encoding::seed(self.seed.expose()));
        SecretBytes::copy_from(&pkcs8)
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithmSpec,
        message: Message<'_>,
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        check_algorithm(algorithm)?;
        match signed(message)? {
            Signed::Raw(message) => {
                let mut signature = vec![0; self.pair.algorithm().signature_len()];
                self.pair.sign(message, &mut signature).map_err(|_| Error::Failed)?;
                Ok(signature)
            }
            Signed::Mu(mu) => self.signing_mu.get_or_init(|| MuSigner::new(self.public.size, &self.seed)).sign(mu, rng),
        }
    }
}

/// RustCrypto's private key, expanded; wiped when dropped.
enum MuSigner {
    MlDsa44(Box<ExpandedSigningKey<MlDsa44>>),
    MlDsa65(Box<ExpandedSigningKey<MlDsa65>>),
    MlDsa87(Box<ExpandedSigningKey<MlDsa87>>),
}

impl MuSigner {
    fn new(size: Size, seed: &SecretArray<32>) -> Self {
        let seed = seed.expose().into();
        match size {
            Size::MlDsa44 => Self::MlDsa44(Box::new(ExpandedSigningKey::from_seed(seed))),
            Size::MlDsa65 => Self::MlDsa65(Box::new(ExpandedSigningKey::from_seed(seed))),
            Size::MlDsa87 => Self::MlDsa87(Box::new(ExpandedSigningKey::from_seed(seed))),
        }
    }

    fn sign(&self, mu: &[u8; 64], rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        return match self {
            Self::MlDsa44(key) => sign(key, mu, rng),
            Self::MlDsa65(key) => sign(key, mu, rng),
            Self::MlDsa87(key) => sign(key, mu, rng),
        };

        fn sign<P: MlDsaParams>(key: &ExpandedSigningKey<P>, mu: &[u8; 64], rng: &dyn Rng) -> Result<Vec<u8>, Error> {
            let signature = key.sign_mu_randomized(mu.into(), &mut Handed(rng)).map_err(|_| Error::Failed)?;
            Ok(signature.encode().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SystemRng;

    const ALGORITHM: SigningAlgorithmSpec = SigningAlgorithmSpec::MlDsaShake256;

    /// The two libraries are each other's witness: what one signs the other verifies, message against μ.
    #[test]
    fn message_and_mu_have_the_same_signatures() {
        check::<MlDsa44>(Size::MlDsa44);
        check::<MlDsa65>(Size::MlDsa65);
        check::<MlDsa87>(Size::MlDsa87);

        #[track_caller]
        fn check<P: MlDsaParams>(size: Size) {
            let key = PrivateKey::generate(size, &SystemRng).expect("generates");
            let encoded = EncodedVerifyingKey::<P>::try_from(&*key.public.raw).expect("the right length");
            let theirs = VerifyingKey::<P>::decode(&encoded);
            let seed = key.seed.expose().into();
            assert_eq!(ExpandedSigningKey::<P>::from_seed(seed).verifying_key(), theirs, "the same key from the seed");

            for message in [&b"message"[..], &[0; 4096]] {
                let hash = |shake: &mut _| {
                    shake::Update::update(shake, message);
                    Ok(())
                };
                let mu: [u8; 64] = theirs.compute_mu(hash, &[]).expect("the context is short").into();
                let raw = key.sign(ALGORITHM, Message::Raw(message), &SystemRng).expect("signs");
                assert_eq!(key.public.verify(ALGORITHM, Message::ExternalMu(&mu), &raw), Ok(()));
                let external = key.sign(ALGORITHM, Message::ExternalMu(&mu), &SystemRng).expect("signs");
                assert_eq!(key.public.verify(ALGORITHM, Message::Raw(message), &external), Ok(()));
                assert_ne!(raw, external, "hedged");
                assert_eq!(key.public.verify(ALGORITHM, Message::Raw(b"other"), &external), Err(Error::Refused));
                assert_eq!(key.public.verify(ALGORITHM, Message::ExternalMu(&[0; 64]), &raw), Err(Error::Refused));
            }
        }
    }

    #[test]
    fn a_key_with_its_expanded_form_must_fit() {
        for size in [Size::MlDsa44, Size::MlDsa65, Size::MlDsa87] {
            let key = PrivateKey::generate(size, &SystemRng).expect("generates");
            let raw: PqdsaPrivateKeyRaw<'_> = key.pair.private_key().as_raw_bytes().expect("encodes");
            let both = |expanded: &[u8]| {
                encoding::pkcs8(size.key_algorithm(), &encoding::seed_with(key.seed.expose(), expanded))
            };
            assert!(PrivateKey::import(size, &both(raw.as_ref())).is_ok());
            let mut other = raw.as_ref().to_vec();
            other[100] ^= 1;
            assert!(PrivateKey::import(size, &both(&other)).is_err());
            assert!(PrivateKey::import(size, &both(&[])).is_err());
            // Without the seed it cannot be stored.
            let bare = encoding::pkcs8(size.key_algorithm(), &encoding::octet_string(raw.as_ref()));
            assert!(PrivateKey::import(size, &bare).is_err());
        }
    }
}
