//! Every limit of the process, with its default and its reason, in one place.

use std::time::Duration;

use serde::Deserialize;

/// The `[limits]` table. Each member may be left out; times are in milliseconds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections open at once; one more is accepted, told `503` and closed, so that its client retries elsewhere.
    pub connections: u32,
    /// Bytes of a request's head. A session token takes 2 KiB; everything else fits the rest many times.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of a request's body. The largest input of the API is a policy of 128 KiB, escaped.
    pub body_bytes: usize,
    /// Bytes of an oversized body that are read and thrown away so that its sender reads the refusal instead of a reset.
    pub discarded_body_bytes: u64,
    /// Requests at once on one HTTP/2 connection.
    pub streams_per_connection: u32,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake_timeout_ms: u64,
    /// From the first byte of a request's head to its last.
    pub head_timeout_ms: u64,
    /// From the end of the head to the end of the body.
    pub body_timeout_ms: u64,
    /// From the end of the body to the reply.
    pub reply_timeout_ms: u64,
    /// How long a peer may take no byte of a reply.
    pub write_timeout_ms: u64,
    /// How long a connection may wait for its next request. Long: some clients fail when an idle connection is closed.
    pub idle_timeout_ms: u64,
    /// Bytes that keys in memory take at most, about: some 30,000 keys with default policies. Others are read when they are named.
    pub key_cache_bytes: u64,
    /// After a signal to stop: how long what is under way may take.
    pub shutdown_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head_bytes: 64 << 10,
            header_fields: 100,
            body_bytes: 1 << 20,
            discarded_body_bytes: 16 << 20,
            streams_per_connection: 128,
            handshake_timeout_ms: 10_000,
            head_timeout_ms: 15_000,
            body_timeout_ms: 30_000,
            reply_timeout_ms: 60_000,
            write_timeout_ms: 30_000,
            idle_timeout_ms: 20 * 60_000,
            key_cache_bytes: 256 << 20,
            shutdown_timeout_ms: 15_000,
        }
    }
}

impl Limits {
    /// Refuses what the HTTP stack cannot work with.
    ///
    /// # Errors
    /// The member's name and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let at_least = |name, value: u64, least: u64| match value < least {
            true => Err((name, format!("must be at least {least}"))),
            false => Ok(()),
        };
        at_least("connections", self.connections.into(), 1)?;
        at_least("head_bytes", self.head_bytes as u64, 8 << 10)?;
        at_least("header_fields", self.header_fields as u64, 16)?;
        at_least("body_bytes", self.body_bytes as u64, 8 << 10)?;
        at_least("streams_per_connection", self.streams_per_connection.into(), 1)?;
        at_least("key_cache_bytes", self.key_cache_bytes, 1 << 20)?;
        at_least("handshake_timeout_ms", self.handshake_timeout_ms, 1)?;
        at_least("head_timeout_ms", self.head_timeout_ms, 1)?;
        at_least("body_timeout_ms", self.body_timeout_ms, 1)?;
        at_least("reply_timeout_ms", self.reply_timeout_ms, 1)?;
        at_least("write_timeout_ms", self.write_timeout_ms, 1)?;
        at_least("idle_timeout_ms", self.idle_timeout_ms, 1)?;
        self.check_upper_bounds()
    }

    /// What would overflow further down: the body is held in memory, head sizes are 32 bits in HTTP/2, a timer has an end.
    fn check_upper_bounds(&self) -> Result<(), (&'static str, String)> {
        let at_most = |name, value: u64, most: u64| match value > most {
            true => Err((name, format!("must be at most {most}"))),
            false => Ok(()),
        };
        const LONGEST_MS: u64 = 7 * 24 * 3_600_000;
        at_most("connections", self.connections.into(), 1 << 20)?;
        at_most("head_bytes", self.head_bytes as u64, 1 << 20)?;
        at_most("header_fields", self.header_fields as u64, 1 << 12)?;
        at_most("body_bytes", self.body_bytes as u64, 64 << 20)?;
        at_most("streams_per_connection", self.streams_per_connection.into(), 1 << 16)?;
        at_most("key_cache_bytes", self.key_cache_bytes, 1 << 40)?;
        at_most("handshake_timeout_ms", self.handshake_timeout_ms, LONGEST_MS)?;
        at_most("head_timeout_ms", self.head_timeout_ms, LONGEST_MS)?;
        at_most("body_timeout_ms", self.body_timeout_ms, LONGEST_MS)?;
        at_most("reply_timeout_ms", self.reply_timeout_ms, LONGEST_MS)?;
        at_most("write_timeout_ms", self.write_timeout_ms, LONGEST_MS)?;
        at_most("idle_timeout_ms", self.idle_timeout_ms, LONGEST_MS)?;
        at_most("shutdown_timeout_ms", self.shutdown_timeout_ms, LONGEST_MS)
    }

    /// `handshake_timeout_ms`
    pub const fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    /// `head_timeout_ms`
    pub const fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    /// `body_timeout_ms`
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// `reply_timeout_ms`
    pub const fn reply_timeout(&self) -> Duration {
        Duration::from_millis(self.reply_timeout_ms)
    }

    /// `write_timeout_ms`
    pub const fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// `idle_timeout_ms`
    pub const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// `shutdown_timeout_ms`
    pub const fn shutdown_timeout(&self) -> Duration {
        Duration::from_millis(self.shutdown_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn what_the_stack_cannot_take_is_refused_by_name() {
        check(|limits| limits.connections = 0, "connections");
        check(|limits| limits.head_bytes = 4096, "head_bytes");
        check(|limits| limits.body_bytes = usize::MAX, "body_bytes");
        check(|limits| limits.key_cache_bytes = 1_000_000, "key_cache_bytes");
        check(|limits| limits.key_cache_bytes = u64::MAX, "key_cache_bytes");
        check(|limits| limits.idle_timeout_ms = u64::MAX, "idle_timeout_ms");
        check(|limits| limits.shutdown_timeout_ms = u64::MAX, "shutdown_timeout_ms");

        #[track_caller]
        fn check(change: impl FnOnce(&mut Limits), name: &str) {
            let mut limits = Limits::default();
            change(&mut limits);
            assert_eq!(limits.check().map_err(|(name, _)| name), Err(name));
        }
    }

    #[test]
    fn an_idle_connection_lives_at_least_ten_minutes() {
        assert!(Limits::default().idle_timeout() >= Duration::from_secs(600));
    }
}
