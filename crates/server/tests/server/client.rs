//! A client that writes bytes as they are and reads replies without a library in between.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What requests and replies carry.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// What any test waits for at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A reply, taken apart.
#[derive(Debug)]
pub(crate) struct RawReply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl RawReply {
    /// A header's value; names are compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// What every reply of every layer has: JSON or nothing, and an identity.
    #[track_caller]
    pub(crate) fn assert_dressed(&self) {
        assert!(self.body.is_empty() || self.body.starts_with('{') && self.body.ends_with('}'), "{self:?}");
        assert_eq!(self.header("content-type"), Some(JSON), "{self:?}");
        assert_eq!(self.header("content-length"), Some(self.body.len().to_string().as_str()), "{self:?}");
        assert_eq!(self.header("x-amzn-requestid").map(str::len), Some(36), "{self:?}");
        assert!(self.header("date").is_some_and(|date| date.ends_with(" GMT")), "{self:?}");
    }
}

/// A connection of raw bytes.
pub(crate) struct Raw<T> {
    stream: T,
    read: Vec<u8>,
}

impl Raw<TcpStream> {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("the server listens"))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Raw<T> {
    pub(crate) fn over(stream: T) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// The next reply. Informational ones (100) count as replies.
    pub(crate) async fn reply(&mut self) -> RawReply {
        timeout(PATIENCE, self.try_reply()).await.expect("a reply in time").expect("a reply, not the end")
    }

    /// The next reply, or `None` when the connection ends before it.
    pub(crate) async fn try_reply(&mut self) -> Option<RawReply> {
        let head_len = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.read.drain(..head_len).collect()).expect("heads are ASCII");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut reply = RawReply { status, head, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        while self.read.len() < length {
            self.read_more().await?;
        }
        reply.body = String::from_utf8(self.read.drain(..length).collect()).expect("bodies are UTF-8");
        Some(reply)
    }

    /// Ends well when the server has closed the connection.
    pub(crate) async fn assert_closed(&mut self) {
        let more = timeout(PATIENCE, self.read_more()).await.expect("the server closes in time");
        assert!(more.is_none(), "more came: {}", String::from_utf8_lossy(&self.read));
    }

    async fn read_more(&mut self) -> Option<()> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => None,
            Ok(read) => {
                self.read.extend_from_slice(&chunk[..read]);
                Some(())
            }
        }
    }
}

/// A request with a body.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: kms.test\r\ncontent-type: {JSON}\r\ncontent-length: {length}\r\n\r\n{body}")
}
