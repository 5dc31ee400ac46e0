//! A store with a million keys beside one with a thousand: start, memory, lists, and calls on keys that are in memory and on
//! keys that are not. Neither start nor memory may grow with the number of keys.
//!
//! The stores are filled by the service itself, in process, with many calls at once, so that every record is one that it
//! writes. What is measured is the shipped server over them, called over plain HTTP by one caller, one call at a time.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_core::generated::OpName;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::{Clock, SystemClock};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::AuditDestination;
use strongroom_service::{
    AccessKeyConfig, AccountConfig, DevTools, IdentityConfig, Limits, Node, Parts, Quotas, Regions, Request, Role,
};
use strongroom_store::SqliteStore;
use strongroom_vault::seal::KeyFileSeal;
use strongroom_wire::sigv4::{Credentials, Scope, sign};

use crate::Error;
use crate::cores::Cores;
use crate::process::Server;
use crate::requests::{Caller, text};
use crate::runs::median;

/// How much is stored, and how often each call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    many: Amounts,
    samples: usize,
    starts: usize,
}

impl Pace {
    pub(crate) const SHORT: Self =
        Self { many: Amounts { keys: 20_000, aliases: 2_000, grants: 1_000 }, samples: 50, starts: 3 };
    pub(crate) const FULL: Self =
        Self { many: Amounts { keys: 1_000_000, aliases: 100_000, grants: 50_000 }, samples: 300, starts: 5 };
}

/// What a store holds. All grants are on one key.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Amounts {
    pub(crate) keys: usize,
    pub(crate) aliases: usize,
    pub(crate) grants: usize,
}

const FEW: Amounts = Amounts { keys: 1_000, aliases: 100, grants: 50 };

/// All figures.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) samples: usize,
    pub(crate) stores: Vec<Store>,
}

/// What one store showed; medians.
#[derive(Debug, Serialize)]
pub(crate) struct Store {
    pub(crate) amounts: Amounts,
    pub(crate) fill_seconds: f64,
    pub(crate) file_mib: f64,
    /// From the start of the process to the line that says that it is ready.
    pub(crate) start_ms: f64,
    pub(crate) resident_at_start_kib: u64,
    pub(crate) resident_at_end_kib: u64,
    pub(crate) calls: Vec<Call>,
}

/// One kind of call.
#[derive(Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) median_us: f64,
}

const CALLER: Caller = Caller { access_key_id: "test", secret: "test" };
const ACCOUNT: &str = "000000000000";
/// An account that the service does not know, and whose users it takes at their word.
const GRANTEES: &str = "444455556666";
const ALIAS_OF_THE_GRANTED: &str = "alias/granted";
/// Calls at once while a store is filled: they share the store's durable transactions.
const FILLERS: usize = 512;

/// Fills both stores and measures the server over them.
pub(crate) fn measure(server: &Path, pace: Pace, cores: Cores) -> Result<Figures, Error> {
    let mut stores = Vec::new();
    for amounts in [FEW, pace.many] {
        let dir = tempfile::tempdir()?;
        let since = Instant::now();
        fill(dir.path(), amounts).map_err(|error| error as Error)?;
        let fill_seconds = since.elapsed().as_secs_f64();
        stores.push(Store { fill_seconds, ..measure_store(server, dir.path(), amounts, pace, cores)? });
    }
    Ok(Figures { samples: pace.samples, stores })
}

