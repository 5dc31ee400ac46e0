//! The TLS side of the listener: TLS 1.2 and 1.3, the post-quantum hybrid first, and a certificate that can be replaced
//! while connections go on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection};
use strongroom_service::TlsDetails;
use tokio_rustls::TlsAcceptor;
use zeroize::{Zeroize, Zeroizing};

use super::certificate::Validity;

/// Sessions that can be resumed: kept in memory, used once, so that no ticket key endangers recorded traffic.
const RESUMABLE_SESSIONS: usize = 8192;

/// Why there is no TLS with the given files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No PEM certificate in the file.
    #[error("{} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// No PEM private key in the file.
    #[error("{} holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1, not encrypted)", path.display())]
    NoPrivateKey {
        /// Which file.
        path: PathBuf,
    },
    /// The two do not work together.
    #[error("{} and {} cannot be used: {error}", certificate.display(), private_key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The private key's file.
        private_key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// Certificate and private key, read from files, replaced as a whole on [`TlsIdentity::reload`].
pub struct TlsIdentity {
    certificate: PathBuf,
    private_key: PathBuf,
    current: ArcSwap<Current>,
}

/// What is in use.
struct Current {
    config: Arc<ServerConfig>,
    /// Of the server's own certificate.
    validity: Validity,
}

impl TlsIdentity {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`]: a file is unreadable, holds something else, or the two do not belong together.
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let current = read_pair(certificate, private_key)?;
        Ok(Self {
            certificate: certificate.into(),
            private_key: private_key.into(),
            current: ArcSwap::from_pointee(current),
        })
    }

    /// Reads both files again. New connections get the new pair; with an error, everything stays as it was.
    ///
    /// # Errors
    /// As [`TlsIdentity::load`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let current = read_pair(&self.certificate, &self.private_key)?;
        self.current.store(Arc::new(current));
        Ok(())
    }

    /// The dates of the certificate in use.
    pub fn validity(&self) -> Validity {
        self.current.load().validity
    }

    /// For one handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn read_pair(certificate: &Path, private_key: &Path) -> Result<Current, TlsError> {
    let chain = read_chain(certificate)?;
    let validity = chain.first().and_then(Validity::of);
    let validity = validity.ok_or_else(|| TlsError::NoCertificate { path: certificate.into() })?;
    Ok(Current { config: Arc::new(server_config(certificate, private_key, chain)?), validity })
}

fn server_config(
    certificate: &Path,
    private_key: &Path,
    chain: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, TlsError> {
    let key = read_private_key(private_key)?;
    let unusable =
        |error| TlsError::Unusable { certificate: certificate.into(), private_key: private_key.into(), error };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
    Ok(config)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.into(), error })?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(TlsError::NoCertificate { path: path.into() }),
    }
}

fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.into(), error })?;
    let text = Zeroizing::new(text);
    PrivateKeyDer::from_pem_slice(&text).map_err(|mut error| {
        // The error may hold a piece of the file.
        if let pem::Error::IllegalSectionStart { line } = &mut error {
            line.zeroize();
        }
        TlsError::NoPrivateKey { path: path.into() }
    })
}

/// What the audit record says of a connection.
pub(super) fn details(connection: &ServerConnection) -> TlsDetails {
    TlsDetails {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(_) | None => "TLSv1.3",
        },
        cipher_suite: connection.negotiated_cipher_suite().map_or_else(String::new, |suite| cipher_name(suite.suite())),
        key_exchange: connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
        host: connection.server_name().map(str::to_owned),
    }
}

/// The name that CloudTrail uses: RFC 8446's for TLS 1.3, OpenSSL's for TLS 1.2.
fn cipher_name(suite: CipherSuite) -> String {
    let iana = format!("{suite:?}");
    if let Some(rest) = iana.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let Some((exchange, cipher)) = iana.strip_prefix("TLS_").and_then(|rest| rest.split_once("_WITH_")) else {
        return iana;
    };
    let cipher = cipher.replace("AES_", "AES").replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305");
    format!("{exchange}_{cipher}").replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_are_named_as_audit_records_name_them() {
        check(CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384");
        check(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256");
        check(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256");
        check(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384");
        check(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305");

        #[track_caller]
        fn check(suite: CipherSuite, name: &str) {
            assert_eq!(cipher_name(suite), name);
        }
    }

    #[test]
    fn the_hybrid_group_is_preferred() {
        let first = aws_lc_rs::default_provider().kx_groups[0].name();
        assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
    }
}
