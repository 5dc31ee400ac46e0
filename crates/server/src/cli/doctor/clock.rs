//! The clock, compared with a time server when one is named (SNTP, RFC 4330).

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;

/// Seconds from the epoch of NTP (1900) to that of Unix (1970).
const NTP_EPOCH: f64 = 2_208_988_800.0;
const NTP_PORT: u16 = 123;
const PATIENCE: Duration = Duration::from_secs(3);

/// No release of this program is older.
const RELEASED_SECONDS: u64 = 1_760_000_000;

/// Clients refuse and are refused at five minutes; half a minute wants attention.
const SKEW_WARNING_SECONDS: f64 = 30.0;
const SKEW_MAX_SECONDS: f64 = 240.0;

pub(super) fn examine(server: Option<&str>) -> Vec<Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if now.as_secs() < RELEASED_SECONDS {
        return vec![Finding::problem("clock", "the clock is before the release of this program", "set the clock")];
    }
    let Some(server) = server else {
        return vec![Finding::good("clock", "it is plausible; name a time server with --ntp to have it compared")];
    };
    let remedy = "let a time service (chrony, systemd-timesyncd) keep the clock";
    vec![match offset_seconds(server) {
        Err(error) => Finding::warning("clock", format!("{server} gives no time: {error}"), "name another with --ntp"),
        Ok(offset) if offset.abs() >= SKEW_MAX_SECONDS => {
            Finding::problem("clock", format!("it is {:.1} s {}", offset.abs(), direction(offset)), remedy)
        }
        Ok(offset) if offset.abs() >= SKEW_WARNING_SECONDS => {
            Finding::warning("clock", format!("it is {:.1} s {}", offset.abs(), direction(offset)), remedy)
        }
        Ok(offset) => Finding::good("clock", format!("it differs from {server} by {:.3} s", offset.abs())),
    }]
}

fn direction(offset: f64) -> &'static str {
    if offset > 0.0 { "behind" } else { "ahead" }
}

/// How much must be added to this clock to show the server's time.
fn offset_seconds(server: &str) -> io::Result<f64> {
    let address = match server.to_socket_addrs() {
        Ok(mut addresses) => addresses.next(),
        Err(_) => (server, NTP_PORT).to_socket_addrs()?.next(),
    };
    let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(address)?;
    let mut request = [0; 48];
    // Version 4, client.
    request[0] = 0x23;
    let sent = seconds_now();
    socket.send(&request)?;
    let mut reply = [0; 48];
    let length = socket.recv(&mut reply)?;
    let received = seconds_now();
    offset(&reply[..length], sent, received).ok_or_else(|| io::Error::other("the reply is not a time"))
}

/// The offset of RFC 4330, section 5, from a reply and the moments around it.
fn offset(reply: &[u8], sent: f64, received: f64) -> Option<f64> {
    let reply: &[u8; 48] = reply.try_into().ok()?;
    let (mode, stratum) = (reply[0] & 7, reply[1]);
    // A server's reply, from one that has a time itself.
    if mode != 4 || stratum == 0 || stratum > 15 {
        return None;
    }
    let at = |place: usize| {
        let whole = u32::from_be_bytes(reply[place..place + 4].try_into().ok()?);
        let part = u32::from_be_bytes(reply[place + 4..place + 8].try_into().ok()?);
        (whole != 0).then(|| f64::from(whole) + f64::from(part) / 4_294_967_296.0 - NTP_EPOCH)
    };
    let (arrived, left) = (at(32)?, at(40)?);
    Some(((arrived - sent) + (left - received)) / 2.0)
}

fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::Verdict;
    use super::*;

    fn reply(ahead_seconds: f64) -> [u8; 48] {
        let mut reply = [0; 48];
        (reply[0], reply[1]) = (0x24, 2);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds since 1900 fit until 2036"
        )]
        let whole = (seconds_now() + ahead_seconds + NTP_EPOCH) as u32;
        reply[32..36].copy_from_slice(&whole.to_be_bytes());
        reply[40..44].copy_from_slice(&whole.to_be_bytes());
        reply
    }

    /// A time server on this machine, for one question.
    fn time_server(reply: impl FnOnce() -> Vec<u8> + Send + 'static) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
        let address = socket.local_addr().expect("is bound").to_string();
        thread::spawn(move || {
            let (_, from) = socket.recv_from(&mut [0; 48]).expect("a question");
            socket.send_to(&reply(), from).expect("answers");
        });
        address
    }

    #[test]
    fn a_clock_is_compared() {
        check(0.0, Verdict::Good);
        check(60.0, Verdict::Warning);
        check(-60.0, Verdict::Warning);
        check(900.0, Verdict::Problem);
        check(-900.0, Verdict::Problem);

        #[track_caller]
        fn check(ahead_seconds: f64, expect: Verdict) {
            let server = time_server(move || reply(ahead_seconds).to_vec());
            let findings = examine(Some(&server));
            assert_eq!(findings[0].verdict, expect, "{findings:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_believed() {
        let good = reply(0.0);
        assert!(offset(&good, 0.0, 0.0).is_some());
        assert_eq!(offset(&good[..47], 0.0, 0.0), None);
        for (place, byte) in [(0, 0x23), (1, 0), (1, 16)] {
            let mut bad = good;
            bad[place] = byte;
            assert_eq!(offset(&bad, 0.0, 0.0), None);
        }
        assert_eq!(offset(&[0; 48], 0.0, 0.0), None);
        let server = time_server(|| b"no".to_vec());
        assert_eq!(examine(Some(&server))[0].verdict, Verdict::Warning);
    }
}