fn measure_store(server: &Path, dir: &Path, amounts: Amounts, pace: Pace, cores: Cores) -> Result<Store, Error> {
    let start = || {
        let mut command = Command::new(server);
        command.args(["dev", "--listen", "127.0.0.1:0", "--admin", "off", "--data"]).arg(dir);
        let since = Instant::now();
        Ok::<_, Error>((Server::start(&mut command, cores)?, since.elapsed().as_secs_f64() * 1000.0))
    };
    let mut starts = Vec::new();
    for _ in 0..pace.starts {
        starts.push(start()?.1);
    }
    let running = start()?.0;
    let resident_at_start_kib = running.resident_kib()?;
    let calls = measure_calls(running.address, amounts, pace.samples)?;
    Ok(Store {
        amounts,
        fill_seconds: 0.0,
        file_mib: std::fs::read_dir(dir)?
            .try_fold(0.0, |sum, entry| Ok::<_, Error>(sum + size_mib(&entry?.path())?))?,
        start_ms: median(starts),
        resident_at_start_kib,
        resident_at_end_kib: running.resident_kib()?,
        calls,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn size_mib(path: &Path) -> Result<f64, Error> {
    Ok(std::fs::metadata(path)?.len() as f64 / f64::from(1 << 20))
}

fn measure_calls(address: SocketAddr, amounts: Amounts, samples: usize) -> Result<Vec<Call>, Error> {
    let mut client = Client::connect(address)?;
    let mut calls = Vec::new();
    let page = |marker: Option<&str>| match marker {
        None => json!({"Limit": 100}),
        Some(marker) => json!({"Limit": 100, "Marker": marker}),
    };
    calls.push(client.time("ListKeys, first page of 100", samples, |_| ("ListKeys", page(None)))?);
    let (keys, middle) = client.walk(amounts.keys)?;
    let middle = middle.as_deref();
    calls.push(client.time("ListKeys, middle page of 100", samples, |_| ("ListKeys", page(middle)))?);
    let aliases = json!({"Limit": 100});
    calls.push(client.time("ListAliases, first page of 100", samples, |_| ("ListAliases", aliases.clone()))?);

    // Every sample takes a key that was never named: spread over all, so that neighbours in the file do not help.
    let step = keys.len() / (3 * samples + 1);
    let key = |at: usize| keys[at * step.max(1) % keys.len()].as_str();
    let encrypt = |key: &str| ("Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"}));
    calls.push(client.time("DescribeKey, not in memory", samples, |n| ("DescribeKey", json!({"KeyId": key(3 * n)})))?);
    calls.push(client.time("Encrypt, not in memory", samples, |n| encrypt(key(3 * n + 1)))?);
    calls.push(client.time("Encrypt, in memory", samples, |_| encrypt(key(1)))?);
    let aliases = amounts.aliases / (samples + 1);
    calls.push(client.time("Encrypt by an alias, not in memory", samples, |n| {
        encrypt(&format!("alias/scale-{}", n * aliases.max(1) % amounts.aliases))
    })?);

    calls.push(client.time("Encrypt, key with all grants, not in memory", 1, |_| encrypt(ALIAS_OF_THE_GRANTED))?);
    calls.push(client.time("Encrypt, key with all grants, in memory", samples, |_| encrypt(ALIAS_OF_THE_GRANTED))?);
    let granted = client.call("DescribeKey", &json!({"KeyId": ALIAS_OF_THE_GRANTED}))?;
    let granted = text(&granted["KeyMetadata"]["KeyId"])?;
    let list = json!({"KeyId": granted, "Limit": 100});
    calls.push(client.time("ListGrants, first page of 100", samples, |_| ("ListGrants", list.clone()))?);
    Ok(calls)
}

/// One connection, one call at a time.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream })
    }

    /// The keys of the account, up to `count`, and the marker in their middle.
    fn walk(&mut self, count: usize) -> Result<(Vec<String>, Option<String>), Error> {
        let (mut keys, mut middle, mut marker) = (Vec::with_capacity(count), None, None::<String>);
        loop {
            let mut input = json!({"Limit": 1000});
            if let Some(marker) = &marker {
                input["Marker"] = json!(marker);
            }
            let page = self.call("ListKeys", &input)?;
            for entry in page["Keys"].as_array().ok_or("a page without keys")? {
                keys.push(text(&entry["KeyId"])?);
            }
            marker = page["NextMarker"].as_str().map(str::to_owned);
            if keys.len() * 2 >= count && middle.is_none() {
                middle.clone_from(&marker);
            }
            if marker.is_none() {
                return Ok((keys, middle));
            }
        }
    }

    /// The median of so many calls.
    fn time<'a>(
        &mut self,
        name: &'static str,
        samples: usize,
        call: impl Fn(usize) -> (&'a str, Value),
    ) -> Result<Call, Error> {
        let mut took_us = Vec::with_capacity(samples);
        for n in 0..samples {
            let (operation, input) = call(n);
            let request = CALLER.request(operation, &input)?;
            let since = Instant::now();
            self.exchange(operation, &request)?;
            took_us.push(since.elapsed().as_secs_f64() * 1e6);
        }
        Ok(Call { name, median_us: median(took_us) })
    }

    fn call(&mut self, operation: &str, input: &Value) -> Result<Value, Error> {
        let request = CALLER.request(operation, input)?;
        Ok(serde_json::from_slice(&self.exchange(operation, &request)?)?)
    }

    /// Sends a request and reads its reply, which must be a success; gives the body.
    fn exchange(&mut self, operation: &str, request: &[u8]) -> Result<Vec<u8>, Error> {
        self.stream.write_all(request)?;
        let (mut reply, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                return Err(format!("{operation}: the server closed the connection").into());
            }
            reply.extend_from_slice(&chunk[..read]);
            let Some(head) = reply.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head_text = std::str::from_utf8(&reply[..head])?.to_ascii_lowercase();
            let length = head_text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.ok_or("a reply without its length")?.trim().parse()?;
            if reply.len() >= head + 4 + length {
                if !head_text.starts_with("http/1.1 200") {
                    return Err(format!("{operation}: {}", String::from_utf8_lossy(&reply)).into());
                }
                return Ok(reply.split_off(head + 4));
            }
        }
    }
}

