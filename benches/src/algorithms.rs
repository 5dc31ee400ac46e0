//! Every operation with every algorithm of every key spec: through the service's frame, in process, beside the bare primitive.
//!
//! One call at a time; the figure is the processor time of all threads per call, and its inverse the operations per
//! second that a core gives. Unlike the time on the clock it does not count what other programs take. The frame is all
//! but the sockets: signature check, decoding, authorization, the key's state, the pool for slow work, the record, the
//! reply.
//!
//! # Not here
//! What does not depend on an algorithm, and data key pairs, whose RSA pairs are made ahead.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_core::generated::{
    EncryptionAlgorithmSpec, KeySpec, KeyUsage, MessageType, OpName, SigningAlgorithmSpec,
};
use strongroom_core::secret::SecretBytes;
use strongroom_core::spec::facts;
use strongroom_core::world::{ManualClock, Rng, Timestamp};
use strongroom_crypto::cost::{self, Work};
use strongroom_crypto::derived::MessageNonce;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::material::{Material, Message, SymmetricSuite};
use strongroom_crypto::rng::SystemRng;
use strongroom_service::audit::AuditDestination;
use strongroom_service::{
    AccessKeyConfig, AccountConfig, IdentityConfig, Limits, Node, Parts, Quotas, Regions, Request, Role,
};
use strongroom_store::MemoryStore;
use strongroom_vault::seal::MemorySeal;
use strongroom_wire::sigv4::{Credentials, Scope, sign};

use crate::Error;
use crate::cores::{self, Cores};
use crate::requests::text;
use crate::runs::median;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    window: Duration,
    /// Samples of key generation, of a millisecond or one key each: how long RSA takes is a matter of luck.
    keys: usize,
}

impl Pace {
    pub(crate) const SHORT: Self = Self { rounds: 3, window: Duration::from_millis(15), keys: 3 };
    pub(crate) const FULL: Self = Self { rounds: 7, window: Duration::from_millis(100), keys: 25 };
}

/// All figures.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) core: usize,
    pub(crate) rounds: usize,
    pub(crate) window_ms: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) costs: Vec<Cost>,
}

/// One operation with one algorithm of one spec; medians.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) operation: String,
    pub(crate) spec: String,
    pub(crate) algorithm: String,
    pub(crate) frame_us: f64,
    pub(crate) bare_us: f64,
    /// Whether the frame sends it to the pool for slow work.
    pub(crate) slow: bool,
}

/// What work with keys of a spec costs, and what the code takes it for.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) spec: String,
    pub(crate) work: &'static str,
    pub(crate) measured_us: f64,
    pub(crate) assumed_us: u32,
}

/// Runs all of it on the servers' core.
pub(crate) fn measure(pace: Pace, cores: Cores) -> Result<Figures, Error> {
    cores::pin_to(&[cores.servers])?;
    let service = Service::start()?;
    let mut figures = Figures {
        core: cores.servers,
        rounds: pace.rounds,
        window_ms: u64::try_from(pace.window.as_millis())?,
        rows: Vec::new(),
        costs: Vec::new(),
    };
    for spec in KeySpec::ALL {
        let both = [SymmetricSuite::Aes, SymmetricSuite::Sm4];
        let suites = if *spec == KeySpec::SymmetricDefault { &both[..] } else { &both[..1] };
        let mut dearest = [0.0_f64; 2];
        for suite in suites {
            for usage in facts(*spec).usages {
                let subject = Subject::new(&service, *spec, *suite, *usage)?;
                for case in subject.cases()? {
                    let work = work(case.op);
                    let row = subject.row(case, pace)?;
                    let at = usize::from(work == Work::Public);
                    dearest[at] = dearest[at].max(row.bare_us);
                    figures.rows.push(row);
                }
            }
        }
        let [private_us, public_us] = dearest;
        let (generate_us, open_us) = generate_and_open(*spec, pace)?;
        let measured = [
            (Work::Generate, "generate", generate_us),
            (Work::Open, "open", open_us),
            (Work::Private, "private", private_us),
            (Work::Public, "public", public_us),
        ];
        // MAC keys have no public half.
        let measured = measured.into_iter().filter(|(_, _, measured_us)| *measured_us > 0.0);
        figures.costs.extend(measured.map(|(work, name, measured_us)| Cost {
            spec: spec.to_string(),
            work: name,
            measured_us,
            assumed_us: cost::cost_us(*spec, work),
        }));
    }
    Ok(figures)
}

