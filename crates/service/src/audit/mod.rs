//! The audit record: what every call leaves before its reply leaves. See `docs/audit.md`.
//!
//! An [`Entry`] is opened when a call comes, filled in while its operation runs, and closed into one event of CloudTrail's format
//! (behaviours 13), or one for each account that it concerns. Events go into a log that nobody can change, shorten or reorder
//! unseen: each line names the hash of the one before ([`chain`]), checkpoints are signed under the root key, and the sealed store
//! remembers the head ([`anchors`]). A change commits together with its record ([`outbox`]).
//!
//! # Invariants
//! - [`Journal::close`] returns when the record is written; who gets an error from it must not answer with anything but a failure.
//! - Nothing secret: no plaintext, no key material, no token, no body. Only members that the overlay shows are written.

mod anchors;
mod chain;
mod entry;
mod event;
mod figures;
pub mod follow;
mod log;
mod outbox;
mod principal;
pub mod query;
mod ring;
pub(crate) mod service_events;
pub mod verify;
mod writer;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_core::ids::RequestId;
use strongroom_core::key::Wrapped;
use strongroom_core::world::{Clock, Rng};
use strongroom_store::{Batch, Expect, Store, Table, Version, encode};
use strongroom_vault::{AuditSigner, RecordName, Vault};

use crate::error::OpError;
use crate::metrics::Family;
use chain::hash_text;
pub(crate) use entry::{Called, Entry, Failure, KMS, Origin};
use event::Event;
pub(crate) use event::members;
use log::{Log, Opened, Start};
pub use log::{LogError, Rotation, log_files};
use outbox::RecordingStore;
use ring::Ring;
pub use verify::Anchor;
pub use writer::Durability;
use writer::{Counters, Tools, Writer, lock};

/// The record could not be written: the call must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit record could not be written")]
pub struct Unrecorded;

/// Where the record goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditDestination {
    /// Into memory, the latest events alone: for `dev` and tests.
    #[default]
    Memory,
    /// Nowhere: for `dev` that is measured.
    Nowhere,
    /// Into a log of files.
    Directory(AuditDirectory),
}

/// A log of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDirectory {
    /// The directory; made when it is missing.
    pub path: PathBuf,
    /// When an event counts as written.
    pub durability: Durability,
    /// When a file is closed.
    pub rotation: Rotation,
}

/// Why the record cannot be begun, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What the store or the vault holds for it.
    #[error("{0}")]
    Kept(String),
    /// There is none.
    #[error("there is no audit log yet; the first start of the server begins it")]
    None,
}

impl From<OpError> for AuditError {
    fn from(error: OpError) -> Self {
        Self::Kept(error.to_string())
    }
}

/// How the record fares, for metrics and health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditStatus {
    /// Events written since the start.
    pub events: u64,
    /// Writes that they took: events by writes is the size of a group.
    pub writes: u64,
    /// Writes that failed.
    pub write_failures: u64,
    /// Calls that failed because their record could not be written.
    pub refused_calls: u64,
    /// Why the last write failed, while it did: until one succeeds, calls fail.
    pub problem: Option<String>,
    /// Lines that the sealed store was not told of yet.
    pub unanchored_lines: u64,
    /// The number of the log's next line, of whatever kind; zero where there is no log.
    pub next_line: u64,
}

/// Where records go. Clones are the same journal.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Inner>);

struct Inner {
    rng: Arc<dyn Rng>,
    /// Where the log's key and anchors are.
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    target: Target,
    counters: Arc<Counters>,
}

enum Target {
    Nowhere,
    Memory(Ring),
    Files(Writer),
}

/// What a journal stands on.
pub(crate) struct Foundation<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) vault: &'a Arc<Vault>,
    pub(crate) rng: &'a Arc<dyn Rng>,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

impl Journal {
    /// Begins, or goes on. The store that is returned carries the record of each change; all changes go through it.
    ///
    /// # Errors
    /// [`AuditError`]; nothing was overwritten.
    pub(crate) async fn start(
        destination: AuditDestination,
        foundation: Foundation<'_>,
    ) -> Result<(Self, Arc<dyn Store>), AuditError> {
        let counters = Arc::new(Counters::default());
        let store = Arc::clone(foundation.store);
        let directory = match destination {
            AuditDestination::Memory => {
                return Ok((Self::new(&foundation, Target::Memory(Ring::default()), counters), store));
            }
            AuditDestination::Nowhere => return Ok((Self::new(&foundation, Target::Nowhere, counters), store)),
            AuditDestination::Directory(directory) => directory,
        };
        let next_seq = Arc::new(AtomicU64::new(0));
        let writer = start_writer(directory, &foundation, &counters, &next_seq).await?;
        let store = RecordingStore {
            inner: store,
            vault: Arc::clone(foundation.vault),
            rng: Arc::clone(foundation.rng),
            next_seq,
        };
        Ok((Self::new(&foundation, Target::Files(writer), counters), Arc::new(store)))
    }

