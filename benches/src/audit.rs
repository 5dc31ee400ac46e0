//! What the audit log costs: GenerateDataKey without a record, with one that the system has, and with one that the disk has;
//! and how fast a log is verified, beside the bare hash of the same bytes.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;
use strongroom_crypto::digest::sha256;
use strongroom_service::audit::log_files;
use strongroom_service::audit::verify::{End, LogKey, verify};

use crate::Error;
use crate::cores::{self, Cores};
use crate::load::{CONNECTIONS, Load};
use crate::process::Server;
use crate::requests::{Caller, Operation, Target};
use crate::runs::median;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    warm_up: Duration,
    window: Duration,
}

impl Pace {
    pub(crate) const SHORT: Self =
        Self { rounds: 3, warm_up: Duration::from_millis(150), window: Duration::from_millis(600) };
    pub(crate) const FULL: Self =
        Self { rounds: 7, warm_up: Duration::from_millis(500), window: Duration::from_secs(2) };
}

/// All figures.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) window_ms: u64,
    pub(crate) cases: Vec<Case>,
    /// Megabytes of lines per second.
    pub(crate) verify_mb_per_second: f64,
    pub(crate) verify_compressed_mb_per_second: Option<f64>,
    pub(crate) sha256_mb_per_second: f64,
}

/// One way to keep the record: the medians.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us_per_call: f64,
    /// Throughput as a share of that without a record, of the same round.
    pub(crate) ratio: f64,
    /// Events that one write took, in the mean.
    pub(crate) group: Option<f64>,
}

/// One server and what it showed.
struct Bench {
    name: &'static str,
    server: Server,
    load: Load,
    target: Target,
    rounds: Vec<Round>,
}

struct Round {
    calls_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us_per_call: f64,
    ratio: f64,
}

const CALLER: Caller = Caller { access_key_id: "test", secret: "test" };

/// Runs everything. The logs lie beside the programs: a disk, where the temporary directory may be memory.
pub(crate) fn measure(server: &Path, pace: Pace, cores: Cores) -> Result<Figures, Error> {
    let place = server.parent().ok_or("the server lies in no folder")?;
    let dir = tempfile::tempdir_in(place)?;
    let ways = [("off", None), ("write", Some("write")), ("fsync", Some("fsync"))];
    let mut benches = Vec::new();
    for (name, durability) in ways {
        let data = dir.path().join(name);
        let mut command = Command::new(server);
        command.args(["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(&data);
        match durability {
            None => command.args(["--audit", "off"]),
            Some(durability) => command.arg("--audit").arg(data.join("audit")).args(["--audit-durability", durability]),
        };
        let server = Server::start(&mut command, cores)?;
        let target = Target::prepare(CALLER, server.address, None)?;
        let load = Load::connect(server.address, None)?;
        benches.push(Bench { name, server, load, target, rounds: Vec::new() });
    }
    cores::pin_to(&[cores.load])?;
    for _ in 0..pace.rounds {
        let mut base = 0.0;
        for bench in &mut benches {
            let round = bench.round(pace, base)?;
            if bench.name == "off" {
                base = round.calls_per_second;
            }
            bench.rounds.push(round);
        }
    }
    let (key, mut cases) = (public_key(&benches[1].server)?, Vec::new());
    for bench in &benches {
        cases.push(bench.case()?);
    }
    // Until the last records are signed.
    std::thread::sleep(Duration::from_millis(2_500));
    drop(benches);
    let key = LogKey::from_pem(&key).ok_or("not a public key")?;
    let files = log_files(&dir.path().join("write/audit"))?;
    let (compressed, open): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| path.extension().is_some_and(|extension| extension == "zst"));
    let last = open.last().ok_or("no log")?;
    let bytes = fs::read(last)?;
    let started = Instant::now();
    std::hint::black_box(sha256(&bytes));
    let sha256_mb_per_second = megabytes_per_second(bytes.len() as u64, started.elapsed());
    Ok(Figures {
        connections: CONNECTIONS,
        rounds: pace.rounds,
        window_ms: u64::try_from(pace.window.as_millis())?,
        cases,
        verify_mb_per_second: verified(&key, last)?,
        verify_compressed_mb_per_second: compressed.first().map(|path| verified(&key, path)).transpose()?,
        sha256_mb_per_second,
    })
}

fn verified(key: &LogKey, path: &Path) -> Result<f64, Error> {
    let started = Instant::now();
    let report = verify(key, &[path.into()], &[], End::Open, &mut |_| ())?;
    Ok(megabytes_per_second(report.bytes, started.elapsed()))
}

fn megabytes_per_second(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

impl Bench {
    fn round(&mut self, pace: Pace, base: f64) -> Result<Round, Error> {
        let requests = self.target.requests(Operation::GenerateDataKey)?;
        self.load.run(&requests, pace.warm_up)?;
        let before = self.server.cpu_ns()?;
        let window = self.load.run(&requests, pace.window)?;
        let cpu_ns = self.server.cpu_ns()? - before;
        let calls_per_second = window.rate();
        Ok(Round {
            calls_per_second,
            p50_us: window.percentile_us(0.5),
            p99_us: window.percentile_us(0.99),
            cpu_us_per_call: cpu_ns as f64 / 1000.0 / window.calls as f64,
            ratio: if base > 0.0 { calls_per_second / base } else { 1.0 },
        })
    }

    fn case(&self) -> Result<Case, Error> {
        let of = |figure: fn(&Round) -> f64| median(self.rounds.iter().map(figure).collect());
        let group = if self.name == "off" { None } else { Some(group(&self.server)?) };
        Ok(Case {
            name: self.name,
            calls_per_second: of(|round| round.calls_per_second),
            p50_us: of(|round| round.p50_us),
            p99_us: of(|round| round.p99_us),
            cpu_us_per_call: of(|round| round.cpu_us_per_call),
            ratio: of(|round| round.ratio),
            group,
        })
    }
}

/// The admin listener's answer about the log.
fn view(server: &Server) -> Result<serde_json::Value, Error> {
    let address: SocketAddr = server.admin.ok_or("no admin listener")?;
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /audit HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let body = reply.split_once("\r\n\r\n").ok_or("no reply")?.1;
    Ok(serde_json::from_str(body)?)
}

fn public_key(server: &Server) -> Result<String, Error> {
    Ok(view(server)?["public_key"].as_str().ok_or("no key")?.to_owned())
}

fn group(server: &Server) -> Result<f64, Error> {
    let view = view(server)?;
    let figure = |name: &str| view[name].as_f64().ok_or("a figure is missing");
    Ok(figure("events")? / figure("writes")?.max(1.0))
}