/// As the operations of the service name it.
fn work(op: OpName) -> Work {
    let public = [OpName::Verify, OpName::Encrypt, OpName::Encapsulate].contains(&op);
    if public { Work::Public } else { Work::Private }
}

fn generate_and_open(spec: KeySpec, pace: Pace) -> Result<(f64, f64), Error> {
    let generate = || keep(Material::generate(spec, SymmetricSuite::Aes, &SystemRng));
    let samples = (0..pace.keys).map(|_| mean_us(Duration::from_millis(1), generate));
    let stored = Material::generate(spec, SymmetricSuite::Aes, &SystemRng)?.to_stored()?;
    let open = || keep(Material::from_stored(spec, &stored).map_err(|_| "the material does not open"));
    Ok((median(samples.collect::<Result<_, _>>()?), mean_us(pace.window, open)?))
}

/// Calls `run` for the length of `window`, once at least; the mean processor time of a call in microseconds.
fn mean_us(window: Duration, mut run: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let meter = Meter::start();
    let mut calls = 0;
    while calls == 0 || meter.since.elapsed() < window {
        run()?;
        calls += 1;
    }
    Ok(meter.cpu_us() / f64::from(calls))
}

/// When something began, by the clock and by the processor time that this process had taken.
struct Meter {
    since: Instant,
    cpu_us: f64,
}

impl Meter {
    fn start() -> Self {
        Self { since: Instant::now(), cpu_us: cpu_us() }
    }

    fn cpu_us(&self) -> f64 {
        cpu_us() - self.cpu_us
    }
}

/// Processor time of all threads of this process.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// One operation with one algorithm: the request, and the same by hand.
struct Case {
    op: OpName,
    algorithm: String,
    input: Value,
    bare: Box<dyn FnMut() -> Result<(), Error>>,
}

/// A key of the service, and material of its own that is like it.
struct Subject<'a> {
    service: &'a Service,
    region: &'static str,
    key_id: String,
    spec: KeySpec,
    usage: KeyUsage,
    suite: SymmetricSuite,
    material: Arc<Material>,
}

/// What is signed, encrypted, authenticated.
const MESSAGE: [u8; 32] = [7; 32];

/// What a vault binds to a message, in length.
const HEADER: [u8; 100] = [0; 100];
const LABEL: &[u8] = b"strongroom/v1/message";

impl<'a> Subject<'a> {
    fn new(service: &'a Service, spec: KeySpec, suite: SymmetricSuite, usage: KeyUsage) -> Result<Self, Error> {
        let in_china = spec == KeySpec::Sm2 || suite == SymmetricSuite::Sm4;
        let region = if in_china { "cn-north-1" } else { "us-east-1" };
        let input = json!({ "KeySpec": spec.as_str(), "KeyUsage": usage.as_str() });
        let key = service.call(region, OpName::CreateKey, &input)?;
        let key_id = text(&key["KeyMetadata"]["KeyId"])?;
        let material = Arc::new(Material::generate(spec, suite, &SystemRng)?);
        Ok(Self { service, region, key_id, spec, usage, suite, material })
    }

    fn cases(&self) -> Result<Vec<Case>, Error> {
        match self.usage {
            KeyUsage::EncryptDecrypt if self.spec == KeySpec::SymmetricDefault => self.symmetric(),
            KeyUsage::EncryptDecrypt => self.each(facts(self.spec).encryption, |algorithm| self.encrypting(algorithm)),
            KeyUsage::SignVerify => {
                let mut cases = self.each(facts(self.spec).signing, |algorithm| self.signing(algorithm, false))?;
                if facts(self.spec).signing.contains(&SigningAlgorithmSpec::MlDsaShake256) {
                    cases.extend(self.signing(SigningAlgorithmSpec::MlDsaShake256, true)?);
                }
                Ok(cases)
            }
            KeyUsage::GenerateVerifyMac => self.authenticating(),
            KeyUsage::KeyAgreement => self.agreeing(),
            KeyUsage::EncapsulateDecapsulate => self.encapsulating(),
        }
    }

    fn each<A: Copy>(
        &self,
        algorithms: &[A],
        cases: impl Fn(A) -> Result<Vec<Case>, Error>,
    ) -> Result<Vec<Case>, Error> {
        algorithms.iter().try_fold(Vec::new(), |mut all, algorithm| {
            all.extend(cases(*algorithm)?);
            Ok(all)
        })
    }

