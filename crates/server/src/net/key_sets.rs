//! Key sets of identity providers, from files and over HTTP.
//!
//! # Invariants
//! - Only what the configuration names is fetched: no redirect is followed, nothing of an answer is a new address.
//! - A key set is bounded in size, and a fetch in time.
//! - An `https` answer comes from whom a certificate authority of the platform, or of the configured file, vouches for.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use strongroom_service::{FetchKeys, Fetched, JwksSource};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of a key set.
const BYTES_MAX: usize = 1 << 20;
/// From the first packet to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches key sets.
pub(crate) struct KeySets {
    tls: TlsConnector,
}

impl KeySets {
    /// With the platform's certificate authorities, and those of a PEM file.
    ///
    /// # Errors
    /// When the file is no list of certificates.
    pub(crate) fn new(ca_file: Option<&Path>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        // A platform without authorities is one that trusts nobody: `https` fails there, and says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let bad = |error| io::Error::other(format!("{}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))? {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn url(&self, url: &str) -> Fetched {
        let uri: Uri = url.parse().map_err(|error| format!("not a URL: {error}"))?;
        let host = uri.host().ok_or("a URL without a host")?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("neither http nor https".into()),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.map_err(|error| error.to_string())?;
        if is_tls {
            let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| error.to_string())?;
            get(stream, &uri).await
        } else {
            get(stream, &uri).await
        }
    }
}

impl FetchKeys for KeySets {
    fn fetch<'a>(&'a self, source: &'a JwksSource) -> Pin<Box<dyn Future<Output = Fetched> + Send + 'a>> {
        Box::pin(async move {
            let fetched = async {
                match source {
                    JwksSource::File(path) => file(path.clone()).await,
                    JwksSource::Url(url) => self.url(url).await,
                }
            };
            tokio::time::timeout(TIMEOUT, fetched).await.unwrap_or_else(|_| Err("no answer in time".into()))
        })
    }
}

async fn file(path: PathBuf) -> Fetched {
    let file = tokio::fs::File::open(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    if bytes.len() > BYTES_MAX { Err("too long for a key set".into()) } else { Ok(bytes) }
}

async fn get(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, uri: &Uri) -> Fetched {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().ok_or("a URL without a host")?;
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let request = Request::get(path)
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "strongroom")
        .body(String::new())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        match response.status() {
            StatusCode::OK => read(response.into_body()).await,
            status => Err(format!("status {status}")),
        }
    };
    // The connection is driven beside the exchange, and ends with it.
    tokio::select! {
        fetched = exchange => fetched,
        ended = async {
            let ended = connection.await;
            // What has arrived is still read.
            match ended {
                Ok(()) => std::future::pending().await,
                Err(error) => error.to_string(),
            }
        } => Err(ended),
    }
}

async fn read(mut body: Incoming) -> Fetched {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() {
            if bytes.len() + data.len() > BYTES_MAX {
                return Err("too long for a key set".into());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
