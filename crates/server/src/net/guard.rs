//! A connection's stream under guard: deadlines for whatever it waits for, and a JSON body for the HTTP library's own refusals.
//!
//! The library has a timer of its own, but one for two things: a head that comes slowly and a connection that is idle. The
//! first must be short and the second long, and neither may cost a call anything: here one timer per connection is set
//! anew only when it has run out or an earlier deadline appears, which a request that arrives in one piece never causes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use strongroom_service::Refusal;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use zeroize::Zeroizing;

use super::answer::Answer;
use super::reply;
use crate::config::Limits;

/// Where a connection stands, told by its stream and by its requests to each other. All on one task for HTTP/1.1; for
/// HTTP/2 the counts alone are used, and being a moment late is harmless: they decide about deadlines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests whose head has been read and whose reply is not ready.
    in_flight: AtomicU32,
    /// Requests so far; it tells one wait from the next.
    begun: AtomicU32,
    /// Bytes of a head have come, and no request yet.
    head_open: AtomicBool,
    /// An HTTP/1.1 request waits for its body.
    reading_body: AtomicBool,
    /// It waited too long.
    body_late: AtomicBool,
}

impl Progress {
    /// A request's head is complete.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.head_open.store(false, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// An HTTP/1.1 request begins or ends to wait for its body.
    pub(super) fn set_reading_body(&self, reading: bool) {
        self.reading_body.store(reading, Ordering::Relaxed);
    }

    /// Whether a body's failure was its slowness.
    pub(super) fn body_was_late(&self) -> bool {
        self.body_late.load(Ordering::Relaxed)
    }
}

/// A request that has not been answered; dropping it says that it has.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Progress>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.reading_body.store(false, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a peer may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    head: Duration,
    body: Duration,
    idle: Duration,
    write: Duration,
}

impl Patience {
    /// The configured patience.
    pub(super) const fn of(limits: &Limits) -> Self {
        Self {
            head: limits.head_timeout(),
            body: limits.body_timeout(),
            idle: limits.idle_timeout(),
            write: limits.write_timeout(),
        }
    }

    /// For a connection that only hears that there is no room.
    pub(super) fn brief(limits: &Limits) -> Self {
        let brief = Duration::from_secs(2);
        Self { idle: brief, head: brief.min(limits.head_timeout()), ..Self::of(limits) }
    }

    const fn with(&self, wait: Wait) -> Duration {
        match wait {
            Wait::Idle => self.idle,
            Wait::Head => self.head,
            Wait::Body => self.body,
        }
    }
}

/// What a connection waits for when it waits for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Idle,
    Head,
    Body,
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// This many bytes of `PRI` have come.
    Unknown(usize),
    Http1,
    Http2,
}

impl Protocol {
    /// HTTP/2 begins with `PRI * HTTP/2.0`, and no method of HTTP/1.1 in use begins so.
    fn after(self, bytes: &[u8]) -> Self {
        const PREFACE: &[u8] = b"PRI";
        let Self::Unknown(seen) = self else { return self };
        let fresh = &bytes[..bytes.len().min(PREFACE.len() - seen)];
        match PREFACE[seen..].starts_with(fresh) {
            false => Self::Http1,
            true if seen + fresh.len() == PREFACE.len() => Self::Http2,
            true => Self::Unknown(seen + fresh.len()),
        }
    }
}

/// Bytes that go out in place of the library's own.
struct StandIn {
    bytes: Zeroizing<Vec<u8>>,
    written: usize,
}

/// The stream.
pub(super) struct Guard<T, A> {
    io: T,
    answer: Arc<A>,
    dev: bool,
    progress: Arc<Progress>,
    patience: Patience,
    protocol: Protocol,
    /// What is waited for, in which request's time, since when.
    waiting: Option<(Wait, u32, Instant)>,
    timer: Pin<Box<Sleep>>,
    /// The timer knows whom to wake.
    armed: bool,
    write_timer: Option<Pin<Box<Sleep>>>,
    stand_in: Option<StandIn>,
}

impl<T, A: Answer> Guard<T, A> {
    /// Guards `io`.
    pub(super) fn new(io: T, answer: Arc<A>, dev: bool, progress: Arc<Progress>, patience: Patience) -> Self {
        Self {
            io,
            answer,
            dev,
            progress,
            patience,
            protocol: Protocol::Unknown(0),
            waiting: None,
            timer: Box::pin(tokio::time::sleep(patience.idle)),
            armed: false,
            write_timer: None,
            stand_in: None,
        }
    }

    fn note_read(&mut self, fresh: &[u8]) {
        self.protocol = self.protocol.after(fresh);
        if self.protocol != Protocol::Http2 && self.progress.in_flight.load(Ordering::Relaxed) == 0 {
            self.progress.head_open.store(true, Ordering::Relaxed);
        }
    }

