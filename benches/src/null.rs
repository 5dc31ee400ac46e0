//! Null servers: what the transport alone costs.
//!
//! `bare` is the HTTP library and nothing else; the ratio is taken to it. `framed` is Strongroom's own accept loop, with its
//! limits and deadlines, in front of the same fixed reply: the difference is what those cost.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use clap::ValueEnum;
use http::{Request as HttpRequest, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use strongroom_core::ids::RequestId;
use strongroom_server::config::Limits;
use strongroom_server::net::{Answer, Settings, Stop, TlsIdentity, serve};
use strongroom_service::{Refusal, Reply, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Error;

const JSON: &str = "application/x-amz-json-1.1";

/// As long as the reply to GenerateDataKey.
const REPLY: &[u8; 300] = &{
    let mut reply = [b'x'; 300];
    let (open, close) = (*b"{\"null\":\"", *b"\"}");
    let mut at = 0;
    while at < open.len() {
        reply[at] = open[at];
        at += 1;
    }
    reply[298] = close[0];
    reply[299] = close[1];
    reply
};

/// A null server.
#[derive(Debug, clap::Args)]
pub(crate) struct Null {
    /// How much stands around the fixed reply.
    #[arg(value_enum)]
    kind: Kind,
    /// Speak TLS, with the pair cert.pem and key.pem of this directory.
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,
}

/// How much stands around the fixed reply.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The HTTP library alone.
    Bare,
    /// Strongroom's accept loop.
    Framed,
}

impl Null {
    pub(crate) fn run(self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            writeln!(std::io::stdout(), "null: listening on {scheme}://{}", listener.local_addr()?)?;
            match self.kind {
                Kind::Bare => bare(listener, self.tls).await,
                Kind::Framed => framed(listener, self.tls).await,
            }
        })
    }
}

async fn bare(listener: TcpListener, tls: Option<PathBuf>) -> Result<(), Error> {
    let acceptor = tls.map(|dir| acceptor(&dir)).transpose()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => talk(stream).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk::<tokio_rustls::server::TlsStream<TcpStream>>(stream).await;
                    }
                }
            }
        });
    }
}

fn acceptor(dir: &std::path::Path) -> Result<TlsAcceptor, Error> {
    let chain = CertificateDer::pem_file_iter(dir.join("cert.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn talk<T: AsyncRead + AsyncWrite + Unpin>(stream: T) {
    let service = service_fn(|request: HttpRequest<Incoming>| async move {
        let mut body = request.into_body();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            frame?;
        }
        let response = Response::builder().header(header::CONTENT_TYPE, JSON).body(Fixed(true));
        Ok::<_, hyper::Error>(response.expect("a constant response is well-formed"))
    });
    // A client that ends its connection is how every run ends.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The fixed reply, until it has been taken.
struct Fixed(bool);

impl Body for Fixed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let left = std::mem::take(&mut self.0);
        Poll::Ready(left.then(|| Ok(Frame::data(Bytes::from_static(REPLY)))))
    }

    fn is_end_stream(&self) -> bool {
        !self.0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.0 { REPLY.len() as u64 } else { 0 })
    }
}

async fn framed(listener: TcpListener, tls: Option<PathBuf>) -> Result<(), Error> {
    let tls = tls.map(|dir| TlsIdentity::load(&dir.join("cert.pem"), &dir.join("key.pem"))).transpose()?;
    let settings = Settings { limits: Limits::default(), tls: tls.map(Arc::new), dev: true };
    serve(listener, settings, Arc::new(Constant), Stop::default()).await;
    Ok(())
}

/// Says the same to everyone.
struct Constant;

impl Answer for Constant {
    fn answer(self: &Arc<Self>, _: Request<'_>) -> impl Future<Output = Reply> + Send {
        std::future::ready(constant(200))
    }

    fn refuse(&self, _: Refusal) -> Reply {
        constant(400)
    }
}

fn constant(status: u16) -> Reply {
    Reply { status, request_id: RequestId::from_random([0; 16]), content_type: JSON, body: REPLY.to_vec().into() }
}
