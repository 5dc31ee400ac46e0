//! TLS: versions, groups, protocols, a certificate replaced while connections go on.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, NamedGroup, RootCertStore, SupportedProtocolVersion};
use strongroom_server::config::Limits;
use strongroom_server::net::TlsIdentity;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::answer::Server;
use crate::client::{PATIENCE, Raw, post};
use crate::http2;

/// Writes a self-signed pair for `name`.
pub(crate) fn write_pair(dir: &Path, name: &str) {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("makes a certificate");
    std::fs::write(dir.join("cert.pem"), pair.cert.pem()).expect("writes");
    std::fs::write(dir.join("key.pem"), pair.signing_key.serialize_pem()).expect("writes");
}

/// What a client brings to a handshake.
pub(crate) struct Client<'a> {
    pub(crate) trusted: &'a Path,
    pub(crate) name: &'a str,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) groups: Vec<&'static dyn SupportedKxGroup>,
    pub(crate) alpn: &'a [&'a str],
}

impl Client<'_> {
    pub(crate) async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = CryptoProvider { kx_groups: self.groups.clone(), ..aws_lc_rs::default_provider() };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(self.trusted).expect("is there") {
            roots.add(certificate.expect("is PEM")).expect("can be trusted");
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.versions)
            .expect("versions fit")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(self.name.to_owned()).expect("is a name");
        let stream = TcpStream::connect(address).await?;
        tokio::time::timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream))
            .await
            .expect("in time")
    }
}

fn all_groups() -> Vec<&'static dyn SupportedKxGroup> {
    aws_lc_rs::default_provider().kx_groups
}

fn without_hybrids() -> Vec<&'static dyn SupportedKxGroup> {
    vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1]
}

async fn start(dir: &Path, limits: Limits) -> (Server, Arc<TlsIdentity>) {
    write_pair(dir, "localhost");
    let identity = TlsIdentity::load(&dir.join("cert.pem"), &dir.join("key.pem")).expect("loads");
    let identity = Arc::new(identity);
    (Server::start(limits, Some(Arc::clone(&identity))).await, identity)
}

#[tokio::test]
async fn versions_and_groups_are_negotiated_and_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = start(dir.path(), Limits::default()).await;
    let trusted = dir.path().join("cert.pem");
    for (versions, groups, expect) in [
        (&[&TLS13, &TLS12][..], all_groups(), "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768 localhost"),
        (&[&TLS13], without_hybrids(), "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 localhost"),
        (&[&TLS12], without_hybrids(), "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 X25519 localhost"),
    ] {
        let client = Client { trusted: &trusted, name: "localhost", versions, groups, alpn: &["http/1.1"] };
        let stream = client.connect(server.address).await.expect("shakes hands");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        if expect.contains("MLKEM") {
            let group = stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name());
            assert_eq!(group, Some(NamedGroup::X25519MLKEM768));
        }
        let mut raw = Raw::over(stream);
        for _ in 0..2 {
            raw.send(post("/", "{}")).await;
            let reply = raw.reply().await;
            reply.assert_dressed();
            assert!(reply.body.contains(expect), "{}", reply.body);
        }
    }
}

#[tokio::test]
async fn http2_is_offered() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = start(dir.path(), Limits::default()).await;
    let trusted = dir.path().join("cert.pem");
    let client = Client {
        trusted: &trusted,
        name: "localhost",
        versions: &[&TLS13],
        groups: all_groups(),
        alpn: &["http/1.1", "h2"],
    };
    let stream = client.connect(server.address).await.expect("shakes hands");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut send = http2::connect(stream).await;
    let response = send.send_request(http2::request("/", 1, false)).await.expect("a reply");
    assert!(http2::text(response).await.contains("TLSv1.3"));
}

#[tokio::test]
async fn clients_without_alpn_and_sni_are_served() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = start(dir.path(), Limits::default()).await;
    write_pair(dir.path(), "127.0.0.1");
    let identity = TlsIdentity::load(&dir.path().join("cert.pem"), &dir.path().join("key.pem")).expect("loads");
    drop(server);
    let server = Server::start(Limits::default(), Some(Arc::new(identity))).await;
    let trusted = dir.path().join("cert.pem");
    let client = Client { trusted: &trusted, name: "127.0.0.1", versions: &[&TLS13], groups: all_groups(), alpn: &[] };
    let mut raw = Raw::over(client.connect(server.address).await.expect("shakes hands"));
    raw.send(post("/", "{}")).await;
    assert!(raw.reply().await.body.contains("X25519MLKEM768 none"));
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, identity) = start(dir.path(), Limits::default()).await;
    let first = dir.path().join("first.pem");
    std::fs::copy(dir.path().join("cert.pem"), &first).expect("copies");
    let mut old = Raw::over(connect(&first, "localhost", server.address).await.expect("shakes hands"));

    write_pair(dir.path(), "localhost");
    assert!(connect(&first, "localhost", server.address).await.is_ok(), "nothing changes unasked");
    identity.reload().expect("the new pair is fine");
    assert!(connect(&first, "localhost", server.address).await.is_err());
    let second = dir.path().join("second.pem");
    std::fs::copy(dir.path().join("cert.pem"), &second).expect("copies");
    assert!(connect(&second, "localhost", server.address).await.is_ok());
    old.send(post("/", "")).await;
    assert_eq!(old.reply().await.status, 200, "the old connection goes on");

    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(dir.path().join("cert.pem"), broken).expect("writes");
        identity.reload().expect_err("is no certificate");
        assert!(connect(&second, "localhost", server.address).await.is_ok(), "the last good pair stays");
    }
    // Another key than the certificate's.
    write_pair(dir.path(), "localhost");
    std::fs::copy(&second, dir.path().join("cert.pem")).expect("copies");
    let mismatch = identity.reload().expect_err("do not belong together").to_string();
    assert!(mismatch.contains("key.pem"), "{mismatch}");
    assert!(connect(&second, "localhost", server.address).await.is_ok());
}

async fn connect(trusted: &Path, name: &str, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    Client { trusted, name, versions: &[&TLS13], groups: all_groups(), alpn: &["http/1.1"] }.connect(address).await
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = start(dir.path(), Limits { handshake_timeout_ms: 200, ..Limits::default() }).await;
    let mut silent = Raw::connect(server.address).await;
    silent.assert_closed().await;
    let mut slow = Raw::connect(server.address).await;
    slow.send([0x16, 3, 1]).await;
    slow.assert_closed().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = start(dir.path(), Limits::default()).await;
    let mut shaking = Raw::connect(server.address).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.pull();
    shaking.assert_closed().await;
    assert!(tokio::time::timeout(PATIENCE, server.ended).await.expect("in time").expect("no panic"));
}

#[tokio::test]
async fn limits_hold_under_tls() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = Limits { head_bytes: 8192, head_timeout_ms: 200, ..Limits::default() };
    let (server, _) = start(dir.path(), limits).await;
    let trusted = dir.path().join("cert.pem");
    let mut raw = Raw::over(connect(&trusted, "localhost", server.address).await.expect("shakes hands"));
    raw.send(format!("POST / HTTP/1.1\r\nx-pad: {}\r\n\r\n", "x".repeat(9000))).await;
    let reply = raw.reply().await;
    assert_eq!((reply.status, reply.body.as_str()), (431, r#"{"__type":"HeadTooLarge"}"#));
    let mut raw = Raw::over(connect(&trusted, "localhost", server.address).await.expect("shakes hands"));
    raw.send("POST / HT").await;
    raw.assert_closed().await;
}
