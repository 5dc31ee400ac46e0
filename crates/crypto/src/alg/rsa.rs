//! RSA (RFC 8017): PKCS#1 v1.5 and PSS signatures, OAEP encryption. The salt of PSS is as long as the digest.
//!
//! # Security
//! AWS-LC blinds every private operation and checks its result before it gives it away.

use std::sync::OnceLock;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, KeyPair, ParsedPublicKey, RsaKeyPair, RsaParameters, RsaSignatureEncoding};
use crypto_primes::{Flavor, is_prime};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Reader, SliceReader};
use sm2::elliptic_curve::bigint::{U1024, U1536, U2048};
use strongroom_core::generated::{EncryptionAlgorithmSpec, SigningAlgorithmSpec};
use strongroom_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::encoding::{self, Algorithm, Parameters};
use super::{Message, get_or_try_init};
use crate::error::{Damaged, Error, ImportError};

const RSA_ENCRYPTION: Algorithm =
    Algorithm { oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), parameters: Parameters::Null };

/// The sizes that the service offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

impl Size {
    const fn modulus_bytes(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
        }
    }

    const fn key_size(self) -> KeySize {
        match self {
            Self::Rsa2048 => KeySize::Rsa2048,
            Self::Rsa3072 => KeySize::Rsa3072,
            Self::Rsa4096 => KeySize::Rsa4096,
        }
    }
}

/// What the library needs to know of a signing algorithm.
struct Scheme {
    /// The place of its handle among [`PublicKey::verifying`].
    index: usize,
    verifying: &'static RsaParameters,
    signing: &'static RsaSignatureEncoding,
    digest: &'static digest::Algorithm,
}

const SCHEMES: usize = 6;

fn scheme(algorithm: SigningAlgorithmSpec) -> Result<Scheme, Error> {
    use SigningAlgorithmSpec as S;
    use signature as s;
    let (index, verifying, signing, digest) = match algorithm {
        S::RsassaPssSha256 => (0, &s::RSA_PSS_2048_8192_SHA256, &s::RSA_PSS_SHA256, &digest::SHA256),
        S::RsassaPssSha384 => (1, &s::RSA_PSS_2048_8192_SHA384, &s::RSA_PSS_SHA384, &digest::SHA384),
        S::RsassaPssSha512 => (2, &s::RSA_PSS_2048_8192_SHA512, &s::RSA_PSS_SHA512, &digest::SHA512),
        S::RsassaPkcs1V15Sha256 => (3, &s::RSA_PKCS1_2048_8192_SHA256, &s::RSA_PKCS1_SHA256, &digest::SHA256),
        S::RsassaPkcs1V15Sha384 => (4, &s::RSA_PKCS1_2048_8192_SHA384, &s::RSA_PKCS1_SHA384, &digest::SHA384),
        S::RsassaPkcs1V15Sha512 => (5, &s::RSA_PKCS1_2048_8192_SHA512, &s::RSA_PKCS1_SHA512, &digest::SHA512),
        S::EcdsaSha256
        | S::EcdsaSha384
        | S::EcdsaSha512
        | S::Sm2Dsa
        | S::MlDsaShake256
        | S::Ed25519Sha512
        | S::Ed25519PhSha512 => return Err(Error::DoesNotFit),
    };
    Ok(Scheme { index, verifying, signing, digest })
}

struct Oaep {
    algorithm: &'static OaepAlgorithm,
    digest_bytes: usize,
}

fn oaep(algorithm: EncryptionAlgorithmSpec) -> Result<Oaep, Error> {
    match algorithm {
        EncryptionAlgorithmSpec::RsaesOaepSha1 => Ok(Oaep { algorithm: &OAEP_SHA1_MGF1SHA1, digest_bytes: 20 }),
        EncryptionAlgorithmSpec::RsaesOaepSha256 => Ok(Oaep { algorithm: &OAEP_SHA256_MGF1SHA256, digest_bytes: 32 }),
        EncryptionAlgorithmSpec::SymmetricDefault | EncryptionAlgorithmSpec::Sm2Pke => Err(Error::DoesNotFit),
    }
}

/// A public key.
pub(crate) struct PublicKey {
    size: Size,
    /// `RSAPublicKey`, from which handles are parsed.
    der: Box<[u8]>,
    spki: Box<[u8]>,
    /// A handle per signing algorithm, because the library ties them; made when first needed.
    verifying: [OnceLock<ParsedPublicKey>; SCHEMES],
    encrypting: OnceLock<OaepPublicEncryptingKey>,
}

