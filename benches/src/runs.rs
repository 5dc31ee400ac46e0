//! The runs: all servers up at once, one loaded at a time, in turns, so that a noisy minute falls on all of them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde::Serialize;

use crate::Error;
use crate::cores::{self, Cores};
use crate::load::{CONNECTIONS, Load};
use crate::process::Server;
use crate::requests::{Caller, Operation, Target};

const PASSPHRASE_ENV: &str = "STRONGROOM_BENCH_PASSPHRASE";

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
        Self { rounds: 7, warm_up: Duration::from_millis(500), window: Duration::from_secs(3) };
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) window_ms: u64,
    pub(crate) servers_core: usize,
    pub(crate) load_core: usize,
    pub(crate) cores_apart: bool,
    pub(crate) cases: Vec<Case>,
}

/// A server and what it was asked: every round, and the medians.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) transport: &'static str,
    pub(crate) name: String,
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us_per_call: f64,
    /// Throughput as a share of the bare null server's of the same round and transport.
    pub(crate) ratio: f64,
    /// The bare null server's processor time per call as a share of this case's: the ratio that a busy machine disturbs less.
    pub(crate) cpu_ratio: f64,
    pub(crate) resident_kib: u64,
    pub(crate) rounds: Vec<Round>,
}

/// One window of one case.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) calls: u64,
    pub(crate) calls_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) cpu_us_per_call: f64,
    pub(crate) ratio: f64,
    pub(crate) cpu_ratio: f64,
}

/// The name of the case that ratios are taken to.
pub(crate) const BASE: &str = "null, bare";

/// Runs everything.
pub(crate) fn measure(this: &Path, server: &Path, pace: Pace) -> Result<Figures, Error> {
    let cores = Cores::available()?;
    let dir = tempfile::tempdir()?;
    write_configuration(dir.path())?;
    let config = dir.path().join("strongroom.toml");
    let init = Command::new(server).arg("init").arg("--config").arg(&config).output()?;
    if !init.status.success() {
        return Err(format!("init failed: {}", String::from_utf8_lossy(&init.stderr)).into());
    }
    let tls = crate::stream::client_config(dir.path())?;

    let mut cases = Vec::new();
    let null = |kind: &str| {
        let mut command = Command::new(this);
        command.args(["null", kind]);
        command
    };
    let mut dev = Command::new(server);
    dev.args(["dev", "--listen", "127.0.0.1:0", "--admin", "off"]);
    let dev_caller = Caller { access_key_id: "test", secret: "test" };
    cases.extend(transport("HTTP", None, pace, cores, [null("bare"), null("framed"), dev], dev_caller)?);

    let over_tls = |mut command: Command| {
        command.arg("--tls").arg(dir.path());
        command
    };
    let mut serve = Command::new(server);
    serve.arg("serve").arg("--config").arg(&config).env(PASSPHRASE_ENV, "correct horse battery staple");
    let caller = Caller { access_key_id: ACCESS_KEY_ID, secret: SECRET };
    let commands = [over_tls(null("bare")), over_tls(null("framed")), serve];
    cases.extend(transport("TLS 1.3", Some(&tls), pace, cores, commands, caller)?);

    Ok(Figures {
        connections: CONNECTIONS,
        rounds: pace.rounds,
        window_ms: u64::try_from(pace.window.as_millis())?,
        servers_core: cores.servers,
        load_core: cores.load,
        cores_apart: cores.are_apart(),
        cases,
    })
}

/// Figures like those of a real access key; they open nothing but a server that lives for this run.
const ACCESS_KEY_ID: &str = "AKIABENCHBENCHBENCH1";
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

