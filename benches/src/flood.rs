//! What a flood of slow calls does to the latency of fast ones: GenerateDataKey alone, and beside RSA_4096.
//!
//! The fast caller comes at a fixed pace, far below what the server could do: what it sees is delay, not a full machine.
//! The server may use both cores and the load uses one of them; the flooding thread has the lowest priority there, so
//! that it takes nothing from the fast caller.
//!
//! # Invariants
//! - A latency runs from the moment when the call was due: a late reply makes the next call late and does not hide it.
//! - Each flood meets a server of its own: no job of another flood waits in its queue.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use serde::Serialize;
use serde_json::json;

use crate::Error;
use crate::cores::Cores;
use crate::load::{REPLY_MAX_BYTES, Window, any_reply_length};
use crate::process::Server;
use crate::requests::{Caller, call, text};
use crate::runs::median;
use crate::stream::Stream;

/// Connections of the flood, each with a call under way or just refused.
const CONNECTIONS: usize = 64;

/// Between two calls of the fast caller.
const PACE: Duration = Duration::from_millis(1);

/// How long a caller waits after `ThrottlingException`; the SDKs wait longer.
const REST: Duration = Duration::from_millis(10);

/// The lowest priority there is.
const LOWEST: i32 = 19;

const CALLER: Caller = Caller { access_key_id: "test", secret: "test" };

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    warm_up: Duration,
    window: Duration,
}

impl Pace {
    pub(crate) const SHORT: Self =
        Self { rounds: 3, warm_up: Duration::from_millis(200), window: Duration::from_millis(1000) };
    pub(crate) const FULL: Self =
        Self { rounds: 7, warm_up: Duration::from_millis(500), window: Duration::from_secs(4) };
}

/// The figures of all floods.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) rounds: usize,
    pub(crate) window_ms: u64,
    pub(crate) load_core: usize,
    pub(crate) fast_calls_per_second: u64,
    pub(crate) connections: usize,
    pub(crate) rest_ms: u64,
    pub(crate) floods: Vec<Case>,
}

/// One flood: every round, and the medians.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) unloaded_p50_us: f64,
    pub(crate) unloaded_p99_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The p99 in the flood by that before it, of the same round.
    pub(crate) p99_ratio: f64,
    pub(crate) answered_per_second: f64,
    pub(crate) refused_per_second: f64,
    pub(crate) rounds: Vec<Round>,
}

/// The fast caller alone, and beside the flood.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Round {
    unloaded_p50_us: f64,
    unloaded_p99_us: f64,
    p50_us: f64,
    p99_us: f64,
    answered_per_second: f64,
    refused_per_second: f64,
}

/// What floods.
#[derive(Clone, Copy, Debug)]
enum Slow {
    Sign,
    GenerateDataKeyPair,
}

impl Slow {
    const ALL: [Self; 2] = [Self::Sign, Self::GenerateDataKeyPair];

    const fn name(self) -> &'static str {
        match self {
            Self::Sign => "Sign RSA_4096",
            Self::GenerateDataKeyPair => "GenerateDataKeyPair RSA_4096",
        }
    }

    /// The flood's one request; `data_key` is the symmetric key.
    fn request(self, stream: &mut Stream, data_key: &str) -> Result<Vec<u8>, Error> {
        match self {
            Self::Sign => {
                let input = json!({ "KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY" });
                let key = call(stream, &CALLER, "CreateKey", &input)?;
                let key_id = text(&key["KeyMetadata"]["KeyId"])?;
                let algorithm = "RSASSA_PSS_SHA_256";
                CALLER.request(
                    "Sign",
                    &json!({ "KeyId": key_id, "SigningAlgorithm": algorithm, "Message": "bWVzc2FnZQ==" }),
                )
            }
            Self::GenerateDataKeyPair => {
                CALLER.request("GenerateDataKeyPair", &json!({ "KeyId": data_key, "KeyPairSpec": "RSA_4096" }))
            }
        }
    }
}