impl PublicKey {
    pub(crate) fn from_spki(size: Size, spki: &[u8]) -> Result<Self, Error> {
        let der = encoding::public_key_bits(RSA_ENCRYPTION, spki).ok_or(Error::Refused)?;
        Self::from_der(size, der).ok_or(Error::Refused)
    }

    fn from_der(size: Size, der: &[u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let modulus = reader.sequence(|inner| {
            let modulus = UintRef::decode(inner)?.as_bytes();
            UintRef::decode(inner)?;
            Ok::<_, der::Error>(modulus)
        });
        reader.finish().ok()?;
        if !has_bits(modulus.ok()?, size.modulus_bytes()) {
            return None;
        }
        let spki = encoding::spki(RSA_ENCRYPTION, der);
        // The library's opinion of the numbers.
        PublicEncryptingKey::from_der(&spki).ok()?;
        let verifying = [const { OnceLock::new() }; SCHEMES];
        Some(Self { size, der: der.into(), spki, verifying, encrypting: OnceLock::new() })
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
        let scheme = scheme(algorithm)?;
        let key = get_or_try_init(&self.verifying[scheme.index], || ParsedPublicKey::new(scheme.verifying, &self.der))
            .map_err(|_| Error::Failed)?;
        match message {
            Message::Raw(message) => key.verify_sig(message, signature),
            Message::Digest(bytes) => key.verify_digest_sig(&import_digest(bytes, scheme.digest)?, signature),
            Message::ExternalMu(_) => return Err(Error::DoesNotFit),
        }
        .map_err(|_| Error::Refused)
    }

    pub(crate) fn encrypt(&self, algorithm: EncryptionAlgorithmSpec, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let Oaep { algorithm, digest_bytes } = oaep(algorithm)?;
        if plaintext.len() > self.size.modulus_bytes() - 2 * digest_bytes - 2 {
            return Err(Error::DoesNotFit);
        }
        let key = get_or_try_init(&self.encrypting, || {
            PublicEncryptingKey::from_der(&self.spki)
                .map_err(|_| Error::Failed)
                .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(|_| Error::Failed))
        })?;
        let mut ciphertext = vec![0; self.size.modulus_bytes()];
        let len = key.encrypt(algorithm, plaintext, &mut ciphertext, None).map_err(|_| Error::Failed)?.len();
        debug_assert_eq!(len, ciphertext.len());
        Ok(ciphertext)
    }
}

/// The digest as the library's type; the algorithm is the key's, never guessed from the length.
pub(super) fn import_digest(bytes: &[u8], algorithm: &'static digest::Algorithm) -> Result<Digest, Error> {
    Digest::import_less_safe(bytes, algorithm).map_err(|_| Error::DoesNotFit)
}

/// A private key.
pub(crate) struct PrivateKey {
    pair: RsaKeyPair,
    public: PublicKey,
    /// The library has other handles for decryption; made when first needed.
    decrypting: OnceLock<OaepPrivateDecryptingKey>,
}

