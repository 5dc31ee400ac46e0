//! Where audit events go besides the log: standard output, syslog, an OpenTelemetry collector.
//!
//! Each sink follows the log on a thread of its own, from the position that it came to last time.
//!
//! # Invariants
//! - The log comes first: a sink that is slow or away holds up no call, and finds later what it missed.
//! - An event arrives at least once, in order; after a crash the last few may come twice, with the same `eventID`.
//! - What does not arrive is counted: what a receiver refused, and what was moved away before its turn.

mod figures;
mod otlp;
mod syslog;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use strongroom_service::audit::follow::{Follower, Given};
use strongroom_service::{Family, Node};
use tracing::{error, info, warn};

use figures::Figures;
pub(crate) use figures::SinkStatus;
pub use otlp::CollectorAddress;
pub use syslog::SyslogAddress;

/// How often a sink looks for new events.
const LOOK_PERIOD: Duration = Duration::from_millis(100);
/// After a failure: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long a stopping server lets its sinks send what is left.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Which sinks there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinksConfig {
    /// One event a line on standard output.
    pub stdout: bool,
    /// RFC 5424.
    pub syslog: Option<SyslogAddress>,
    /// OTLP over HTTP.
    pub otlp: Option<CollectorAddress>,
}

/// What sends.
trait Sink: Send {
    /// Sends these events, JSON each. How many of them the receiver refused for good is the answer.
    ///
    /// # Errors
    /// When it is unknown whether all arrived; they are sent again.
    fn send(&mut self, events: &[Vec<u8>]) -> io::Result<u64>;
}

/// An event's members.
fn parsed(event: &[u8]) -> serde_json::Value {
    serde_json::from_slice(event).unwrap_or_default()
}

/// The sinks of a running server.
pub(crate) struct Sinks {
    begin: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    running: Vec<(Arc<Figures>, JoinHandle<()>)>,
    node: Arc<Node>,
}

impl Sinks {
    /// Prepares those that are configured over the log in `dir`. They send from [`Sinks::begin`] on.
    ///
    /// # Errors
    /// When a position cannot be read or a thread not be started.
    pub(crate) fn start(config: &SinksConfig, dir: &Path, node: &Arc<Node>) -> io::Result<Self> {
        let mut sinks = Self::none(node);
        if config.stdout {
            sinks.add("stdout", dir, Box::new(Stdout))?;
        }
        if let Some(address) = &config.syslog {
            sinks.add("syslog", dir, Box::new(syslog::Syslog::new(address.clone())))?;
        }
        if let Some(address) = &config.otlp {
            sinks.add("otlp", dir, Box::new(otlp::Otlp::new(address.clone())?))?;
        }
        Ok(sinks)
    }

    /// Of a server without a log.
    pub(crate) fn none(node: &Arc<Node>) -> Self {
        Self { begin: Arc::default(), stop: Arc::default(), running: Vec::new(), node: Arc::clone(node) }
    }

    fn add(&mut self, name: &'static str, dir: &Path, sink: Box<dyn Sink>) -> io::Result<()> {
        let follower = Follower::open(dir, name)?;
        let figures = Arc::new(Figures::new(name, follower.position()));
        let task = Task {
            follower,
            sink,
            figures: Arc::clone(&figures),
            node: Arc::clone(&self.node),
            begin: Arc::clone(&self.begin),
            stop: Arc::clone(&self.stop),
        };
        let thread = thread::Builder::new().name(format!("audit-{name}")).spawn(move || task.run())?;
        self.running.push((figures, thread));
        Ok(())
    }

    /// Lets them send: standard output has been promised another line first.
    pub(crate) fn begin(&self) {
        self.begin.store(true, Ordering::Release);
    }

    /// How each fares.
    pub(crate) fn status(&self) -> Vec<SinkStatus> {
        let end = self.node.audit_status().next_line;
        self.running.iter().map(|(figures, _)| figures.status(end)).collect()
    }

    /// The same for scrapers.
    pub(crate) fn families(&self) -> Vec<Family> {
        let end = self.node.audit_status().next_line;
        let all: Vec<&Figures> = self.running.iter().map(|(figures, _)| &**figures).collect();
        figures::families(&all, end)
    }

    /// Lets them send what is left, for a moment; the rest is sent after the next start.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        let deadline = Instant::now() + LAST_WAIT;
        for (figures, thread) in &self.running {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
            if !thread.is_finished() {
                warn!(sink = figures.name, "audit events are still to be sent; they are after the next start");
            }
        }
    }
}

struct Task {
    follower: Follower,
    sink: Box<dyn Sink>,
    figures: Arc<Figures>,
    node: Arc<Node>,
    begin: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Task {
    fn run(mut self) {
        while !self.begin.load(Ordering::Acquire) && !self.stop.load(Ordering::Acquire) {
            thread::sleep(LOOK_PERIOD);
        }
        let mut retry = RETRY.0;
        loop {
            let is_last = self.stop.load(Ordering::Acquire);
            match self.send_some() {
                Ok(true) => retry = RETRY.0,
                Ok(false) if is_last => return,
                Ok(false) => thread::sleep(LOOK_PERIOD),
                Err(_) if is_last => return,
                Err(_) => {
                    self.rest(retry);
                    retry = (retry * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Sends the next events. Whether the log went on is the answer.
    fn send_some(&mut self) -> io::Result<bool> {
        let name = self.figures.name;
        match self.try_to_send() {
            Ok(lines) => {
                if self.figures.recover() {
                    info!(sink = name, "audit events are sent again");
                }
                Ok(lines > 0)
            }
            Err(failed) => {
                if self.figures.fail(&failed) {
                    error!(sink = name, error = %failed, "audit events cannot be sent; they wait in the log");
                }
                Err(failed)
            }
        }
    }

    fn try_to_send(&mut self) -> io::Result<u64> {
        let name = self.figures.name;
        let Given { events, lines, missed } = self.follower.next(self.node.audit_status().next_line)?;
        let refused = if events.is_empty() { 0 } else { self.sink.send(&events)? };
        if refused > 0 {
            error!(sink = name, events = refused, "the receiver refused audit events for good; the log has them");
        }
        if missed > 0 {
            error!(sink = name, records = missed, "records of the audit log were moved away before they were sent");
        }
        self.figures.pass(events.len() as u64 - refused.min(events.len() as u64), refused + missed);
        let kept = self.follower.passed();
        self.figures.stand_at(self.follower.position());
        kept.map(|()| lines)
    }

    /// Waits, but not beyond the server's end.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.stop.load(Ordering::Acquire) {
            thread::sleep(LOOK_PERIOD);
        }
    }
}

/// One event a line.
struct Stdout;

impl Sink for Stdout {
    fn send(&mut self, events: &[Vec<u8>]) -> io::Result<u64> {
        let mut out = io::stdout().lock();
        for event in events {
            out.write_all(event)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(0)
    }
}
