//! HTTP/2 on a plain connection, by prior knowledge.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use strongroom_server::config::Limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::answer::Server;
use crate::client::PATIENCE;

/// A body of `pieces` pieces, or one that never ends.
pub(crate) struct Pieces {
    pieces: usize,
    endless: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces == 0 {
            return if self.endless { Poll::Pending } else { Poll::Ready(None) };
        }
        self.pieces -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1000])))))
    }
}

pub(crate) async fn connect<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: T) -> SendRequest<Pieces> {
    let (send, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("speaks HTTP/2");
    tokio::spawn(connection);
    send
}

async fn connect_to(server: &Server) -> SendRequest<Pieces> {
    connect(TcpStream::connect(server.address).await.expect("listens")).await
}

pub(crate) fn request(path: &str, pieces: usize, endless: bool) -> Request<Pieces> {
    let uri = format!("http://kms.test:4599{path}");
    Request::post(uri).body(Pieces { pieces, endless }).expect("is well-formed")
}

pub(crate) async fn text(mut response: Response<Incoming>) -> String {
    let mut whole = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(response.body_mut()).poll_frame(cx)).await {
        whole.extend_from_slice(&frame.expect("arrives").into_data().unwrap_or_default());
    }
    String::from_utf8(whole).expect("is text")
}

async fn call(send: &mut SendRequest<Pieces>, request: Request<Pieces>) -> Response<Incoming> {
    tokio::time::timeout(PATIENCE, send.send_request(request)).await.expect("in time").expect("a reply")
}

#[tokio::test]
async fn requests_share_a_connection() {
    let server = Server::plain(Limits::default()).await;
    let mut send = connect_to(&server).await;
    let slow = send.send_request(request("/sleep/300", 0, false));
    let quick = call(&mut send, request("/quick", 3, false)).await;
    assert_eq!(quick.status(), 200);
    assert_eq!(quick.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(quick.headers()["x-strongroom-mode"], "dev");
    assert_eq!(quick.headers()["x-amzn-requestid"].len(), 36);
    let told = text(quick).await;
    assert!(told.contains(r#""path":"/quick","query":"","host":"kms.test:4599","length":3000"#), "{told}");
    assert!(text(slow.await.expect("a reply")).await.contains("/sleep/300"));
}

#[tokio::test]
async fn limits_hold_for_each_request() {
    let limits = Limits { body_bytes: 10_000, body_timeout_ms: 200, head_bytes: 8192, ..Limits::default() };
    let server = Server::plain(limits).await;
    let mut send = connect_to(&server).await;
    assert_eq!(call(&mut send, request("/", 10, false)).await.status(), 200);
    let refused = call(&mut send, request("/", 11, false)).await;
    assert_eq!(refused.status(), 413);
    assert_eq!(text(refused).await, r#"{"__type":"BodyTooLarge"}"#);
    let refused = call(&mut send, request("/", 2, true)).await;
    assert_eq!(refused.status(), 408);
    assert_eq!(text(refused).await, r#"{"__type":"Timeout"}"#);
    let mut fat = request("/", 0, false);
    fat.headers_mut().insert("x-pad", HeaderValue::from_str(&"x".repeat(9000)).expect("is ASCII"));
    let refused = call(&mut send, fat).await;
    assert_eq!(refused.status(), 431);
    assert_eq!(text(refused).await, r#"{"__type":"HeadTooLarge"}"#);
    assert_eq!(call(&mut send, request("/", 1, false)).await.status(), 200, "the connection lives on");
}

#[tokio::test]
async fn a_connection_that_only_greets_is_idle_not_slow() {
    let limits = Limits { head_timeout_ms: 100, idle_timeout_ms: 600, ..Limits::default() };
    let server = Server::plain(limits).await;
    let mut send = connect_to(&server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(call(&mut send, request("/", 0, false)).await.status(), 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(call(&mut send, request("/sleep/900", 0, false)).await.status(), 200);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(send.send_request(request("/", 0, false)).await.is_err(), "idle for longer than allowed");
}

#[tokio::test]
async fn a_stop_lets_streams_finish() {
    let server = Server::plain(Limits::default()).await;
    let mut send = connect_to(&server).await;
    let slow = send.send_request(request("/sleep/400", 0, false));
    let slow = tokio::spawn(slow);
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.pull();
    assert_eq!(slow.await.expect("no panic").expect("a reply").status(), 200);
    assert!(tokio::time::timeout(PATIENCE, server.ended).await.expect("in time").expect("no panic"));
}
