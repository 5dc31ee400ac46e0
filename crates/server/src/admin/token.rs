//! The admin token of one run of `strongroom serve`: 256 random bits in a file for its owner alone.
//!
//! # Invariant
//! The file is replaced as a whole at every start: a token that was copied ends with the run that made it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Rng;
use strongroom_crypto::rng::SystemRng;
use zeroize::Zeroizing;

const FILE: &str = "admin.token";
const TOKEN_BYTES: usize = 32;

/// Where the token of the server on this data directory lies.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Makes the token of this run and leaves it in `data`.
///
/// # Errors
/// When there is no randomness, or the file cannot be written.
pub(super) fn make(data: &Path) -> io::Result<SecretBytes> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    SystemRng.fill(&mut *random).map_err(io::Error::other)?;
    let mut text = Zeroizing::new(Vec::with_capacity(2 * TOKEN_BYTES + 1));
    for byte in *random {
        text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    let token = SecretBytes::copy_from(&text);
    text.push(b'\n');
    let (fresh, last) = (data.join("admin.token.new"), path(data));
    // What a start left behind that was cut off; its mode may be anything.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?.write_all(&text)?;
    fs::rename(fresh, last)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_run_has_its_own_token_in_a_private_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = make(dir.path()).expect("writes");
        fs::write(dir.path().join("admin.token.new"), "left behind").expect("writes");
        let second = make(dir.path()).expect("writes");
        assert_ne!(first, second);
        assert_eq!(second.len(), 64);
        let file = path(dir.path());
        assert_eq!(file.metadata().expect("is there").permissions().mode() & 0o777, 0o600);
        let text = fs::read(file).expect("is there");
        assert_eq!(text.strip_suffix(b"\n"), Some(second.expose()));
        assert_eq!(fs::read_dir(dir.path()).expect("is there").count(), 1);
    }
}