    fn new(foundation: &Foundation<'_>, target: Target, counters: Arc<Counters>) -> Self {
        let (store, vault) = (Arc::clone(foundation.store), Arc::clone(foundation.vault));
        Self(Arc::new(Inner { rng: Arc::clone(foundation.rng), store, vault, target, counters }))
    }

    /// What an auditor needs; nothing where there is no log.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn facts(&self) -> Result<Option<AuditFacts>, AuditError> {
        match self.0.target {
            Target::Memory(_) | Target::Nowhere => Ok(None),
            Target::Files(_) => facts(&*self.0.store, &self.0.vault).await.map(Some),
        }
    }

    /// Opens the record of a call.
    pub(crate) fn open(&self, origin: &Origin<'_>) -> Entry {
        match self.0.target {
            Target::Nowhere => Entry::of_change(),
            Target::Memory(_) | Target::Files(_) => Entry::open(origin),
        }
    }

    /// Runs `work`, whose changes commit together with the record of `entry`.
    pub(crate) async fn carry<F: Future>(&self, entry: &Arc<Entry>, work: F) -> F::Output {
        outbox::carry(Arc::clone(entry), work).await
    }

    /// Refuses a change while its record could not be written.
    ///
    /// # Errors
    /// [`Unrecorded`].
    pub(crate) fn check_writable(&self) -> Result<(), Unrecorded> {
        if self.0.counters.down.load(Ordering::Acquire) { Err(Unrecorded) } else { Ok(()) }
    }

    /// Ends the record of a call, or of what the service did by itself.
    ///
    /// # Errors
    /// [`Unrecorded`].
    pub(crate) async fn close(&self, entry: &Entry, failure: Option<Failure<'_>>) -> Result<(), Unrecorded> {
        let events = entry.events(failure, &*self.0.rng).map_err(|_| Unrecorded)?;
        if events.is_empty() {
            return Ok(());
        }
        match &self.0.target {
            Target::Nowhere => Ok(()),
            Target::Memory(ring) => {
                ring.keep(events);
                Ok(())
            }
            Target::Files(writer) => {
                let outbox = *entry.outbox();
                writer.write(events, outbox).await
            }
        }
    }

    /// The latest events, oldest first; none when they go into files.
    pub(crate) fn recent(&self) -> Vec<String> {
        match &self.0.target {
            Target::Memory(ring) => ring.recent(),
            Target::Files(_) | Target::Nowhere => Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> AuditStatus {
        let Counters { events, writes, failures, refused, problem, anchored, .. } = &*self.0.counters;
        let next_line = match &self.0.target {
            Target::Files(writer) => writer.next_line(),
            Target::Memory(_) | Target::Nowhere => 0,
        };
        AuditStatus {
            events: events.load(Ordering::Relaxed),
            writes: writes.load(Ordering::Relaxed),
            write_failures: failures.load(Ordering::Relaxed),
            refused_calls: refused.load(Ordering::Relaxed),
            problem: lock(problem).clone(),
            unanchored_lines: next_line.saturating_sub(anchored.load(Ordering::Relaxed)),
            next_line,
        }
    }

    /// The same for scrapers; nothing where there is no log.
    pub(crate) fn families(&self) -> Vec<Family> {
        if !matches!(self.0.target, Target::Files(_)) {
            return Vec::new();
        }
        figures::families(&self.status())
    }

    /// Writes what waits, signs it and closes the log. Nothing is recorded afterwards.
    pub(crate) async fn end(&self) {
        if let Target::Files(writer) = &self.0.target {
            writer.end().await;
        }
    }
}

async fn start_writer(
    directory: AuditDirectory,
    foundation: &Foundation<'_>,
    counters: &Arc<Counters>,
    next_seq: &Arc<AtomicU64>,
) -> Result<Writer, AuditError> {
    let Foundation { store, vault, rng, clock } = *foundation;
    let signer = Arc::new(signer(&**store, vault, &**rng).await?);
    let known = anchors::load(&**store, vault).await?;
    let anchored: Vec<Anchor> = known.iter().map(|(anchor, _)| *anchor).collect();
    let waiting = outbox::load(&**store, vault).await?;
    let from = waiting.iter().map(|waiting| waiting.from_seq).min().unwrap_or(u64::MAX);
    let mut present = HashSet::new();
    let mut see = |event: &[u8]| present.extend(chain::event_id(event).map(<[u8]>::to_vec));
    let new_chain = new_id(&**rng)?;
    let now = clock.now();
    let (dir, rotation) = (&*directory.path, directory.rotation);
    let start = Start { dir, signer, rotation, new_chain, anchors: &anchored, now };
    let Opened { mut log, is_new } = Log::open(start, from, &mut see)?;

    // What was done before a crash and is not in the log yet.
    let mut missing: Vec<Event> = Vec::new();
    if is_new {
        for anchor in &anchored {
            let details = event::members(|members| {
                members.text("chainId", Some(anchor.chain.as_str()));
                members.text("records", Some(&anchor.position.seq.to_string()));
                members.text("lastHash", Some(&hash_text(&anchor.position.prev)));
            });
            missing.push(event::of_log("AuditLogBegunAnew", new_id(&**rng)?, now, &details));
        }
    }
    for json in waiting.iter().flat_map(|waiting| &waiting.events) {
        let id = chain::event_id(json).and_then(|id| std::str::from_utf8(id).ok()).and_then(|id| id.parse().ok());
        let id: RequestId = id.ok_or(OpError::BadRecord)?;
        if !present.contains(id.as_str().as_bytes()) {
            missing.push(Event { id, json: json.clone() });
        }
    }
    let failed = |error| LogError::Io { path: directory.path.clone(), error };
    if !missing.is_empty() {
        log.append(missing.iter().map(|event| event.json.as_slice()), now).map_err(failed)?;
        tracing::warn!(events = missing.len(), "the audit log was completed with what the store kept for it");
    }
    log.sync().map_err(failed)?;
    let keys: Vec<Vec<u8>> = waiting.into_iter().map(|waiting| waiting.key).collect();
    outbox::remove(&**store, &keys).await.map_err(OpError::from)?;
    let version = known.iter().find(|(anchor, _)| anchor.chain == log.chain).map(|(_, version)| *version);
    let tools = Tools {
        store: Arc::clone(store),
        vault: Arc::clone(vault),
        rng: Arc::clone(rng),
        clock: Arc::clone(clock),
        dir: directory.path,
        durability: directory.durability,
    };
    Ok(Writer::start(log, version, tools, Arc::clone(counters), Arc::clone(next_seq)))
}

fn new_id(rng: &dyn Rng) -> Result<RequestId, OpError> {
    let mut random = [0; 16];
    rng.fill(&mut random)?;
    Ok(RequestId::from_random(random))
}

/// Where the key that signs logs is kept.
const AUDIT_KEY: &[u8] = b"audit-key/1";

const AUDIT_KEY_NAME: RecordName<'static> =
    RecordName { table: Table::Meta.code(), key: AUDIT_KEY, version: Version::FIRST.0 };

/// The key that signs logs, where there is one.
async fn existing_signer(store: &dyn Store, vault: &Vault) -> Result<Option<AuditSigner>, OpError> {
    let Some(record) = store.get(Table::Meta, AUDIT_KEY).await? else { return Ok(None) };
    let opened = vault.open_record(AUDIT_KEY_NAME, &record.value)?;
    let wrapped: Wrapped = encode::wrapped_from_bytes(opened.expose()).map_err(|_| OpError::BadRecord)?;
    Ok(Some(vault.audit_signer(&wrapped)?))
}

/// The key that signs logs, made when there is none.
async fn signer(store: &dyn Store, vault: &Vault, rng: &dyn Rng) -> Result<AuditSigner, OpError> {
    if let Some(signer) = existing_signer(store, vault).await? {
        return Ok(signer);
    }
    let wrapped = vault.new_audit_key(rng)?;
    let sealed = vault.seal_record(AUDIT_KEY_NAME, &encode::wrapped_to_bytes(&wrapped), rng)?;
    store.commit(Batch::new().put(Table::Meta, AUDIT_KEY, Expect::Absent, sealed)).await?;
    Ok(vault.audit_signer(&wrapped)?)
}

/// What an auditor needs of a store: the public key, and where its logs stand.
#[derive(Debug)]
pub struct AuditFacts {
    /// A DER SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// One for each log that the store remembers.
    pub anchors: Vec<Anchor>,
}

/// Reads what an auditor needs, without starting a server.
///
/// # Errors
/// [`AuditError`].
pub(crate) async fn facts(store: &dyn Store, vault: &Vault) -> Result<AuditFacts, AuditError> {
    let signer = existing_signer(store, vault).await?.ok_or(AuditError::None)?;
    let anchors = anchors::load(store, vault).await?.into_iter().map(|(anchor, _)| anchor).collect();
    Ok(AuditFacts { public_key: signer.public_key().to_vec(), anchors })
}
