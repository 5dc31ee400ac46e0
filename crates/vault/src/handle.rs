//! Open key material, ready for use: what an operation gets instead of the bytes.

use std::fmt;

use strongroom_core::arn::KeyArn;
use strongroom_core::generated::{EncryptionAlgorithmSpec, KeySpec, MacAlgorithmSpec, SigningAlgorithmSpec};
use strongroom_core::ids::KeyMaterialId;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Rng;
use strongroom_crypto::derived::MessageNonce;
use strongroom_crypto::mac::HmacSha256Key;
use strongroom_crypto::material::{Material, Message, SymmetricSuite};

use crate::Error;
use crate::blob::{HEADER_BYTES, Header, TAG_BYTES};

/// Which primitives the symmetric keys at `arn` use: SM4 in the China Regions, AES elsewhere.
pub(crate) fn suite_of(arn: &KeyArn) -> SymmetricSuite {
    if arn.region.is_china() { SymmetricSuite::Sm4 } else { SymmetricSuite::Aes }
}

/// The label of `docs/ciphertext-format.md`.
const MESSAGE_LABEL: &[u8] = b"strongroom/v1/message";
const MATERIAL_ID_LABEL: &[u8] = b"strongroom/v1/key-material-id\0";

/// The id of `material` under the key at `arn` (`docs/ciphertext-format.md`): the same bytes under another key have another.
pub(crate) fn material_id(arn: &KeyArn, material: &SecretBytes) -> KeyMaterialId {
    let key = HmacSha256Key::new(material.expose());
    KeyMaterialId(key.sign(&[MATERIAL_ID_LABEL, arn.key.as_str().as_bytes()]))
}

/// The id that material has, or would have, under the key at `arn`.
///
/// # Errors
/// [`Error::Crypto`].
pub fn material_id_of(arn: &KeyArn, material: &Material) -> Result<KeyMaterialId, Error> {
    Ok(material_id(arn, &material.to_stored()?))
}

/// One version of a key's material, open. Symmetric keys speak of blobs; all others of their algorithms.
///
/// The verbs refuse what does not fit the key, though their callers have asked before.
pub struct Handle {
    arn: KeyArn,
    material_id: KeyMaterialId,
    material: Material,
}

impl Handle {
    pub(crate) const fn new(arn: KeyArn, material_id: KeyMaterialId, material: Material) -> Self {
        Self { arn, material_id, material }
    }

    /// Which material this is.
    pub const fn material_id(&self) -> KeyMaterialId {
        self.material_id
    }

    /// What the key is.
    pub const fn spec(&self) -> KeySpec {
        self.material.spec()
    }

    /// Encrypts into a ciphertext blob. `context` is what [`encode_context`](crate::blob::encode_context) made.
    ///
    /// # Errors
    /// [`Error::NoEntropy`], [`Error::DoesNotFit`].
    pub fn seal(&self, context: &[u8], plaintext: &[u8], rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        let key = self.material.deriving_key()?;
        // A blob without a plaintext does not parse: it must not be made.
        if plaintext.is_empty() {
            return Err(Error::DoesNotFit);
        }
        let nonce = MessageNonce::random(rng)?;
        let header = Header {
            suite: suite_of(&self.arn),
            account: self.arn.account,
            key: self.arn.key,
            material: self.material_id,
            nonce,
        }
        .to_bytes();
        let mut blob = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
        blob.extend_from_slice(&header);
        key.seal(MESSAGE_LABEL, &nonce, &associated_data(&header, context), plaintext, &mut blob);
        Ok(blob)
    }

    /// Opens a blob whose header is `header`.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`]: another key, another context or changed bytes; nobody can tell which.
    pub fn open(&self, header: &Header, context: &[u8], blob: &[u8]) -> Result<SecretBytes, Error> {
        let (clear, sealed) = blob.split_first_chunk::<HEADER_BYTES>().ok_or(Error::DoesNotOpen)?;
        if header.suite != suite_of(&self.arn) || header.material != self.material_id {
            return Err(Error::DoesNotOpen);
        }
        let key = self.material.deriving_key()?;
        key.open(MESSAGE_LABEL, &header.nonce, &associated_data(clear, context), sealed).map_err(|_| Error::DoesNotOpen)
    }

    /// Encrypts with the public half: RSAES-OAEP or SM2PKE.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`].
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithmSpec,
        plaintext: &[u8],
        rng: &dyn Rng,
    ) -> Result<Vec<u8>, Error> {
        Ok(self.material.encrypt(algorithm, plaintext, rng)?)
    }

    /// Decrypts with the private half: RSAES-OAEP or SM2PKE.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] whatever is wrong with the ciphertext; [`Error::DoesNotFit`].
    pub fn decrypt(&self, algorithm: EncryptionAlgorithmSpec, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        Ok(self.material.decrypt(algorithm, ciphertext)?)
    }

    /// Signs a message, a digest or an external mu.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for a message of the wrong form too.
    pub fn sign(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>, rng: &dyn Rng) -> Result<Vec<u8>, Error> {
        Ok(self.material.sign(algorithm, message, rng)?)
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for a signature that is none; [`Error::DoesNotFit`].
    pub fn verify(&self, algorithm: SigningAlgorithmSpec, message: Message<'_>, signature: &[u8]) -> Result<(), Error> {
        Ok(self.material.verify(algorithm, message, signature)?)
    }

    /// The HMAC of a message.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`].
    pub fn mac(&self, algorithm: MacAlgorithmSpec, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.material.mac(algorithm, message)?)
    }

    /// Verifies an HMAC, all of it, in constant time.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] when it is another; [`Error::DoesNotFit`].
    pub fn verify_mac(&self, algorithm: MacAlgorithmSpec, message: &[u8], mac: &[u8]) -> Result<(), Error> {
        Ok(self.material.verify_mac(algorithm, message, mac)?)
    }

    /// The raw shared secret with a peer's public key (DER SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for a public key that is none of this curve; [`Error::DoesNotFit`].
    pub fn agree(&self, peer_spki: &[u8]) -> Result<SecretBytes, Error> {
        Ok(self.material.agree(peer_spki)?)
    }

    /// An ML-KEM ciphertext and the shared secret in it.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`].
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        Ok(self.material.encapsulate()?)
    }

    /// The shared secret in an ML-KEM ciphertext.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for another length; [`Error::DoesNotFit`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        Ok(self.material.decapsulate(ciphertext)?)
    }

    /// The public half as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] for symmetric and HMAC keys.
    pub fn public_key_spki(&self) -> Result<Vec<u8>, Error> {
        Ok(self.material.public_key_spki()?)
    }
}

fn associated_data(header: &[u8; HEADER_BYTES], context: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(HEADER_BYTES + context.len());
    aad.extend_from_slice(header);
    aad.extend_from_slice(context);
    aad
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}, {})", self.arn, self.material_id)
    }
}