impl PrivateKey {
    pub(crate) fn generate(size: Size) -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(size.key_size()).map_err(|_| Error::Failed)?;
        Self::from_pair(size, pair).ok_or(Error::Failed)
    }

    pub(crate) fn from_stored(size: Size, pkcs8: &[u8]) -> Result<Self, Damaged> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Damaged)?;
        Self::from_pair(size, pair).ok_or(Damaged)
    }

    pub(crate) fn import(size: Size, pkcs8: &[u8]) -> Result<Self, ImportError> {
        let parts = encoding::private_key_parts(RSA_ENCRYPTION, pkcs8).ok_or(ImportError::NotOfThisSpec)?;
        check_strength(size, &Numbers::parse(parts.private_key).ok_or(ImportError::NotOfThisSpec)?)?;
        let ours = encoding::pkcs8(RSA_ENCRYPTION, parts.private_key);
        let key = Self::from_stored(size, &ours).map_err(|_| ImportError::NotOfThisSpec)?;
        if key.works() { Ok(key) } else { Err(ImportError::NotOfThisSpec) }
    }

    /// Whether what it signs verifies, and what is encrypted to it opens. The library parses numbers with which it then refuses to
    /// compute, such as a private exponent beyond the modulus.
    fn works(&self) -> bool {
        const SIGNING: SigningAlgorithmSpec = SigningAlgorithmSpec::RsassaPssSha256;
        const ENCRYPTION: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::RsaesOaepSha256;
        const TRIAL: &[u8] = b"trial";
        let signature = self.sign(SIGNING, Message::Raw(TRIAL));
        let verifies = |signature: Vec<u8>| self.public.verify(SIGNING, Message::Raw(TRIAL), &signature).is_ok();
        let opened = self.public.encrypt(ENCRYPTION, TRIAL).and_then(|sealed| self.decrypt(ENCRYPTION, &sealed));
        signature.is_ok_and(verifies) && opened.is_ok_and(|opened| opened.expose() == TRIAL)
    }

    /// Takes the numbers of an `RSAPrivateKey` in its order, big-endian.
    pub(crate) fn from_numbers(size: Size, numbers: [&[u8]; 8]) -> Result<Self, ImportError> {
        const NUMBER_BYTES_MAX: usize = 1024;
        let numbers = numbers.map(|number| {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            &number[zeros..]
        });
        if numbers.iter().any(|number| number.len() > NUMBER_BYTES_MAX) {
            return Err(ImportError::NotOfThisSpec);
        }
        Self::import(size, &encoding::pkcs8(RSA_ENCRYPTION, &encoding::rsa_private_key(0, numbers)))
    }

    fn from_pair(size: Size, pair: RsaKeyPair) -> Option<Self> {
        let public = PublicKey::from_der(size, pair.public_key().as_ref())?;
        Some(Self { pair, public, decrypting: OnceLock::new() })
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(crate) fn to_pkcs8(&self) -> Result<SecretBytes, Error> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| Error::Failed)?;
        Ok(SecretBytes::copy_from(der.as_ref()))
    }

    pub(crate) fn sign(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>) -> Result<Vec<u8>, Error> {
        let scheme = scheme(algorithm)?;
        let mut signature = vec![0; self.public.size.modulus_bytes()];
        match message {
            Message::Raw(message) => self.pair.sign(scheme.signing, &SystemRandom::new(), message, &mut signature),
            Message::Digest(bytes) => {
                self.pair.sign_digest(scheme.signing, &import_digest(bytes, scheme.digest)?, &mut signature)
            }
            Message::ExternalMu(_) => return Err(Error::DoesNotFit),
        }
        .map_err(|_| Error::Failed)?;
        Ok(signature)
    }

    pub(crate) fn decrypt(&self, algorithm: EncryptionAlgorithmSpec, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        let Oaep { algorithm, .. } = oaep(algorithm)?;
        if ciphertext.len() != self.public.size.modulus_bytes() {
            return Err(Error::Refused);
        }
        let key = get_or_try_init(&self.decrypting, || {
            let pkcs8 = self.to_pkcs8()?;
            PrivateDecryptingKey::from_pkcs8(pkcs8.expose())
                .map_err(|_| Error::Failed)
                .and_then(|key| OaepPrivateDecryptingKey::new(key).map_err(|_| Error::Failed))
        })?;
        let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
        let plaintext = key.decrypt(algorithm, ciphertext, &mut buffer, None).map_err(|_| Error::Refused)?;
        Ok(SecretBytes::copy_from(plaintext))
    }
}

/// The numbers of an `RSAPrivateKey` with two factors.
struct Numbers<'a> {
    modulus: &'a [u8],
    public_exponent: &'a [u8],
    private_exponent: &'a [u8],
    factors: [&'a [u8]; 2],
}

impl<'a> Numbers<'a> {
    fn parse(der: &'a [u8]) -> Option<Self> {
        let mut reader = SliceReader::new(der).ok()?;
        let parsed = reader.sequence(|inner| {
            let version = u8::decode(inner)?;
            let mut number = || Ok::<_, der::Error>(UintRef::decode(inner)?.as_bytes());
            let numbers = Self {
                modulus: number()?,
                public_exponent: number()?,
                private_exponent: number()?,
                factors: [number()?, number()?],
            };
            let _exponents_and_coefficient = [number()?, number()?, number()?];
            Ok::<_, der::Error>((version, numbers))
        });
        reader.finish().ok()?;
        let (version, numbers) = parsed.ok()?;
        // Version 1 is for keys of more than two factors.
        (version == 0).then_some(numbers)
    }
}