    fn symmetric(&self) -> Result<Vec<Case>, Error> {
        let algorithm = "SYMMETRIC_DEFAULT";
        let encrypt = self.with_key(json!({ "Plaintext": blob(&MESSAGE) }));
        let sealed = self.call(OpName::Encrypt, &encrypt)?;
        let material = Arc::clone(&self.material);
        let seal = move |plaintext: &[u8]| -> Result<(MessageNonce, Vec<u8>), Error> {
            let nonce = MessageNonce::random(&SystemRng)?;
            let mut out = Vec::with_capacity(plaintext.len() + 16);
            material.deriving_key()?.seal(LABEL, &nonce, &HEADER, plaintext, &mut out);
            Ok((nonce, out))
        };
        let (nonce, ciphertext) = seal(&MESSAGE)?;
        let material = Arc::clone(&self.material);
        let seal_random = seal.clone();
        Ok(vec![
            case(OpName::GenerateDataKey, algorithm, self.with_key(json!({ "KeySpec": "AES_256" })), move || {
                let data_key = SecretBytes::init(32, |bytes| SystemRng.fill(bytes))?;
                keep(seal_random(data_key.expose()))
            }),
            case(OpName::Encrypt, algorithm, encrypt, move || keep(seal(&MESSAGE))),
            case(OpName::Decrypt, algorithm, json!({ "CiphertextBlob": sealed["CiphertextBlob"] }), move || {
                let opened = material.deriving_key()?.open(LABEL, &nonce, &HEADER, &ciphertext);
                keep(opened.map_err(|_| "a ciphertext does not open"))
            }),
        ])
    }

    fn encrypting(&self, algorithm: EncryptionAlgorithmSpec) -> Result<Vec<Case>, Error> {
        let name = algorithm.as_str();
        let encrypt = self.with_key(json!({ "EncryptionAlgorithm": name, "Plaintext": blob(&MESSAGE) }));
        let sealed = self.call(OpName::Encrypt, &encrypt)?;
        let decrypt = self.with_key(json!({ "EncryptionAlgorithm": name, "CiphertextBlob": sealed["CiphertextBlob"] }));
        let ciphertext = self.material.encrypt(algorithm, &MESSAGE, &SystemRng)?;
        let (sealing, opening) = (Arc::clone(&self.material), Arc::clone(&self.material));
        Ok(vec![
            case(OpName::Encrypt, name, encrypt, move || keep(sealing.encrypt(algorithm, &MESSAGE, &SystemRng))),
            case(OpName::Decrypt, name, decrypt, move || keep(opening.decrypt(algorithm, &ciphertext))),
        ])
    }

    fn signing(&self, algorithm: SigningAlgorithmSpec, external_mu: bool) -> Result<Vec<Case>, Error> {
        let (message_type, message) = if external_mu {
            (MessageType::ExternalMu, vec![7; 64])
        } else if algorithm == SigningAlgorithmSpec::Ed25519PhSha512 {
            (MessageType::Digest, vec![7; 64])
        } else {
            (MessageType::Raw, MESSAGE.to_vec())
        };
        let name = if external_mu { format!("{algorithm}, mu") } else { algorithm.to_string() };
        let sign = self.with_key(json!({
            "SigningAlgorithm": algorithm.as_str(), "MessageType": message_type.as_str(), "Message": blob(&message)
        }));
        let mut verify = sign.clone();
        verify["Signature"] = self.call(OpName::Sign, &sign)?["Signature"].clone();
        let signature = self.material.sign(algorithm, typed(message_type, &message), &SystemRng)?;
        let (signer, verifier) = (Arc::clone(&self.material), Arc::clone(&self.material));
        let signed = message.clone();
        Ok(vec![
            case(OpName::Sign, &name, sign, move || {
                keep(signer.sign(algorithm, typed(message_type, &message), &SystemRng))
            }),
            case(OpName::Verify, &name, verify, move || {
                Ok(verifier.verify(algorithm, typed(message_type, &signed), &signature)?)
            }),
        ])
    }

    fn authenticating(&self) -> Result<Vec<Case>, Error> {
        self.each(facts(self.spec).mac, |algorithm| {
            let name = algorithm.as_str();
            let generate = self.with_key(json!({ "MacAlgorithm": name, "Message": blob(&MESSAGE) }));
            let mut verify = generate.clone();
            verify["Mac"] = self.call(OpName::GenerateMac, &generate)?["Mac"].clone();
            let mac = self.material.mac(algorithm, &MESSAGE)?;
            let (generating, verifying) = (Arc::clone(&self.material), Arc::clone(&self.material));
            Ok(vec![
                case(OpName::GenerateMac, name, generate, move || keep(generating.mac(algorithm, &MESSAGE))),
                case(OpName::VerifyMac, name, verify, move || Ok(verifying.verify_mac(algorithm, &MESSAGE, &mac)?)),
            ])
        })
    }

