//! A seal by a key file, alone or with a passphrase.
//!
//! The key file is one line of text: `strongroom-key-file-v1 ` and 64 hex digits. The sealing key is
//! `HMAC-SHA-256(file key, label ‖ Argon2id(passphrase, salt))`, or without a passphrase the HMAC of the label alone.
//!
//! Sealed: `kind ‖ Argon2id parameters (with a passphrase) ‖ nonce ‖ ciphertext ‖ tag`; everything before the nonce is bound.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use strongroom_core::secret::{SecretArray, SecretBytes};
use strongroom_core::world::Rng;
use strongroom_crypto::derived::{DerivingKey, MessageNonce};
use strongroom_crypto::mac::HmacSha256Key;
use strongroom_crypto::passphrase::{self, Argon2Params};
use zeroize::Zeroizing;

use super::{SealError, SealProvider};

const FILE_PREFIX: &str = "strongroom-key-file-v1 ";
const FILE_MAX_BYTES: u64 = 256;
const LABEL: &[u8] = b"strongroom/v1/key-file-seal";
const KIND_KEY_FILE: u8 = 1;
const KIND_KEY_FILE_AND_PASSPHRASE: u8 = 2;

/// Seals with the key of a file, and with a passphrase when one is given.
pub struct KeyFileSeal {
    file_key: SecretArray<32>,
    passphrase: Option<SecretBytes>,
}

impl KeyFileSeal {
    /// Reads the key file.
    ///
    /// # Errors
    /// When it is missing, unreadable, open to others, or none.
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let name = path.display().to_string();
        let failed = |source| SealError::KeyFile { path: name.clone(), source };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(SealError::KeyFileOpenToOthers(name));
        }
        let mut text = Zeroizing::new(String::with_capacity(256));
        file.take(FILE_MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
        let file_key = parse_key_file(&text).ok_or(SealError::NotAKeyFile(name))?;
        Ok(Self { file_key, passphrase: None })
    }

    /// Makes a key file with mode 0600 and fresh random bytes; the directory must exist.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create_new(path: &Path, rng: &dyn Rng) -> Result<Self, SealError> {
        let failed = |source| SealError::KeyFile { path: path.display().to_string(), source };
        let file_key = SecretArray::init(|key| rng.fill(key))?;
        // Under another name first: a crash between the two leaves no half-written key file.
        let draft = path.with_extension("new");
        let _ = std::fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        file.write_all(print_key_file(&file_key).as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        // A hard link fails when the name is taken, so no key file is ever overwritten.
        let linked = std::fs::hard_link(&draft, path);
        let _ = std::fs::remove_file(&draft);
        linked.map_err(failed)?;
        sync_directory_of(path).map_err(failed)?;
        Ok(Self { file_key, passphrase: None })
    }

    /// Reads the key file, or makes it when there is none.
    ///
    /// # Errors
    /// As [`KeyFileSeal::open`] and [`KeyFileSeal::create_new`].
    pub fn open_or_create(path: &Path, rng: &dyn Rng) -> Result<Self, SealError> {
        match Self::open(path) {
            Err(SealError::KeyFile { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Self::create_new(path, rng)
            }
            other => other,
        }
    }

    /// Demands the passphrase too.
    pub fn with_passphrase(self, passphrase: SecretBytes) -> Self {
        Self { passphrase: Some(passphrase), ..self }
    }

    /// The sealing key for a header that says `params`.
    fn sealing_key(&self, params: Option<&Argon2Params>) -> Result<DerivingKey, SealError> {
        let file_key = HmacSha256Key::new(self.file_key.expose());
        let key = Zeroizing::new(match (params, &self.passphrase) {
            (None, None) => file_key.sign(&[LABEL]),
            (Some(params), Some(passphrase)) => {
                let stretched = passphrase::derive_key(passphrase, params).map_err(|_| SealError::Passphrase)?;
                file_key.sign(&[LABEL, stretched.expose()])
            }
            (Some(_), None) => return Err(SealError::PassphraseNeeded),
            (None, Some(_)) => return Err(SealError::PassphraseNotUsed),
        });
        let key = SecretArray::from_slice(key.as_slice()).expect("an HMAC-SHA-256 has 32 bytes");
        Ok(DerivingKey::new(&key))
    }
}

impl SealProvider for KeyFileSeal {
    fn seal(&self, root: &SecretArray<32>, rng: &dyn Rng) -> Result<Vec<u8>, SealError> {
        let params = self.passphrase.as_ref().map(|_| Argon2Params::recommended(rng)).transpose()?;
        let mut out = match &params {
            None => vec![KIND_KEY_FILE],
            Some(params) => [&[KIND_KEY_FILE_AND_PASSPHRASE], params.to_bytes().as_slice()].concat(),
        };
        let header = out.clone();
        let nonce = MessageNonce::random(rng)?;
        out.extend_from_slice(&nonce.to_bytes());
        self.sealing_key(params.as_ref())?.seal(LABEL, &nonce, &header, root.expose(), &mut out);
        Ok(out)
    }

