//! Secrets in and beside the configuration file.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use strongroom_core::secret::SecretBytes;
use zeroize::Zeroizing;

/// The largest secret file that is read: secrets are a line of text.
const SECRET_FILE_MAX_BYTES: u64 = 4096;

/// A string of the configuration that goes straight into memory that wipes itself.
#[derive(Debug)]
pub(crate) struct SecretText(pub(crate) SecretBytes);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SecretVisitor)
    }
}

struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText(SecretBytes::copy_from(text.as_bytes())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText(SecretBytes::from_vec(text.into_bytes())))
    }
}

/// Where the passphrase comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// The environment variable of this name.
    Environment(String),
    /// This file, without the line ends after it.
    File(PathBuf),
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum NoPassphrase {
    /// The variable is not set, or empty.
    #[error("the passphrase is missing: set the environment variable {0} (seal.passphrase_env)")]
    NotSet(String),
    /// The file cannot be read.
    #[error("cannot read the passphrase from {} (seal.passphrase_file): {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is empty.
    #[error("{} (seal.passphrase_file) holds no passphrase", .0.display())]
    Empty(PathBuf),
}

impl PassphraseSource {
    /// Fetches the passphrase.
    ///
    /// # Errors
    /// [`NoPassphrase`], without any of what was found.
    pub fn fetch(&self) -> Result<SecretBytes, NoPassphrase> {
        match self {
            Self::Environment(name) => match env::var_os(name).map(OsString::into_vec) {
                Some(value) if !value.is_empty() => Ok(SecretBytes::from_vec(value)),
                Some(_) | None => Err(NoPassphrase::NotSet(name.clone())),
            },
            Self::File(path) => {
                let secret =
                    read_secret_file(path).map_err(|error| NoPassphrase::Unreadable { path: path.clone(), error })?;
                if secret.is_empty() { Err(NoPassphrase::Empty(path.clone())) } else { Ok(secret) }
            }
        }
    }
}

/// The file's text without the line ends after it.
pub(crate) fn read_secret_file(path: &Path) -> io::Result<SecretBytes> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 + SECRET_FILE_MAX_BYTES as usize));
    File::open(path)?.take(1 + SECRET_FILE_MAX_BYTES).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_FILE_MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a secret has at most 4096 bytes"));
    }
    let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
    Ok(SecretBytes::copy_from(&bytes[..end]))
}

/// A warning when others than the owner and its group may read `path`. Not a refusal: orchestrators mount secrets so.
pub(super) fn warn_if_readable_by_others(path: &Path) -> Option<String> {
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        format!("{} holds secrets and may be read by everyone on this machine; run: chmod o= {0}", path.display())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_passphrase_file_is_read_without_its_line_end() {
        check(b"correct horse\n", Some(b"correct horse"));
        check(b"correct horse\r\n", Some(b"correct horse"));
        check(b" correct horse ", Some(b" correct horse "));
        check(b"\n", None);
        check(&[b'a'; 4096], Some(&[b'a'; 4096]));
        check(&[b'a'; 4097], None);

        #[track_caller]
        fn check(content: &[u8], expect: Option<&[u8]>) {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("passphrase");
            fs::write(&path, content).expect("writes");
            let fetched = PassphraseSource::File(path).fetch().ok();
            assert_eq!(fetched.as_ref().map(SecretBytes::expose), expect);
        }
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_else() {
        let env = PassphraseSource::Environment("STRONGROOM_TEST_NOT_SET".to_owned()).fetch();
        assert!(env.expect_err("is not set").to_string().contains("STRONGROOM_TEST_NOT_SET"));
        let file = PassphraseSource::File("/nonexistent/passphrase".into()).fetch();
        assert!(file.expect_err("is not there").to_string().contains("/nonexistent/passphrase"));
    }

    #[test]
    fn files_open_to_others_are_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        fs::write(&path, "x").expect("writes");
        for (mode, warns) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets the mode");
            assert_eq!(warn_if_readable_by_others(&path).is_some(), warns, "{mode:o}");
        }
    }
}