/// FIPS 186-5, A.1.1 and A.1.3, as far as it can be asked of a finished key. That the numbers fit one another is the
/// library's business.
fn check_strength(size: Size, numbers: &Numbers<'_>) -> Result<(), ImportError> {
    let half_bytes = size.modulus_bytes() / 2;
    let factors_balanced = numbers.factors.iter().all(|factor| has_bits(factor, half_bytes));
    if !has_bits(numbers.modulus, size.modulus_bytes()) || !factors_balanced {
        return Err(ImportError::NotOfThisSpec);
    }
    // Without leading zeros, an odd number of three bytes is 65537 at least.
    let exponent_sound =
        numbers.public_exponent.len() >= 3 && numbers.public_exponent.last().is_some_and(|low| low % 2 == 1);
    // Wiener's attack finds a short private exponent.
    let private_exponent_long = numbers.private_exponent.len() > half_bytes;
    let [p, q] = numbers.factors;
    if exponent_sound && private_exponent_long && far_apart(p, q) && both_prime(size, p, q) {
        Ok(())
    } else {
        Err(ImportError::Weak)
    }
}

/// Whether `number` has exactly `bytes` bytes and its top bit set.
fn has_bits(number: &[u8], bytes: usize) -> bool {
    number.len() == bytes && number.first().is_some_and(|top| top & 0x80 != 0)
}

/// Whether the factors differ in their upper 96 bits or so: Fermat's method finds factors that are close.
fn far_apart(p: &[u8], q: &[u8]) -> bool {
    let top = |factor: &[u8]| factor.first_chunk().map_or(0, |top| u128::from_be_bytes(*top));
    // FIPS 186-5 wants |p − q| > 2^(half − 100), so the difference of the upper 128 bits is more than 2^28.
    top(p).abs_diff(top(q)) > 1 << 28
}

