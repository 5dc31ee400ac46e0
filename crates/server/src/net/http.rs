//! One exchange: a request's body into memory, the answer out, each within its limits.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, HOST, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use strongroom_service::{Refusal, Reply, Request, TlsDetails};
use zeroize::Zeroizing;

use super::answer::Answer;
use super::guard::Progress;
use super::reply::{self, Dress, ReplyBody};
use crate::config::Limits;

/// What all requests of a connection share.
pub(super) struct Connection<A> {
    pub(super) answer: Arc<A>,
    pub(super) limits: Arc<Limits>,
    pub(super) dev: bool,
    /// There was no room for this connection: it hears so and ends.
    pub(super) overloaded: bool,
    pub(super) peer: IpAddr,
    pub(super) tls: Option<TlsDetails>,
    pub(super) progress: Arc<Progress>,
}

/// A reply, and whether something of its request is left unread.
struct Outcome {
    reply: Reply,
    unread: bool,
}

impl<A: Answer> Connection<A> {
    /// Answers one request. What goes wrong is a reply, too.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let _in_flight = self.progress.begin();
        let version = request.version();
        let outcome = self.outcome(request).await;
        // HTTP/2 has no such header; there a stream ends alone.
        let close = version <= Version::HTTP_11 && (outcome.unread || self.overloaded);
        Ok(reply::to_response(outcome.reply, Dress { dev: self.dev, close }))
    }

    async fn outcome(&self, request: hyper::Request<Incoming>) -> Outcome {
        if self.overloaded {
            return Outcome { reply: self.answer.refuse(Refusal::Overloaded), unread: true };
        }
        let (mut head, body) = request.into_parts();
        if let Err(refusal) = self.admit(&mut head) {
            return Outcome { reply: self.answer.refuse(refusal), unread: true };
        }
        match self.read(&head, body).await {
            Ok(body) => Outcome { reply: self.reply_to(&head, &body).await, unread: false },
            Err(NoBody { refusal, unread }) => Outcome { reply: self.answer.refuse(refusal), unread },
        }
    }

    /// Checks what the library does not, and gives an HTTP/2 request the Host that signatures speak of.
    fn admit(&self, head: &mut Parts) -> Result<(), Refusal> {
        if head.version != Version::HTTP_2 {
            return Ok(());
        }
        if head.headers.len() > self.limits.header_fields || size_of(&head.headers) > self.limits.head_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        if let Some(authority) = head.uri.authority() {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Refusal::BadRequest)?;
            head.headers.insert(HOST, host);
        }
        Ok(())
    }

    async fn read(&self, head: &Parts, mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, NoBody> {
        if body.is_end_stream() {
            return Ok(Zeroizing::default());
        }
        // Who asked to be told whether to send must not be told to.
        if body.size_hint().lower() > self.limits.body_bytes as u64 && head.headers.contains_key(EXPECT) {
            return Err(NoBody { refusal: Refusal::BodyTooLarge, unread: true });
        }
        let mut reading = pin!(collect(&mut body, &self.limits));
        let read = if head.version == Version::HTTP_2 {
            let late = NoBody { refusal: Refusal::Timeout, unread: true };
            within(self.limits.body_timeout(), reading.as_mut()).await.unwrap_or(Err(late))
        } else {
            // The stream's guard keeps the time: a timer for each body would cost every call.
            self.progress.set_reading_body(true);
            let read = reading.as_mut().await;
            self.progress.set_reading_body(false);
            read
        };
        match read {
            Err(NoBody { refusal: Refusal::BadRequest, unread }) if self.progress.body_was_late() => {
                Err(NoBody { refusal: Refusal::Timeout, unread })
            }
            read => read,
        }
    }

    async fn reply_to(&self, head: &Parts, body: &[u8]) -> Reply {
        let request = Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
            body,
            peer: self.peer,
            tls: self.tls.as_ref(),
        };
        let answer = pin!(self.answer.answer(request));
        match within(self.limits.reply_timeout(), answer).await {
            Some(reply) => reply,
            None => self.answer.refuse(Refusal::Timeout),
        }
    }
}

/// The size of a head as HTTP/2 counts it (RFC 9113, 10.5.1).
fn size_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// Why a body did not arrive, and whether some of it is still on its way.
struct NoBody {
    refusal: Refusal,
    unread: bool,
}

/// The body in memory that wipes itself. What is too large is read to its end, up to a limit, and thrown away: a sender
/// who is cut off while sending sees a reset instead of the reply.
async fn collect(body: &mut Incoming, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, NoBody> {
    let announced = body.size_hint().lower();
    if announced <= limits.body_bytes as u64
        && let Some(whole) = read_whole(body, limits.body_bytes).await?
    {
        return Ok(whole);
    }
    let unread = !discard(body, limits.discarded_body_bytes).await?;
    Err(NoBody { refusal: Refusal::BodyTooLarge, unread })
}

/// The whole body, or `None` as soon as it has more than `most` bytes.
async fn read_whole(body: &mut Incoming, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, NoBody> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(most);
    let mut whole = Zeroizing::new(Vec::with_capacity(announced.min(most)));
    while let Some(chunk) = next_chunk(body).await? {
        if chunk.len() > most - whole.len() {
            return Ok(None);
        }
        append(&mut whole, &chunk);
    }
    Ok(Some(whole))
}

/// Throws the rest of the body away. Whether that took no more than `most` bytes is the answer.
async fn discard(body: &mut Incoming, most: u64) -> Result<bool, NoBody> {
    let mut discarded = 0;
    while let Some(chunk) = next_chunk(body).await? {
        discarded += chunk.len() as u64;
        if discarded > most {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The next piece of data; trailers are passed over.
async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, NoBody> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(NoBody { refusal: Refusal::BadRequest, unread: true }),
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    return Ok(Some(chunk));
                }
            }
        }
    }
}

/// Appends, and wipes what is left behind when the buffer has to move.
fn append(whole: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let needed = whole.len() + chunk.len();
    if needed > whole.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * whole.capacity())));
        larger.extend_from_slice(whole);
        *whole = larger;
    }
    whole.extend_from_slice(chunk);
}

/// `work`'s outcome, or `None` after `limit`. The timer is made only when the work is not done at once; the work is lent,
/// because a future that is handed over is stored and moved twice.
async fn within<F: Future>(limit: Duration, mut work: Pin<&mut F>) -> Option<F::Output> {
    match poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => tokio::time::timeout(limit, work).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_by_moving_into_a_larger_one() {
        let mut whole = Zeroizing::new(Vec::with_capacity(4));
        for chunk in [&b"abc"[..], b"defgh", b"", b"ijklmnopqrstuvwxyz"] {
            append(&mut whole, chunk);
        }
        assert_eq!(&**whole, b"abcdefghijklmnopqrstuvwxyz");
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_given_its_time_and_no_more() {
        let limit = Duration::from_secs(1);
        assert_eq!(within(limit, pin!(async { 7 })).await, Some(7));
        assert_eq!(within(limit, pin!(tokio::time::sleep(limit / 2))).await, Some(()));
        assert_eq!(within(limit, pin!(tokio::time::sleep(limit * 2))).await, None);
    }
}
