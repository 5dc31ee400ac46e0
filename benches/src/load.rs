//! The load: one thread, 64 connections that are kept, on each of them the next request as soon as the reply is there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use rustls::ClientConfig;

use crate::Error;
use crate::stream::Stream;

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 64;

/// Room for a reply's head and body.
pub(crate) const REPLY_MAX_BYTES: usize = 16 << 10;

/// After this long without any reply, the server is taken for dead.
const SILENCE: Duration = Duration::from_secs(10);

/// What a window of load showed.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    /// Nanoseconds from a request's first byte to its reply's last, sorted.
    pub(crate) latencies_ns: Vec<u32>,
}

impl Window {
    /// Calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that the share `at` of all calls did not exceed, in microseconds.
    pub(crate) fn percentile_us(&self, at: f64) -> f64 {
        let last = self.latencies_ns.len().saturating_sub(1);
        let index = (last as f64 * at).round() as usize;
        self.latencies_ns.get(index).map_or(0.0, |ns| f64::from(*ns) / 1000.0)
    }
}

/// Connections to one server.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
}

struct Connection {
    stream: Stream,
    buffer: Box<[u8; REPLY_MAX_BYTES]>,
    filled: usize,
    sent_at: Instant,
    next: usize,
}

impl Load {
    /// Opens all connections.
    pub(crate) fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Error> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for n in 0..CONNECTIONS {
            let mut stream = Stream::connect(address, tls)?;
            poll.registry().register(stream.socket(), Token(n), Interest::READABLE)?;
            let buffer = Box::new([0; REPLY_MAX_BYTES]);
            connections.push(Connection { stream, buffer, filled: 0, sent_at: Instant::now(), next: n });
        }
        Ok(Self { poll, events: Events::with_capacity(CONNECTIONS), connections })
    }

    /// Sends `requests` in turn for `length`, and waits for the last replies. Every reply must be 200.
    pub(crate) fn run(&mut self, requests: &[Vec<u8>], length: Duration) -> Result<Window, Error> {
        let start = Instant::now();
        let mut latencies_ns = Vec::with_capacity(1 << 20);
        let mut waiting = self.connections.len();
        for connection in &mut self.connections {
            connection.send(requests, start)?;
        }
        let mut elapsed = length;
        while waiting > 0 {
            self.poll.poll(&mut self.events, Some(SILENCE))?;
            if self.events.is_empty() {
                return Err("the server does not answer".into());
            }
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                if !connection.receive()? {
                    continue;
                }
                let now = Instant::now();
                let latency = now.duration_since(connection.sent_at).as_nanos();
                latencies_ns.push(u32::try_from(latency).unwrap_or(u32::MAX));
                elapsed = now.duration_since(start);
                if elapsed < length {
                    connection.send(requests, now)?;
                } else {
                    waiting -= 1;
                }
            }
        }
        latencies_ns.sort_unstable();
        Ok(Window { calls: latencies_ns.len() as u64, elapsed, latencies_ns })
    }
}

impl Connection {
    fn send(&mut self, requests: &[Vec<u8>], now: Instant) -> Result<(), Error> {
        self.sent_at = now;
        self.filled = 0;
        self.stream.send(&requests[self.next % requests.len()])?;
        self.next += 1;
        Ok(())
    }

    /// Reads until the reply is whole (true) or nothing more has come (false).
    fn receive(&mut self) -> Result<bool, Error> {
        while let Some(read) = self.stream.receive(&mut self.buffer[self.filled..])? {
            self.filled += read;
            match reply_length(&self.buffer[..self.filled])? {
                Some(length) if length == self.filled => return Ok(true),
                Some(length) if length < self.filled || length > REPLY_MAX_BYTES => {
                    return Err("a reply is longer than it should be".into());
                }
                Some(_) | None => {}
            }
        }
        Ok(false)
    }
}

/// The length of the reply that begins here, once its head is whole. It must be a 200.
fn reply_length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let length = any_reply_length(bytes)?;
    if length.is_some() && !bytes.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("not a 200: {}", String::from_utf8_lossy(bytes)).into());
    }
    Ok(length)
}

/// The same for a reply of any status.
pub(crate) fn any_reply_length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = &bytes[..head_end + 2];
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = find(head, NAME).ok_or("a reply without Content-Length")? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let body = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    Ok(Some(head_end + 4 + body))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_end_where_their_head_says() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Ok(None));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", Ok(Some(40)));
        check("HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 12\r\nz: 1\r\n\r\n", Ok(Some(63)));
        check("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}", Err(()));
        check("HTTP/1.1 200 OK\r\n\r\n", Err(()));

        #[track_caller]
        fn check(text: &str, expect: Result<Option<usize>, ()>) {
            assert_eq!(reply_length(text.as_bytes()).map_err(drop), expect, "{text:?}");
        }
    }

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let window =
            Window { calls: 101, elapsed: Duration::from_secs(2), latencies_ns: (0..=100).map(|n| n * 1000).collect() };
        assert_eq!((window.percentile_us(0.5), window.percentile_us(0.99)), (50.0, 99.0));
        assert_eq!(window.rate(), 50.5);
    }
}