/// Baillie-PSW; no composite number is known to pass. The time it takes depends on the factors, once at import.
fn both_prime(size: Size, p: &[u8], q: &[u8]) -> bool {
    [p, q].iter().all(|factor| match size {
        Size::Rsa2048 => is_prime(Flavor::Any, &*Zeroizing::new(U1024::from_be_slice(factor))),
        Size::Rsa3072 => is_prime(Flavor::Any, &*Zeroizing::new(U1536::from_be_slice(factor))),
        Size::Rsa4096 => is_prime(Flavor::Any, &*Zeroizing::new(U2048::from_be_slice(factor))),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use sm2::elliptic_curve::bigint::{NonZero, Uint};

    use super::*;

    /// A sound key of 2048 bits, and its factors.
    static SOUND: LazyLock<(PrivateKey, U1024, U1024)> = LazyLock::new(|| {
        let key = PrivateKey::generate(Size::Rsa2048).expect("generates");
        let pkcs8 = key.to_pkcs8().expect("encodes");
        let parts = encoding::private_key_parts(RSA_ENCRYPTION, pkcs8.expose()).expect("our own");
        let [p, q] = Numbers::parse(parts.private_key).expect("our own").factors.map(U1024::from_be_slice);
        (key, p, q)
    });

    /// The key with these factors and this exponent, all its other numbers computed to fit.
    fn rsa_private_key(version: u8, p: &U1024, q: &U1024, exponent: u32) -> Vec<u8> {
        let modulus: U2048 = p.concatenating_mul(q);
        let (p_1, q_1) = (p.wrapping_sub(&U1024::ONE), q.wrapping_sub(&U1024::ONE));
        let phi: U2048 = p_1.concatenating_mul(&q_1);
        let inverse = U2048::from_u32(exponent).invert_mod(&phi.to_nz().expect("not zero"));
        let d = inverse.into_option().expect("the exponent is prime to phi");
        let d_rem = |modulus: &U1024| -> U1024 { d.rem(&NonZero::new(*modulus).expect("not zero")) };
        let q_inverse = q.rem(&NonZero::new(*p).expect("not zero")).invert_mod(&p.to_nz().expect("not zero"));
        let numbers = [
            bytes(&modulus),
            bytes(&U1024::from_u32(exponent)),
            bytes(&d),
            bytes(p),
            bytes(q),
            bytes(&d_rem(&p_1)),
            bytes(&d_rem(&q_1)),
            bytes(&q_inverse.into_option().expect("the factors differ")),
        ];
        encoding::rsa_private_key(version, std::array::from_fn(|at| numbers[at].as_slice())).to_vec()
    }

    /// Big-endian, without leading zeros.
    fn bytes<const LIMBS: usize>(number: &Uint<LIMBS>) -> Vec<u8> {
        let mut bytes: Vec<u8> = number.to_limbs().iter().flat_map(|limb| limb.0.to_le_bytes()).rev().collect();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.drain(..zeros);
        bytes
    }

    fn import(der: &[u8]) -> Result<(), ImportError> {
        PrivateKey::import(Size::Rsa2048, &encoding::pkcs8(RSA_ENCRYPTION, der)).map(drop)
    }

    /// The first prime from `from` on, in steps of two, that `wanted` likes.
    fn prime_from(from: &U1024, wanted: impl Fn(&U1024) -> bool) -> U1024 {
        let mut candidate = *from;
        while !wanted(&candidate) || !is_prime(Flavor::Any, &candidate) {
            candidate = candidate.wrapping_add(&U1024::from_u8(2));
        }
        candidate
    }

    fn rem(number: &U1024, by: u32) -> U1024 {
        number.rem(&NonZero::new(U1024::from_u32(by)).expect("not zero"))
    }

    /// Whether 65537 has an inverse beside this factor.
    fn takes_usual_exponent(factor: &U1024) -> bool {
        rem(factor, 65_537) != U1024::ONE
    }

    #[test]
    fn sound_keys_are_taken() {
        let (_, p, q) = &*SOUND;
        assert_eq!(import(&rsa_private_key(0, p, q, 65_537)), Ok(()));
        assert_eq!(import(&rsa_private_key(0, q, p, 65_537)), Ok(()), "the smaller factor first");
    }

    #[test]
    fn small_exponents_are_weak() {
        let (_, p, q) = &*SOUND;
        let two = U1024::from_u8(2);
        let (p, q) = (prime_from(p, |p| rem(p, 3) == two), prime_from(q, |q| rem(q, 3) == two));
        let der = rsa_private_key(0, &p, &q, 3);
        assert_eq!(import(&der), Err(ImportError::Weak));
        // The library alone would have taken it.
        assert!(PrivateKey::from_stored(Size::Rsa2048, &encoding::pkcs8(RSA_ENCRYPTION, &der)).is_ok());
    }

    #[test]
    fn close_factors_are_weak() {
        let (_, p, _) = &*SOUND;
        let q = prime_from(&p.wrapping_add(&U1024::from_u8(2)), takes_usual_exponent);
        assert_eq!(import(&rsa_private_key(0, p, &q, 65_537)), Err(ImportError::Weak));
    }

    #[test]
    fn factors_that_are_not_prime_are_weak() {
        let (_, p, q) = &*SOUND;
        // Odd, of the right size, and divisible by 3: the numbers fit one another, and the library would have taken them.
        let mut composite = *p;
        while rem(&composite, 3) != U1024::ZERO || !takes_usual_exponent(&composite) {
            composite = composite.wrapping_add(&U1024::from_u8(2));
        }
        let der = rsa_private_key(0, &composite, q, 65_537);
        assert_eq!(import(&der), Err(ImportError::Weak));
        assert!(PrivateKey::from_stored(Size::Rsa2048, &encoding::pkcs8(RSA_ENCRYPTION, &der)).is_ok());
    }

    #[test]
    fn unbalanced_and_many_factors_are_refused() {
        let (_, p, q) = &*SOUND;
        assert_eq!(import(&rsa_private_key(1, p, q, 65_537)), Err(ImportError::NotOfThisSpec));
        let small = prime_from(&p.wrapping_shr(8).bitor(&U1024::ONE), takes_usual_exponent);
        assert_eq!(import(&rsa_private_key(0, &small, q, 65_537)), Err(ImportError::NotOfThisSpec));
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        let (_, p, q) = &*SOUND;
        let der = rsa_private_key(0, p, q, 65_537);
        let mut accepted = 0;
        // One flipped bit in every eleventh byte of the numbers.
        for byte in (12..der.len()).step_by(11) {
            let mut touched = der.clone();
            touched[byte] ^= 0x10;
            accepted += usize::from(import(&touched).is_ok());
        }
        assert_eq!(accepted, 0);
    }

    #[test]
    fn public_keys_have_their_size() {
        let spki = SOUND.0.public().spki();
        assert!(PublicKey::from_spki(Size::Rsa2048, spki).is_ok());
        assert_eq!(PublicKey::from_spki(Size::Rsa3072, spki).map(drop), Err(Error::Refused));
    }

    /// PSS with a salt of another length is refused, even if the signature is sound otherwise.
    #[test]
    fn the_salt_is_as_long_as_the_digest() {
        use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaPssSaltLength};
        const WITH_20: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20));
        const WITH_32: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(32));
        let key = &SOUND.0;
        let verify = |encoding| {
            let mut signature = vec![0; 256];
            key.pair.sign(encoding, &SystemRandom::new(), b"message", &mut signature).expect("signs");
            key.public().verify(SigningAlgorithmSpec::RsassaPssSha256, Message::Raw(b"message"), &signature)
        };
        assert_eq!(verify(&WITH_32), Ok(()));
        assert_eq!(verify(&WITH_20), Err(Error::Refused));
    }
}
