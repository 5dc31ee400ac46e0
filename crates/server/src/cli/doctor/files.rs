//! Files: who may read and write them, and whether the TLS pair is good.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Finding;
use crate::config::{Config, PassphraseSource};
use crate::net::TlsIdentity;

const DAY_SECONDS: u64 = 86_400;

/// A certificate that expires sooner is to be replaced now.
const EXPIRES_SOON_DAYS: u64 = 30;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<_> = config
        .warnings
        .iter()
        .map(|warning| Finding::warning("configuration", warning.clone(), "do as it says"))
        .collect();
    findings.push(private("permissions", &config.seal.key_file, 0o077));
    findings.push(private("permissions", &config.tls.private_key, 0o007));
    findings.push(directory(&config.data));
    if let PassphraseSource::File(file) = &config.seal.passphrase {
        findings.push(private("permissions", file, 0o007));
    }
    findings.push(tls(config));
    findings
}

/// A file that holds a secret.
fn private(area: &'static str, path: &Path, forbidden: u32) -> Finding {
    let shown = path.display();
    match path.metadata() {
        Err(error) => Finding::problem(area, format!("{shown}: {error}"), "restore it, or run `strongroom init`"),
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            match mode & forbidden {
                0 => Finding::good(area, format!("{shown} is private (mode {mode:o})")),
                _ => Finding::problem(
                    area,
                    format!("{shown} holds a secret and is open to others (mode {mode:o})"),
                    format!("chmod 600 {shown}; consider the secret known if others use this machine"),
                ),
            }
        }
    }
}

fn directory(path: &Path) -> Finding {
    let shown = path.display();
    match path.metadata() {
        Err(error) => Finding::problem("permissions", format!("{shown}: {error}"), "run `strongroom init`"),
        Ok(metadata) if metadata.permissions().mode() & 0o022 != 0 => Finding::problem(
            "permissions",
            format!("others may write into the data directory {shown}: they can delete every key"),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => Finding::good("permissions", format!("the data directory {shown} is written by its owner alone")),
    }
}

/// Whether certificate and key belong together, and for how long.
fn tls(config: &Config) -> Finding {
    let identity = match TlsIdentity::load(&config.tls.certificate, &config.tls.private_key) {
        Ok(identity) => identity,
        Err(error) => {
            let remedy = "put a certificate and its own private key there, both as PEM, or move both away and run `strongroom init`";
            return Finding::problem("tls", error.to_string(), remedy);
        }
    };
    let shown = config.tls.certificate.display();
    let validity = identity.validity();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = validity.not_after_seconds.saturating_sub(now) / DAY_SECONDS;
    let renew = "replace certificate and key, then send the server SIGHUP";
    if validity.not_before_seconds > now {
        Finding::problem("tls", format!("{shown} is not valid yet"), "set the clock, or wait")
    } else if validity.not_after_seconds <= now {
        Finding::problem("tls", format!("{shown} has expired"), renew)
    } else if left < EXPIRES_SOON_DAYS {
        Finding::warning("tls", format!("{shown} expires in {left} days"), renew)
    } else {
        Finding::good("tls", format!("{shown} fits its private key and is valid for {left} days"))
    }
}
