//! The service's reply as an HTTP response, its body wiped once it has been written.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use strongroom_service::Reply;
use zeroize::Zeroizing;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Says that this is `dev`.
pub(crate) const MODE: HeaderName = HeaderName::from_static("x-strongroom-mode");
/// A reply may hold a plaintext key: nothing on the way may keep it.
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-cache, no-store, must-revalidate, private");

/// How a reply is dressed beyond what the service said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dress {
    /// Says that this is `dev`, where test conveniences exist.
    pub(super) dev: bool,
    /// Says that the connection ends with this reply.
    pub(super) close: bool,
}

/// Builds the response. Content-Length and Date are the HTTP library's.
pub(super) fn to_response(reply: Reply, dress: Dress) -> Response<ReplyBody> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Ok(id) = HeaderValue::from_str(reply.request_id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, NOT_STORED);
    if dress.dev {
        headers.insert(MODE, HeaderValue::from_static("dev"));
    }
    if dress.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let mut response = Response::new(ReplyBody::wiping(reply.body));
    *response.status_mut() = status_of(reply.status);
    *response.headers_mut() = headers;
    response
}

/// The same reply as the bytes of an HTTP/1.1 response, for the moment when the HTTP library has given up.
pub(super) fn to_closing_bytes(reply: &Reply, dev: bool) -> Zeroizing<Vec<u8>> {
    let status = status_of(reply.status);
    let head = format!(
        "HTTP/1.1 {} {}\r\ndate: {}\r\ncontent-type: {}\r\nx-amzn-requestid: {}\r\n{}cache-control: no-cache, no-store, must-revalidate, private\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        httpdate::fmt_http_date(SystemTime::now()),
        reply.content_type,
        reply.request_id,
        if dev { "x-strongroom-mode: dev\r\n" } else { "" },
        reply.body.len(),
    );
    Zeroizing::new([head.as_bytes(), &reply.body].concat())
}

fn status_of(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body in one piece, or none.
#[derive(Debug)]
pub(super) struct ReplyBody(Option<Bytes>);

impl ReplyBody {
    /// Takes the body over; its memory is wiped when the last part has been written.
    fn wiping(body: Zeroizing<Vec<u8>>) -> Self {
        Self((!body.is_empty()).then(|| Bytes::from_owner(body)))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}