    fn unseal(&self, sealed: &[u8]) -> Result<SecretArray<32>, SealError> {
        let (params, header_len) = match sealed.split_first() {
            Some((&KIND_KEY_FILE, _)) => (None, 1),
            Some((&KIND_KEY_FILE_AND_PASSPHRASE, rest)) => {
                let params = rest.first_chunk().and_then(Argon2Params::from_bytes).ok_or(SealError::WrongKey)?;
                (Some(params), 1 + Argon2Params::BYTES)
            }
            Some(_) => return Err(SealError::OtherKind),
            None => return Err(SealError::WrongKey),
        };
        let key = self.sealing_key(params.as_ref())?;
        let (header, rest) = sealed.split_at_checked(header_len).ok_or(SealError::WrongKey)?;
        let (nonce, sealed) = rest.split_first_chunk::<{ MessageNonce::LEN }>().ok_or(SealError::WrongKey)?;
        let opened = key.open(LABEL, &MessageNonce::from_bytes(nonce), header, sealed);
        SecretArray::from_slice(opened.map_err(|_| SealError::WrongKey)?.expose()).ok_or(SealError::WrongKey)
    }
}

fn print_key_file(key: &SecretArray<32>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(FILE_PREFIX.len() + 65));
    text.push_str(FILE_PREFIX);
    for byte in key.expose() {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("four bits are a hex digit"));
        }
    }
    text.push('\n');
    text
}

fn parse_key_file(text: &str) -> Option<SecretArray<32>> {
    let digits = text.strip_prefix(FILE_PREFIX)?.trim_end().as_bytes();
    if digits.len() != 64 {
        return None;
    }
    SecretArray::init(|key| {
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(());
            *byte = u8::try_from(nibble(pair[0])? << 4 | nibble(pair[1])?).map_err(drop)?;
        }
        Ok::<_, ()>(())
    })
    .ok()
}

fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::SeededRng;

    use super::*;

    fn root() -> SecretArray<32> {
        SecretArray::from_slice(&[5; 32]).expect("32 bytes")
    }

    fn passphrase(text: &str) -> SecretBytes {
        SecretBytes::copy_from(text.as_bytes())
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("root.key");
        let made = KeyFileSeal::open_or_create(&path, &SeededRng::new(1)).expect("makes it");
        let sealed = made.seal(&root(), &SeededRng::new(2)).expect("seals");
        assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);

        let read = KeyFileSeal::open_or_create(&path, &SeededRng::new(3)).expect("reads it");
        assert_eq!(read.unseal(&sealed).expect("the same key"), root());
        assert!(KeyFileSeal::create_new(&path, &SeededRng::new(4)).is_err(), "never overwritten");
        let read = KeyFileSeal::open(&path).expect("reads it");
        assert_eq!(read.unseal(&sealed).expect("still the same key"), root());

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("chmod");
        assert!(matches!(KeyFileSeal::open(&path), Err(SealError::KeyFileOpenToOthers(_))));
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        for (at, text) in
            ["", "strongroom-key-file-v1 ", "strongroom-key-file-v1 00", &"f".repeat(400)].iter().enumerate()
        {
            let path = dir.path().join(at.to_string());
            std::fs::write(&path, text).expect("writes");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("chmod");
            assert!(matches!(KeyFileSeal::open(&path), Err(SealError::NotAKeyFile(_))), "{text}");
        }
        assert!(matches!(KeyFileSeal::open(&dir.path().join("none")), Err(SealError::KeyFile { .. })));
    }

    #[test]
    fn the_passphrase_is_needed_exactly_when_it_sealed() {
        let seal = |seed, words: Option<&str>| {
            let file_key = SecretArray::init(|key| SeededRng::new(seed).fill(key)).expect("seeded");
            KeyFileSeal { file_key, passphrase: words.map(passphrase) }
        };
        let rng = SeededRng::new(9);
        let plain = seal(1, None).seal(&root(), &rng).expect("seals");
        let both = seal(1, Some("correct horse")).seal(&root(), &rng).expect("seals");

        assert_eq!(seal(1, None).unseal(&plain).expect("opens"), root());
        assert_eq!(seal(1, Some("correct horse")).unseal(&both).expect("opens"), root());
        assert!(matches!(seal(2, None).unseal(&plain), Err(SealError::WrongKey)));
        assert!(matches!(seal(2, Some("correct horse")).unseal(&both), Err(SealError::WrongKey)));
        assert!(matches!(seal(1, Some("battery")).unseal(&both), Err(SealError::WrongKey)));
        assert!(matches!(seal(1, None).unseal(&both), Err(SealError::PassphraseNeeded)));
        assert!(matches!(seal(1, Some("x")).unseal(&plain), Err(SealError::PassphraseNotUsed)));
        for at in 0..plain.len() {
            let mut changed = plain.clone();
            changed[at] ^= 0x40;
            assert!(seal(1, None).unseal(&changed).is_err(), "byte {at}");
            assert!(seal(1, None).unseal(&plain[..at]).is_err(), "{at} bytes");
        }
    }
}
