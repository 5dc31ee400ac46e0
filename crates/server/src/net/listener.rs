//! The accept loop, and the life of a connection from its first byte to its end.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use strongroom_service::TlsDetails;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use super::answer::Answer;
use super::guard::{Guard, Patience, Progress};
use super::http::Connection;
use super::stop::Stop;
use super::tls::{self, TlsIdentity};
use crate::config::Limits;

/// Connections over the limit that are told so at once; further ones are closed without a word.
const OVERFLOW: usize = 64;

/// After a failed `accept`, when nothing but waiting helps (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How connections are served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The limits.
    pub limits: Limits,
    /// TLS with this identity; without, plain HTTP.
    pub tls: Option<Arc<TlsIdentity>>,
    /// Replies say that this is `dev`.
    pub dev: bool,
}

/// What all connections share.
struct Shared<A> {
    answer: Arc<A>,
    limits: Arc<Limits>,
    tls: Option<Arc<TlsIdentity>>,
    dev: bool,
    stop: Stop,
    http: auto::Builder<TokioExecutor>,
}

/// Serves connections until `stop` is pulled, then lets what is under way end within the shutdown limit. Whether all of it
/// did is the answer; what did not is cut off when the runtime ends.
pub async fn serve<A: Answer>(listener: TcpListener, settings: Settings, answer: Arc<A>, stop: Stop) -> bool {
    let places = Arc::new(Semaphore::new(settings.limits.connections as usize));
    let overflow = Arc::new(Semaphore::new(OVERFLOW));
    let shared = Arc::new(Shared {
        answer,
        http: http_builder(&settings.limits),
        limits: Arc::new(settings.limits),
        tls: settings.tls,
        dev: settings.dev,
        stop: stop.clone(),
    });
    let mut stopped = pin!(stop.pulled());
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(&shared, &places, &overflow, stream, peer),
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    let all = places.acquire_many(shared.limits.connections);
    tokio::time::timeout(shared.limits.shutdown_timeout(), all).await.is_ok()
}

/// One builder for all connections. The library's own timer for heads stays off: [`Guard`] keeps time.
fn http_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().header_read_timeout(None).max_buf_size(limits.head_bytes).max_headers(limits.header_fields);
    // Twice our own limit, so that what is a little too large gets a reply with a body.
    let head_bytes = u32::try_from(limits.head_bytes.saturating_mul(2)).unwrap_or(u32::MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(head_bytes)
        .max_concurrent_streams(limits.streams_per_connection)
        .keep_alive_interval(Some(Duration::from_secs(60)))
        .keep_alive_timeout(Duration::from_secs(20));
    http
}

/// A connection of a client that went away before we accepted it is no trouble; a lack of descriptors is, for all.
async fn pause_after(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        debug!(%error, "a client left early");
    } else {
        warn!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Finds a place for a new connection, or someone to tell it that there is none.
fn admit<A: Answer>(
    shared: &Arc<Shared<A>>,
    places: &Arc<Semaphore>,
    overflow: &Arc<Semaphore>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let place = Arc::clone(places).try_acquire_owned();
    let overloaded = place.is_err();
    if let Ok(place) = place.or_else(|_| Arc::clone(overflow).try_acquire_owned()) {
        tokio::spawn(connection(Arc::clone(shared), stream, peer, overloaded, place));
    }
}

async fn connection<A: Answer>(
    shared: Arc<Shared<A>>,
    stream: TcpStream,
    peer: SocketAddr,
    overloaded: bool,
    place: OwnedSemaphorePermit,
) {
    // A reply is one write; waiting to join it with another would only delay it.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    match &shared.tls {
        None => talk(&shared, stream, peer, None, overloaded).await,
        Some(identity) => {
            if let Some(stream) = handshake(&shared, identity, stream).await {
                let details = tls::details(stream.get_ref().1);
                talk(&shared, stream, peer, Some(details), overloaded).await;
            }
        }
    }
    drop(place);
}

/// The TLS handshake, within its time and not beyond the server's.
async fn handshake<A>(
    shared: &Shared<A>,
    identity: &TlsIdentity,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let shaking = tokio::time::timeout(shared.limits.handshake_timeout(), identity.acceptor().accept(stream));
    tokio::select! {
        biased;
        () = shared.stop.pulled() => None,
        shaken = shaking => match shaken {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => { debug!(%error, "TLS handshake failed"); None }
            Err(_) => { debug!("TLS handshake took too long"); None }
        }
    }
}

/// HTTP on a connection until one of the sides ends it.
async fn talk<A: Answer, T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    shared: &Shared<A>,
    stream: T,
    peer: SocketAddr,
    tls: Option<TlsDetails>,
    overloaded: bool,
) {
    let progress = Arc::new(Progress::default());
    let limits = &shared.limits;
    let patience = if overloaded { Patience::brief(limits) } else { Patience::of(limits) };
    let guard = Guard::new(stream, Arc::clone(&shared.answer), shared.dev, Arc::clone(&progress), patience);
    let exchange = Arc::new(Connection {
        answer: Arc::clone(&shared.answer),
        limits: Arc::clone(limits),
        dev: shared.dev,
        overloaded,
        peer: peer.ip().to_canonical(),
        tls,
        progress,
    });
    let service = service_fn(move |request| Arc::clone(&exchange).respond(request));
    let mut http = pin!(shared.http.serve_connection(TokioIo::new(guard), service));
    let mut wake_up = pin!(shared.stop.wake_up());
    let (mut armed, mut told) = (false, false);
    let ended = poll_fn(|cx| {
        if !armed {
            // Polled once, it wakes this task when the brake is pulled; a task's waker stays the same.
            armed = true;
            let _ = wake_up.as_mut().poll(cx);
        }
        if !told && shared.stop.is_pulled() {
            told = true;
            http.as_mut().graceful_shutdown();
        }
        http.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        debug!(%error, "connection ended early");
    }
}