    fn agreeing(&self) -> Result<Vec<Case>, Error> {
        let peer = Material::generate(self.spec, self.suite, &SystemRng)?.public_key_spki()?;
        let input = self.with_key(json!({ "KeyAgreementAlgorithm": "ECDH", "PublicKey": blob(&peer) }));
        let material = Arc::clone(&self.material);
        Ok(vec![case(OpName::DeriveSharedSecret, "ECDH", input, move || keep(material.agree(&peer)))])
    }

    fn encapsulating(&self) -> Result<Vec<Case>, Error> {
        let encapsulate = self.with_key(json!({ "EncapsulationAlgorithm": "ML_KEM" }));
        let mut decapsulate = encapsulate.clone();
        let member = "SharedSecretCiphertextBlob";
        decapsulate[member] = self.call(OpName::Encapsulate, &encapsulate)?[member].clone();
        let (ciphertext, _) = self.material.encapsulate()?;
        let (to, from) = (Arc::clone(&self.material), Arc::clone(&self.material));
        Ok(vec![
            case(OpName::Encapsulate, "ML_KEM", encapsulate, move || keep(to.encapsulate())),
            case(OpName::Decapsulate, "ML_KEM", decapsulate, move || keep(from.decapsulate(&ciphertext))),
        ])
    }

    fn with_key(&self, mut input: Value) -> Value {
        input["KeyId"] = json!(self.key_id);
        input
    }

    fn call(&self, op: OpName, input: &Value) -> Result<Value, Error> {
        self.service.call(self.region, op, input)
    }

    /// Frame and primitive in turns, so that a noisy moment falls on both.
    fn row(&self, mut case: Case, pace: Pace) -> Result<Row, Error> {
        let prepared = self.service.prepare(self.region, case.op, &case.input)?;
        // The first calls open the key and fill the caches.
        self.service.mean_us(pace.window / 4, &prepared)?;
        mean_us(pace.window / 4, &mut case.bare)?;
        let (mut frame, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..pace.rounds {
            frame.push(self.service.mean_us(pace.window, &prepared)?);
            bare.push(mean_us(pace.window, &mut case.bare)?);
        }
        let spec = match self.suite {
            SymmetricSuite::Aes => self.spec.to_string(),
            SymmetricSuite::Sm4 => format!("{}, SM4", self.spec),
        };
        Ok(Row {
            operation: case.op.to_string(),
            spec,
            algorithm: case.algorithm,
            frame_us: median(frame),
            bare_us: median(bare),
            slow: cost::is_slow(self.spec, work(case.op)),
        })
    }
}

fn case(op: OpName, algorithm: &str, input: Value, bare: impl FnMut() -> Result<(), Error> + 'static) -> Case {
    Case { op, algorithm: algorithm.to_owned(), input, bare: Box::new(bare) }
}

/// As the crypto crate takes it.
fn typed(message_type: MessageType, bytes: &[u8]) -> Message<'_> {
    match message_type {
        MessageType::Raw => Message::Raw(bytes),
        MessageType::Digest => Message::Digest(bytes),
        MessageType::ExternalMu => Message::ExternalMu(bytes),
    }
}

/// Takes a result, so that the compiler cannot leave out its making.
fn keep<T, E: Into<Error>>(made: Result<T, E>) -> Result<(), Error> {
    made.map(|made| drop(std::hint::black_box(made))).map_err(Into::into)
}