/// Runs all floods, in turns.
pub(crate) fn measure(server: &Path, pace: Pace, cores: Cores) -> Result<Figures, Error> {
    let mut rounds = Slow::ALL.map(|slow| (slow, Vec::new()));
    for _ in 0..pace.rounds {
        for (slow, rounds) in &mut rounds {
            rounds.push(round(server, *slow, pace, cores)?);
        }
    }
    Ok(Figures {
        rounds: pace.rounds,
        window_ms: u64::try_from(pace.window.as_millis())?,
        load_core: cores.load,
        fast_calls_per_second: u64::try_from(Duration::from_secs(1).as_nanos() / PACE.as_nanos())?,
        connections: CONNECTIONS,
        rest_ms: u64::try_from(REST.as_millis())?,
        floods: rounds.into_iter().map(|(slow, rounds)| case(slow, rounds)).collect(),
    })
}

fn case(slow: Slow, rounds: Vec<Round>) -> Case {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    Case {
        name: slow.name(),
        unloaded_p50_us: of(|round| round.unloaded_p50_us),
        unloaded_p99_us: of(|round| round.unloaded_p99_us),
        p50_us: of(|round| round.p50_us),
        p99_us: of(|round| round.p99_us),
        p99_ratio: of(|round| round.p99_us / round.unloaded_p99_us),
        answered_per_second: of(|round| round.answered_per_second),
        refused_per_second: of(|round| round.refused_per_second),
        rounds,
    }
}

fn round(server: &Path, slow: Slow, pace: Pace, cores: Cores) -> Result<Round, Error> {
    let mut command = Command::new(server);
    command.args(["dev", "--listen", "127.0.0.1:0", "--admin", "off"]);
    let server = Server::start_on_both(&mut command, cores)?;
    let mut stream = Stream::connect(server.address, None)?;
    let key = call(&mut stream, &CALLER, "CreateKey", &json!({}))?;
    let data_key = text(&key["KeyMetadata"]["KeyId"])?;
    let slow_request = slow.request(&mut stream, &data_key)?;
    let fast_request = CALLER.request("GenerateDataKey", &json!({ "KeyId": data_key, "KeySpec": "AES_256" }))?;
    let mut fast = Fast::new(stream, fast_request)?;
    let flood = Flood::connect(server.address)?;

    fast.run(pace.warm_up)?;
    let unloaded = fast.run(pace.window)?;
    let counts = Counts::default();
    let loaded = thread::scope(|scope| {
        let flooding = scope.spawn(|| flood.run(&slow_request, &counts).map_err(|error| error.to_string()));
        let outcome = fast.run(pace.warm_up).and_then(|_| {
            let before = counts.now();
            let window = fast.run(pace.window)?;
            Ok((window, before, counts.now()))
        });
        counts.stop.store(true, Ordering::Relaxed);
        flooding.join().map_err(|_| "the flood panicked")??;
        outcome
    });
    let (window, before, after) = loaded?;
    let per_second = |before: u64, after: u64| (after - before) as f64 / window.elapsed.as_secs_f64();
    Ok(Round {
        unloaded_p50_us: unloaded.percentile_us(0.5),
        unloaded_p99_us: unloaded.percentile_us(0.99),
        p50_us: window.percentile_us(0.5),
        p99_us: window.percentile_us(0.99),
        answered_per_second: per_second(before.0, after.0),
        refused_per_second: per_second(before.1, after.1),
    })
}

/// The fast caller: one connection, one call after the other, each when it is due.
struct Fast {
    poll: Poll,
    events: Events,
    stream: Stream,
    request: Vec<u8>,
}

impl Fast {
    fn new(mut stream: Stream, request: Vec<u8>) -> Result<Self, Error> {
        let poll = Poll::new()?;
        poll.registry().register(stream.socket(), Token(0), Interest::READABLE)?;
        Ok(Self { poll, events: Events::with_capacity(1), stream, request })
    }