    /// What is waited for; `None` when it is our own answer.
    fn wait(&self) -> Option<Wait> {
        let progress = &self.progress;
        if progress.reading_body.load(Ordering::Relaxed) {
            Some(Wait::Body)
        } else if progress.in_flight.load(Ordering::Relaxed) > 0 {
            None
        } else if self.protocol != Protocol::Http2 && progress.head_open.load(Ordering::Relaxed) {
            Some(Wait::Head)
        } else {
            Some(Wait::Idle)
        }
    }

    /// Ready when the peer has kept us waiting for too long.
    fn poll_impatience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(wait) = self.wait() else { return Poll::Pending };
        let request = self.progress.begun.load(Ordering::Relaxed);
        let since = match self.waiting {
            Some((same, of, since)) if same == wait && of == request => since,
            Some(_) | None => {
                let now = Instant::now();
                self.waiting = Some((wait, request, now));
                now
            }
        };
        let deadline = since + self.patience.with(wait);
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
            self.armed = false;
        }
        // A task's waker stays the same, so that a timer once polled need not be polled again before it has run out.
        while !self.armed || self.timer.is_elapsed() {
            ready_or_armed(self.timer.as_mut(), cx, &mut self.armed);
            if !self.timer.is_elapsed() {
                break;
            }
            if Instant::now() >= deadline {
                self.progress.body_late.store(wait == Wait::Body, Ordering::Relaxed);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
            self.armed = false;
        }
        Poll::Pending
    }

    /// Whether what is about to be written is the library's own answer to a head that it could not read.
    fn is_refusing(&self) -> bool {
        self.stand_in.is_some()
            || (self.protocol != Protocol::Http2
                && self.progress.head_open.load(Ordering::Relaxed)
                && self.progress.in_flight.load(Ordering::Relaxed) == 0)
    }
}

/// Polls the timer, after which it knows whom to wake.
fn ready_or_armed(timer: Pin<&mut Sleep>, cx: &mut Context<'_>, armed: &mut bool) {
    use std::future::Future;
    *armed = timer.poll(cx).is_pending();
}

/// Our word for the library's: it tells by the status what was wrong.
fn refusal_for(status_line: &[u8]) -> Refusal {
    const STATUS_AT: usize = "HTTP/1.1 ".len();
    match status_line.get(STATUS_AT..STATUS_AT + 3) {
        Some(b"431" | b"414") => Refusal::HeadTooLarge,
        Some(_) | None => Refusal::BadRequest,
    }
}

impl<T: AsyncWrite + Unpin, A: Answer> Guard<T, A> {
    /// Writes our refusal, and says that `theirs` has been written.
    fn poll_stand_in(&mut self, cx: &mut Context<'_>, first: &[u8], theirs: usize) -> Poll<io::Result<usize>> {
        let stand_in = self.stand_in.get_or_insert_with(|| {
            let reply = self.answer.refuse(refusal_for(first));
            StandIn { bytes: reply::to_closing_bytes(&reply, self.dev), written: 0 }
        });
        while stand_in.written < stand_in.bytes.len() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &stand_in.bytes[stand_in.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => stand_in.written += written,
            }
        }
        self.stand_in = None;
        self.progress.head_open.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(theirs))
    }

    /// Gives a write that makes no progress its end.
    fn or_stalled<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        use std::future::Future;
        if outcome.is_ready() {
            self.write_timer = None;
            return outcome;
        }
        let patience = self.patience.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin, A: Answer> AsyncRead for Guard<T, A> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                if buf.filled().len() > before {
                    this.note_read(&buf.filled()[before..]);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(this.poll_impatience(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<T: AsyncWrite + Unpin, A: Answer> AsyncWrite for Guard<T, A> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match this.is_refusing() {
            true => this.poll_stand_in(cx, buf, buf.len()),
            false => Pin::new(&mut this.io).poll_write(cx, buf),
        };
        this.or_stalled(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match this.is_refusing() {
            true => {
                let first = bufs.first().map_or(&[][..], |buf| buf);
                this.poll_stand_in(cx, first, bufs.iter().map(|buf| buf.len()).sum())
            }
            false => Pin::new(&mut this.io).poll_write_vectored(cx, bufs),
        };
        this.or_stalled(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(cx);
        ready!(this.or_stalled(cx, outcome))?;
        // The library read ahead before it answered and reads no more until it is woken: the wait for the next request
        // begins here.
        match this.poll_impatience(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_shutdown(cx);
        this.or_stalled(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol() {
        check(&[b"PRI * HTTP/2.0\r\n"], Protocol::Http2);
        check(&[b"P", b"R", b"I"], Protocol::Http2);
        check(&[b"P"], Protocol::Unknown(1));
        check(&[b"P", b"OST / HTTP/1.1"], Protocol::Http1);
        check(&[b"PR", b"OPFIND"], Protocol::Http1);
        check(&[b"\x16\x03\x01"], Protocol::Http1);
        check(&[b"GET", b"PRI"], Protocol::Http1);

        #[track_caller]
        fn check(reads: &[&[u8]], expect: Protocol) {
            assert_eq!(reads.iter().fold(Protocol::Unknown(0), |protocol, bytes| protocol.after(bytes)), expect);
        }
    }
}