fn blob(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

/// A node over a store in memory, with a clock that stands still so that signatures stay good.
struct Service {
    node: Arc<Node>,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

const ACCOUNT: &str = "111122223333";
const ACCESS_KEY_ID: &str = "AKIABENCHBENCHBENCH1";
const SECRET: &[u8] = b"0123456789abcdefghijABCDEFGHIJ0123456789";

/// A request, signed.
struct Prepared {
    headers: HeaderMap,
    body: String,
}

impl Service {
    fn start() -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let now = Timestamp::from_millis(1_790_000_000_000);
        let access_key = AccessKeyConfig {
            id: ACCESS_KEY_ID.to_owned(),
            secret: SecretBytes::copy_from(SECRET),
            user: None,
            policies: None,
        };
        let account = AccountConfig { id: ACCOUNT.parse()?, access_keys: vec![access_key] };
        let node = runtime.block_on(Node::start(Parts {
            store: Arc::new(MemoryStore::new()),
            seal: Box::new(MemorySeal::random(&SystemRng)?),
            clock: Arc::new(ManualClock::at(now)),
            rng: Arc::new(SystemRng),
            identity: IdentityConfig { accounts: vec![account], ..IdentityConfig::default() },
            role: Role::Serve,
            regions: Regions::any(),
            quotas: Quotas::default(),
            limits: Limits { task_period: None, ..Limits::default() },
            audit: AuditDestination::Memory,
        }))?;
        Ok(Self { node: Arc::new(node), runtime, now })
    }

    fn prepare(&self, region: &str, op: OpName, input: &Value) -> Result<Prepared, Error> {
        let body = input.to_string();
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", HeaderValue::from_str(&format!("TrentService.{op}"))?);
        let secret = SecretBytes::copy_from(SECRET);
        let credentials = Credentials { access_key_id: ACCESS_KEY_ID, secret: &secret, session_token: None };
        let scope = Scope { region, service: "kms" };
        sign(("POST", "/", None), &mut headers, &sha256(body.as_bytes()), &credentials, &scope, self.now)?;
        Ok(Prepared { headers, body })
    }

    fn call(&self, region: &str, op: OpName, input: &Value) -> Result<Value, Error> {
        let prepared = self.prepare(region, op, input)?;
        let reply = self.runtime.block_on(self.node.answer(prepared.request()));
        match reply.status {
            200 => Ok(serde_json::from_slice(&reply.body)?),
            _ => Err(format!("{op}: {}", String::from_utf8_lossy(&reply.body)).into()),
        }
    }

    /// As the function of that name outside, over calls through the frame.
    fn mean_us(&self, window: Duration, prepared: &Prepared) -> Result<f64, Error> {
        self.runtime.block_on(async {
            let meter = Meter::start();
            let mut calls = 0;
            while calls == 0 || meter.since.elapsed() < window {
                let reply = self.node.answer(prepared.request()).await;
                if reply.status != 200 {
                    return Err(format!("not a 200: {}", String::from_utf8_lossy(&reply.body)).into());
                }
                calls += 1;
            }
            Ok(meter.cpu_us() / f64::from(calls))
        })
    }
}

impl Prepared {
    fn request(&self) -> Request<'_> {
        Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &self.headers,
            body: self.body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every pair of the table of specs has its rows, and each of them works both ways.
    #[test]
    fn no_algorithm_is_left_out() {
        let service = Service::start().expect("a service");
        let mut seen = BTreeSet::new();
        for spec in KeySpec::ALL {
            for usage in facts(*spec).usages {
                let subject = Subject::new(&service, *spec, SymmetricSuite::Aes, *usage).expect("a key");
                for mut case in subject.cases().expect("cases") {
                    service.call(subject.region, case.op, &case.input).expect("a reply");
                    (case.bare)().expect("the primitive");
                    seen.insert((*spec, case.op, case.algorithm));
                }
                let row = facts(*spec);
                let both = |pair: [OpName; 2], algorithm: &str| {
                    for op in pair {
                        assert!(seen.contains(&(*spec, op, algorithm.to_owned())), "{spec} {op} {algorithm}");
                    }
                };
                match usage {
                    KeyUsage::EncryptDecrypt => {
                        row.encryption.iter().for_each(|a| both([OpName::Encrypt, OpName::Decrypt], a.as_str()));
                    }
                    KeyUsage::SignVerify => {
                        row.signing.iter().for_each(|a| both([OpName::Sign, OpName::Verify], a.as_str()));
                    }
                    KeyUsage::GenerateVerifyMac => {
                        row.mac.iter().for_each(|a| both([OpName::GenerateMac, OpName::VerifyMac], a.as_str()));
                    }
                    KeyUsage::KeyAgreement => both([OpName::DeriveSharedSecret; 2], "ECDH"),
                    KeyUsage::EncapsulateDecapsulate => both([OpName::Encapsulate, OpName::Decapsulate], "ML_KEM"),
                }
            }
        }
        assert!(seen.contains(&(KeySpec::SymmetricDefault, OpName::GenerateDataKey, "SYMMETRIC_DEFAULT".to_owned())));
    }
}