/// What stops a filler, which runs on many threads.
type FillError = Box<dyn std::error::Error + Send + Sync>;

/// A service over a directory as `strongroom dev --data` has it.
struct Filler {
    node: Arc<Node>,
}

/// Makes the keys, names the first of them, and puts the grants on one.
fn fill(dir: &Path, amounts: Amounts) -> Result<(), FillError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let filler = Arc::new(Filler::start(dir).await?);
        let granted = filler.create_key().await?;
        filler.call(OpName::CreateAlias, &json!({"AliasName": ALIAS_OF_THE_GRANTED, "TargetKeyId": granted})).await?;
        let aliases = amounts.aliases;
        Filler::many(&filler, amounts.keys - 1, move |filler, at| async move {
            let key = filler.create_key().await?;
            if at < aliases {
                let body = json!({"AliasName": format!("alias/scale-{at}"), "TargetKeyId": key});
                filler.call(OpName::CreateAlias, &body).await?;
            }
            Ok(())
        })
        .await?;
        Filler::many(&filler, amounts.grants, move |filler, at| {
            let grantee = format!("arn:aws:iam::{GRANTEES}:user/grantee-{at}");
            let body = json!({"KeyId": granted, "GranteePrincipal": grantee, "Operations": ["Decrypt"]});
            async move { filler.call(OpName::CreateGrant, &body).await.map(drop) }
        })
        .await?;
        filler.node.shut_down().await;
        Ok(())
    })
}

impl Filler {
    async fn start(dir: &Path) -> Result<Self, FillError> {
        let access_key = AccessKeyConfig {
            id: CALLER.access_key_id.into(),
            secret: SecretBytes::copy_from(CALLER.secret.as_bytes()),
            user: None,
            policies: None,
        };
        let account = AccountConfig { id: ACCOUNT.parse()?, access_keys: vec![access_key] };
        let parts = Parts {
            store: Arc::new(SqliteStore::open(dir)?),
            seal: Box::new(KeyFileSeal::open_or_create(&dir.join("root.key"), &SystemRng)?),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            identity: IdentityConfig { accounts: vec![account], ..IdentityConfig::default() },
            regions: Regions::any(),
            quotas: Quotas::default(),
            role: Role::Dev(DevTools::on_disk()),
            limits: Limits::default(),
            audit: AuditDestination::Memory,
        };
        Ok(Self { node: Arc::new(Node::start(parts).await?) })
    }

    /// Does `work` so many times, many at once.
    async fn many<F>(this: &Arc<Self>, count: usize, work: impl Fn(Arc<Self>, usize) -> F) -> Result<(), FillError>
    where
        F: Future<Output = Result<(), FillError>> + Send + 'static,
    {
        let next = Arc::new(AtomicUsize::new(0));
        let mut at_work = tokio::task::JoinSet::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at < count {
                at_work.spawn(work(Arc::clone(this), at));
            }
            if at_work.len() >= FILLERS || at >= count {
                match at_work.join_next().await {
                    Some(done) => done??,
                    None => return Ok(()),
                }
            }
        }
    }

    async fn create_key(&self) -> Result<String, FillError> {
        let made = self.call(OpName::CreateKey, &json!({})).await?;
        made["KeyMetadata"]["KeyId"].as_str().map(str::to_owned).ok_or_else(|| "a key without an id".into())
    }

    async fn call(&self, op: OpName, input: &Value) -> Result<Value, FillError> {
        let body = input.to_string();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_str(&format!("TrentService.{op}"))?);
        let secret = SecretBytes::copy_from(CALLER.secret.as_bytes());
        sign(
            ("POST", "/", None),
            &mut headers,
            &sha256(body.as_bytes()),
            &Credentials { access_key_id: CALLER.access_key_id, secret: &secret, session_token: None },
            &Scope { region: "us-east-1", service: "kms" },
            SystemClock.now(),
        )?;
        let request = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body: body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        };
        let reply = self.node.answer(request).await;
        match (reply.status, reply.body.as_slice()) {
            (200, []) => Ok(Value::Null),
            (200, body) => Ok(serde_json::from_slice(body)?),
            (status, body) => Err(format!("{op}: {status} {}", String::from_utf8_lossy(body)).into()),
        }
    }
}