    fn run(&mut self, length: Duration) -> Result<Window, Error> {
        let start = Instant::now();
        let mut latencies_ns = Vec::new();
        let mut due = start;
        while due < start + length {
            let from = match due.checked_duration_since(Instant::now()) {
                // The system wakes us a little late; that is not the server's doing.
                Some(early) => {
                    thread::sleep(early);
                    Instant::now()
                }
                None => due,
            };
            self.stream.send(&self.request)?;
            self.receive()?;
            latencies_ns.push(u32::try_from(from.elapsed().as_nanos()).unwrap_or(u32::MAX));
            due += PACE;
        }
        latencies_ns.sort_unstable();
        Ok(Window { calls: latencies_ns.len() as u64, elapsed: start.elapsed(), latencies_ns })
    }

    fn receive(&mut self) -> Result<(), Error> {
        let (mut buffer, mut filled) = ([0; REPLY_MAX_BYTES], 0);
        loop {
            self.poll.poll(&mut self.events, Some(Duration::from_secs(10)))?;
            if self.events.is_empty() {
                return Err("GenerateDataKey is not answered".into());
            }
            while let Some(read) = self.stream.receive(&mut buffer[filled..])? {
                filled += read;
            }
            let reply = &buffer[..filled];
            match any_reply_length(reply)? {
                Some(length) if length == filled && is_success(reply) => return Ok(()),
                Some(length) if length <= filled => {
                    return Err(format!("GenerateDataKey: {}", String::from_utf8_lossy(reply)).into());
                }
                Some(_) | None => {}
            }
        }
    }
}

fn is_success(reply: &[u8]) -> bool {
    reply.starts_with(b"HTTP/1.1 200 ")
}

fn is_throttled(reply: &[u8]) -> bool {
    String::from_utf8_lossy(reply).contains("ThrottlingException")
}

/// What the flood got so far, and whether it shall end.
#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
}

impl Counts {
    fn now(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// The flood's connections: on each the next call as soon as the reply is there, or a rest after a refusal.
struct Flood {
    poll: Poll,
    connections: Vec<Connection>,
}

struct Connection {
    stream: Stream,
    buffer: Box<[u8; REPLY_MAX_BYTES]>,
    filled: usize,
}

impl Flood {
    fn connect(address: std::net::SocketAddr) -> Result<Self, Error> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for n in 0..CONNECTIONS {
            let mut stream = Stream::connect(address, None)?;
            poll.registry().register(stream.socket(), Token(n), Interest::READABLE)?;
            connections.push(Connection { stream, buffer: Box::new([0; REPLY_MAX_BYTES]), filled: 0 });
        }
        Ok(Self { poll, connections })
    }

    /// Until it is told to stop; calls under way are left behind with their connections.
    fn run(mut self, request: &[u8], counts: &Counts) -> Result<(), Error> {
        rustix::process::setpriority_process(None, LOWEST)?;
        let mut events = Events::with_capacity(CONNECTIONS);
        let mut resting: VecDeque<(Instant, usize)> = (0..CONNECTIONS).map(|n| (Instant::now(), n)).collect();
        while !counts.stop.load(Ordering::Relaxed) {
            while let Some((_, n)) = resting.pop_front_if(|(until, _)| *until <= Instant::now()) {
                self.connections[n].stream.send(request)?;
            }
            self.poll.poll(&mut events, Some(REST))?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                match connection.receive()? {
                    None => {}
                    Some(true) => {
                        counts.answered.fetch_add(1, Ordering::Relaxed);
                        connection.stream.send(request)?;
                    }
                    Some(false) => {
                        counts.refused.fetch_add(1, Ordering::Relaxed);
                        resting.push_back((Instant::now() + REST, event.token().0));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Whether a whole reply is a success or `ThrottlingException`; nothing else may be.
    fn receive(&mut self) -> Result<Option<bool>, Error> {
        while let Some(read) = self.stream.receive(&mut self.buffer[self.filled..])? {
            self.filled += read;
        }
        let reply = &self.buffer[..self.filled];
        if any_reply_length(reply)?.is_none_or(|length| self.filled < length) {
            return Ok(None);
        }
        let success = is_success(reply);
        if !success && !is_throttled(reply) {
            return Err(format!("the flood: {}", String::from_utf8_lossy(reply)).into());
        }
        self.filled = 0;
        Ok(Some(success))
    }
}