fn write_configuration(dir: &Path) -> Result<(), Error> {
    let text = format!(
        r#"
listen = "127.0.0.1:0"
data = "data"
[tls]
certificate = "cert.pem"
private_key = "key.pem"
[seal]
key_file = "root.key"
passphrase_env = "{PASSPHRASE_ENV}"
[quotas]
throttle = false
[[account]]
id = "111122223333"
[[account.access_key]]
id = "{ACCESS_KEY_ID}"
secret = "{SECRET}"
"#
    );
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join("strongroom.toml"))?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Something that can be loaded again and again.
struct Bench<'a> {
    name: String,
    server: &'a Server,
    load: Load,
    target: Option<(&'a Target, Operation)>,
    rounds: Vec<Round>,
}

impl Bench<'_> {
    fn round(&mut self, pace: Pace) -> Result<Round, Error> {
        let requests = match self.target {
            Some((target, operation)) => target.requests(operation)?,
            None => vec![self.null_request()?],
        };
        self.load.run(&requests, pace.warm_up)?;
        let before = self.server.cpu_ns()?;
        let window = self.load.run(&requests, pace.window)?;
        let cpu_ns = self.server.cpu_ns()? - before;
        Ok(Round {
            calls: window.calls,
            calls_per_second: window.rate(),
            p50_us: window.percentile_us(0.5),
            p99_us: window.percentile_us(0.99),
            cpu_us_per_call: cpu_ns as f64 / 1000.0 / window.calls as f64,
            ratio: 1.0,
            cpu_ratio: 1.0,
        })
    }

    /// As long as a GenerateDataKey, signature and all; the null server does not look.
    fn null_request(&self) -> Result<Vec<u8>, Error> {
        let caller = Caller { access_key_id: ACCESS_KEY_ID, secret: SECRET };
        let input = serde_json::json!({ "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "KeySpec": "AES_256" });
        caller.request("GenerateDataKey", &input)
    }
}

/// All cases of one transport: the two null servers, and the operations of the real one.
fn transport(
    transport: &'static str,
    tls: Option<&Arc<ClientConfig>>,
    pace: Pace,
    cores: Cores,
    [mut bare, mut framed, mut real]: [Command; 3],
    caller: Caller,
) -> Result<Vec<Case>, Error> {
    let bare = Server::start(&mut bare, cores)?;
    let framed = Server::start(&mut framed, cores)?;
    let real = Server::start(&mut real, cores)?;
    cores::pin_to(&[cores.load])?;
    let target = Target::prepare(caller, real.address, tls)?;
    let bench = |name: &str, server, target| -> Result<Bench<'_>, Error> {
        let server: &Server = server;
        Ok(Bench {
            name: name.to_owned(),
            server,
            load: Load::connect(server.address, tls)?,
            target,
            rounds: Vec::new(),
        })
    };
    let mut benches = vec![bench(BASE, &bare, None)?, bench("null, framed", &framed, None)?];
    for operation in Operation::ALL {
        benches.push(bench(operation.name(), &real, Some((&target, operation)))?);
    }
    for _ in 0..pace.rounds {
        let mut base = None;
        for bench in &mut benches {
            let mut round = bench.round(pace)?;
            let base = *base.get_or_insert(round);
            round.ratio = round.calls_per_second / base.calls_per_second;
            round.cpu_ratio = base.cpu_us_per_call / round.cpu_us_per_call;
            bench.rounds.push(round);
        }
    }
    benches.into_iter().map(|bench| case(transport, bench)).collect()
}

fn case(transport: &'static str, bench: Bench<'_>) -> Result<Case, Error> {
    let of = |figure: fn(&Round) -> f64| median(bench.rounds.iter().map(figure).collect());
    Ok(Case {
        transport,
        calls_per_second: of(|round| round.calls_per_second),
        p50_us: of(|round| round.p50_us),
        p99_us: of(|round| round.p99_us),
        cpu_us_per_call: of(|round| round.cpu_us_per_call),
        ratio: of(|round| round.ratio),
        cpu_ratio: of(|round| round.cpu_ratio),
        resident_kib: bench.server.resident_kib()?,
        name: bench.name,
        rounds: bench.rounds,
    })
}

/// The middle figure.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 if middle > 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures.get(middle).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
