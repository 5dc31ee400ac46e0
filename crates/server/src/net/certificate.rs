//! What a TLS certificate says of itself.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The dates of a certificate, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when it is good.
    pub not_before_seconds: u64,
    /// Until when.
    pub not_after_seconds: u64,
}

impl Validity {
    /// Reads it from a certificate's DER form; `None` when that is not X.509.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        Some(Self {
            not_before_seconds: validity.not_before.to_unix_duration().as_secs(),
            not_after_seconds: validity.not_after.to_unix_duration().as_secs(),
        })
    }
}
