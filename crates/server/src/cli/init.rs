//! `strongroom init`: makes what a configuration file names and does not exist yet. Nothing that exists is touched.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use strongroom_core::world::{Clock, SystemClock};
use strongroom_crypto::rng::SystemRng;
use strongroom_vault::seal::KeyFileSeal;
use tracing::warn;
use zeroize::Zeroizing;

use super::{Failure, paths, say};
use crate::config::{Config, PassphraseSource};
use crate::process;

/// How long a self-signed certificate is valid: what clients that limit it at all accept.
const VALID_DAYS: u32 = 825;

const DAY: Duration = Duration::from_secs(86_400);

/// Make what a configuration file names: data directory, key file, self-signed TLS pair.
///
/// What exists is kept as it is. Tells what was made and which command comes next.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The configuration file; `strongroom serve --help` shows one.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        process::harden();
        let config = Config::read(&self.config).map_err(Failure::usage)?;
        for warning in &config.warnings {
            warn!("{warning}");
        }
        make_data_directory(&config.data)?;
        make_key_file(&config.data, &config.seal.key_file)?;
        make_tls_pair(&config.tls.certificate, &config.tls.private_key)?;
        say_what_is_next(&self.config, &config.seal.passphrase);
        Ok(())
    }
}

fn make_data_directory(dir: &Path) -> Result<(), Failure> {
    let made = paths::ensure_data_directory(dir)?;
    say(&format!("{} data directory {}", if made { "made" } else { "kept" }, dir.display()));
    Ok(())
}

fn make_key_file(data: &Path, key_file: &Path) -> Result<(), Failure> {
    if key_file.exists() {
        KeyFileSeal::open(key_file).map_err(Failure::work)?;
        say(&format!("kept key file {}", key_file.display()));
        return Ok(());
    }
    paths::refuse_database_without_key(data, key_file)?;
    KeyFileSeal::create_new(key_file, &SystemRng).map_err(Failure::work)?;
    say(&format!(
        "made key file {}: keep a copy in a safe place; without it and the passphrase nothing can be opened",
        key_file.display()
    ));
    Ok(())
}

fn make_tls_pair(certificate: &Path, private_key: &Path) -> Result<(), Failure> {
    match (certificate.exists(), private_key.exists()) {
        (true, true) => {
            say(&format!("kept certificate {} and private key {}", certificate.display(), private_key.display()));
            return Ok(());
        }
        (false, false) => {}
        (true, false) => return Err(half_a_pair(certificate, private_key)),
        (false, true) => return Err(half_a_pair(private_key, certificate)),
    }
    let pair = self_signed().map_err(|error| Failure::work(format!("cannot make a certificate: {error}")))?;
    // The private key first: whoever finds the certificate finds its key.
    write_new(private_key, pair.private_key.as_bytes(), 0o600)?;
    write_new(certificate, pair.certificate.as_bytes(), 0o644)?;
    say(&format!(
        "made self-signed certificate {} for {} ({VALID_DAYS} days) and private key {}",
        certificate.display(),
        pair.names.join(", "),
        private_key.display()
    ));
    Ok(())
}

fn half_a_pair(there: &Path, missing: &Path) -> Failure {
    Failure::work(format!(
        "{} is there and {} is not: put the missing file beside it, or move it away to have both made",
        there.display(),
        missing.display()
    ))
}

/// A certificate for this machine under the names that its clients use.
struct SelfSigned {
    certificate: String,
    private_key: Zeroizing<String>,
    names: Vec<String>,
}

fn self_signed() -> Result<SelfSigned, rcgen::Error> {
    let mut names = vec!["localhost".to_owned()];
    names.extend(host_name().filter(|name| name != "localhost"));
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let mut params = CertificateParams::new(names.clone())?;
    params.subject_alt_names.extend(addresses.map(SanType::IpAddress));
    names.extend(addresses.map(|address| address.to_string()));
    params.distinguished_name.push(DnType::CommonName, "Strongroom (self-signed)");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_secs(SystemClock.now().as_secs().unsigned_abs());
    // Since yesterday, for clients whose clock is behind.
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = epoch + now + VALID_DAYS * DAY;
    let key = KeyPair::generate()?;
    let private_key = Zeroizing::new(key.serialize_pem());
    Ok(SelfSigned { certificate: params.self_signed(&key)?.pem(), private_key, names })
}

/// The machine's name, when it can stand in a certificate.
fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?.to_ascii_lowercase();
    let well_formed = (1..=253).contains(&name.len())
        && name
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-'))
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    well_formed.then_some(name)
}

/// Writes a file that must not exist.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| Failure::work(format!("cannot write {}: {error}", path.display())))
}

fn say_what_is_next(config: &Path, passphrase: &PassphraseSource) {
    match passphrase {
        PassphraseSource::Environment(name) => say(&format!(
            "next: put a long passphrase into the environment variable {name}, then run: strongroom serve --config {}",
            config.display()
        )),
        PassphraseSource::File(file) => say(&format!(
            "next: write a long passphrase into {}, then run: strongroom serve --config {}",
            file.display(),
            config.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        make_tls_pair(&certificate, &key).expect("makes both");
        let before = std::fs::read(&key).expect("is there");
        make_tls_pair(&certificate, &key).expect("keeps both");
        assert_eq!(std::fs::read(&key).expect("is there"), before);
        std::fs::remove_file(&key).expect("removes");
        assert!(make_tls_pair(&certificate, &key).is_err());
        assert!(!key.exists());
        assert!(write_new(&certificate, b"", 0o600).is_err());
    }
}
