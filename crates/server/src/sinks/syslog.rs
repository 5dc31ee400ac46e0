//! Syslog: RFC 5424 messages over UDP (RFC 5426), TCP with octet counting (RFC 6587), or a local socket.
//!
//! Syslog over TCP acknowledges nothing either. So one connection carries one batch: this side says that it is done, and the
//! receiver closes once it has read all, as servers of syslog do. Only then the batch has arrived. UDP and local sockets offer
//! nothing like that: what the system took is taken for arrived.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Sink, parsed};

/// Facility 13, log audit; severity 6, informational.
const PRIORITY: u8 = 13 * 8 + 6;
/// The name of the program in every message.
const APP: &str = "strongroom";
/// What one datagram carries at most, with room for its head.
const DATAGRAM_MAX: usize = 60_000;
const TIMEOUT: Duration = Duration::from_secs(5);
/// What a receiver may say before it closes.
const GREETING_MAX_BYTES: u64 = 64 << 10;

/// Where syslog listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// `udp://host:port`
    Udp(String),
    /// `tcp://host:port`
    Tcp(String),
    /// `unix:///dev/log`
    Unix(PathBuf),
}

impl FromStr for SyslogAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "an address such as \"udp://127.0.0.1:514\", \"tcp://127.0.0.1:601\" or \"unix:///dev/log\"";
        let with_port = |host: &str| {
            host.rsplit_once(':').is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok())
        };
        match text.split_once("://").ok_or(FORM)? {
            ("udp", host) if with_port(host) => Ok(Self::Udp(host.to_owned())),
            ("tcp", host) if with_port(host) => Ok(Self::Tcp(host.to_owned())),
            ("unix", path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            (_, _) => Err(FORM),
        }
    }
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(host) => write!(f, "udp://{host}"),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// A way to syslog.
pub(super) struct Syslog {
    address: SyslogAddress,
    host: String,
}

impl Syslog {
    pub(super) fn new(address: SyslogAddress) -> Self {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        Self { address, host: host.unwrap_or_else(|| "-".to_owned()) }
    }

    fn over_tcp(&self, host: &str, events: &[Vec<u8>]) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&resolve(host)?, TIMEOUT)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut frames = Vec::new();
        for event in events {
            let message = message(&self.host, event);
            frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
            frames.extend_from_slice(&message);
        }
        stream.write_all(&frames)?;
        stream.shutdown(Shutdown::Write)?;
        // Some greet; what they say has no meaning here.
        io::copy(&mut stream.take(GREETING_MAX_BYTES), &mut io::sink())?;
        Ok(())
    }
}

impl Sink for Syslog {
    fn send(&mut self, events: &[Vec<u8>]) -> io::Result<u64> {
        match &self.address {
            SyslogAddress::Tcp(host) => self.over_tcp(host, events)?,
            SyslogAddress::Udp(host) => {
                let peer = resolve(host)?;
                let socket = UdpSocket::bind(if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.connect(peer)?;
                events.iter().try_for_each(|event| socket.send(&message(&self.host, &fitting(event))).map(drop))?;
            }
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(TIMEOUT))?;
                events.iter().try_for_each(|event| socket.send(&message(&self.host, &fitting(event))).map(drop))?;
            }
        }
        Ok(0)
    }
}

fn resolve(host: &str) -> io::Result<SocketAddr> {
    host.to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// `<110>1 time host strongroom - eventID - json`
fn message(host: &str, event: &[u8]) -> Vec<u8> {
    let parsed = parsed(event);
    let member = |name: &str| {
        parsed[name].as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())).unwrap_or("-").to_owned()
    };
    let head = format!("<{PRIORITY}>1 {} {host} {APP} - {} - ", member("eventTime"), member("eventID"));
    [head.as_bytes(), event].concat()
}

/// The event, or where it is larger than a datagram, what leads to it in the log.
fn fitting(event: &[u8]) -> Vec<u8> {
    if event.len() <= DATAGRAM_MAX {
        return event.to_vec();
    }
    let mut parsed = parsed(event);
    parsed["requestParameters"] = serde_json::Value::Null;
    parsed["responseElements"] = serde_json::Value::Null;
    parsed["omitted"] = "requestParameters and responseElements are too large for a datagram; the log has them".into();
    serde_json::to_vec(&parsed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        check("udp://127.0.0.1:514", true);
        check("tcp://log.example:601", true);
        check("udp://[::1]:514", true);
        check("unix:///dev/log", true);
        check("unix://dev/log", false);
        check("udp://127.0.0.1", false);
        check("http://127.0.0.1:514", false);
        check("127.0.0.1:514", false);

        #[track_caller]
        fn check(text: &str, taken: bool) {
            let read = text.parse::<SyslogAddress>();
            assert_eq!(read.is_ok(), taken, "{text}");
            assert!(read.is_err() || read.is_ok_and(|address| address.to_string() == text), "{text}");
        }
    }

    #[test]
    fn messages_have_the_form_of_rfc_5424() {
        let event = br#"{"eventTime":"2026-09-21T14:13:20Z","eventID":"0-1","eventName":"Encrypt"}"#;
        let expect = format!("<110>1 2026-09-21T14:13:20Z host strongroom - 0-1 - {}", String::from_utf8_lossy(event));
        assert_eq!(String::from_utf8_lossy(&message("host", event)), expect);
    }

    #[test]
    fn what_is_too_large_for_a_datagram_is_named() {
        let event = serde_json::json!({"eventID": "0-1", "requestParameters": {"policy": "x".repeat(DATAGRAM_MAX)}});
        let event = serde_json::to_vec(&event).expect("JSON");
        let sent: serde_json::Value = serde_json::from_slice(&fitting(&event)).expect("JSON");
        assert_eq!(sent["eventID"], "0-1");
        assert!(sent["omitted"].as_str().is_some_and(|text| text.contains("the log has them")));
        assert_eq!(fitting(b"{}"), b"{}");
    }
}
