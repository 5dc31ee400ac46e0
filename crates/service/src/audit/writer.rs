//! Who writes the log: one task, many callers.
//!
//! A call leaves its events in a queue and waits. The task lets every call that is ready join before it takes the queue (it goes
//! behind them in the runtime's own queue), writes all of it with one system call, and lets the calls go on: group commit whose
//! groups are as large as the load. With `fsync`, what the disk takes decides how large they become.
//!
//! # Invariants
//! - A call that is told that its events are written has them in the log, and with [`Durability::Fsync`] on the disk.
//! - When the log cannot be written, every call fails until it can; then the gap is on the record before anything else.
//! - The store keeps the record of a change until the disk has it in the log.
//! - No other file than the log can hold up a call.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strongroom_core::ids::RequestId;
use strongroom_core::world::{Clock, Rng, Timestamp};
use strongroom_store::{Expect, Store, Version};
use strongroom_vault::Vault;
use strongroom_wire::time::iso8601;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::event::{self, Event, members};
use super::log::{Log, compress_closed};
use super::verify::Anchor;
use super::{Unrecorded, anchors, outbox};

/// How long an event is in the log without a signature over it, at most.
const SIGN_PERIOD: Duration = Duration::from_secs(1);
/// How long an event is in the log without the store knowing of it, at most.
const ANCHOR_PERIOD: Duration = Duration::from_secs(5);
/// Changes that are made but could not be written yet, kept in memory. Those beyond wait in the store for a restart.
const OWED_MAX: usize = 10_000;

/// When an event counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the system has it: it survives the end of this process however it comes, but not that of the machine.
    Write,
    /// When the disk has it.
    Fsync,
}

/// What became of the log so far.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) events: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) down: AtomicBool,
    /// Why, while it is.
    pub(super) problem: Mutex<Option<String>>,
    /// The number of the next line when the store was last told of the log.
    pub(super) anchored: AtomicU64,
}

/// What the writer works with.
pub(super) struct Tools {
    pub(super) store: Arc<dyn Store>,
    pub(super) vault: Arc<Vault>,
    pub(super) rng: Arc<dyn Rng>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dir: PathBuf,
    pub(super) durability: Durability,
}

/// The way to the task.
pub(super) struct Writer {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Notify,
    counters: Arc<Counters>,
    next_seq: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    calls: Vec<Call>,
    is_ending: bool,
    has_ended: bool,
}

/// A call that waits.
struct Call {
    events: Vec<Event>,
    /// Where they wait in the store meanwhile.
    outbox: Option<RequestId>,
    done: oneshot::Sender<()>,
}

impl Writer {
    /// Starts the task. `version` is that of the log's anchor in the store, if it has one.
    pub(super) fn start(
        log: Log,
        version: Option<Version>,
        tools: Tools,
        counters: Arc<Counters>,
        next_seq: Arc<AtomicU64>,
    ) -> Self {
        next_seq.store(log.position.seq, Ordering::Release);
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Notify::new(), counters, next_seq });
        let scribe = Scribe {
            shared: Arc::clone(&shared),
            anchored: Anchored { seq: 0, expect: version.map_or(Expect::Absent, Expect::At) },
            log: Some(log),
            tools: Arc::new(tools),
            gap: None,
            owed: Vec::new(),
            settled: Vec::new(),
            chores: None,
            // Files that an earlier end left behind.
            has_closed: true,
        };
        Self { shared, task: Mutex::new(Some(tokio::spawn(scribe.run()))) }
    }

    /// Waits until these events are written.
    ///
    /// # Errors
    /// [`Unrecorded`].
    pub(super) async fn write(&self, events: Vec<Event>, outbox: Option<RequestId>) -> Result<(), Unrecorded> {
        let (done, written) = oneshot::channel();
        let is_first = {
            let mut queue = self.shared.queue();
            if queue.has_ended {
                return Err(Unrecorded);
            }
            queue.calls.push(Call { events, outbox, done });
            queue.calls.len() == 1
        };
        if is_first {
            self.shared.wake.notify_one();
        }
        written.await.map_err(|_| Unrecorded)
    }

    /// The number of the log's next line.
    pub(super) fn next_line(&self) -> u64 {
        self.shared.next_seq.load(Ordering::Acquire)
    }

    /// Writes what waits, signs and closes the log. What comes later is not written.
    pub(super) async fn end(&self) {
        self.shared.queue().is_ending = true;
        self.shared.wake.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time in which nothing could be written.
struct Gap {
    since: Timestamp,
    calls: u64,
}

/// A change that is made and is not in the log yet.
struct Owed {
    events: Vec<Event>,
    /// Where they wait in the store.
    outbox: RequestId,
}

/// The task.
struct Scribe {
    shared: Arc<Shared>,
    /// Gone while another thread has it.
    log: Option<Log>,
    tools: Arc<Tools>,
    /// What the store was last told of the log.
    anchored: Anchored,
    gap: Option<Gap>,
    owed: Vec<Owed>,
    /// Records in the store that the log has by now.
    settled: Vec<Vec<u8>>,
    /// Work on the side that is under way.
    chores: Option<JoinHandle<Chores>>,
    /// Whether there are closed files to compress.
    has_closed: bool,
}

/// What the store knows of the log.
#[derive(Clone, Copy)]
struct Anchored {
    /// The number of the next line when it was told.
    seq: u64,
    /// The version of the record that says so.
    expect: Expect,
}

/// Work that no call waits for, done one at a time.
struct Chores {
    tools: Arc<Tools>,
    /// What is to be on the disk before anything else; none where the log's last file is closed, and is there.
    file: Option<File>,
    settled: Vec<Vec<u8>>,
    anchor: Option<Anchor>,
    anchored: Anchored,
    compress: bool,
}

/// One write, as it goes to the thread that does it and comes back.
struct Work {
    log: Log,
    /// What has to come first: the gap, and what was done in it.
    gap: Option<Event>,
    owed: Vec<Owed>,
    calls: Vec<Call>,
    now: Timestamp,
    durability: Durability,
}

/// How it went.
enum Outcome {
    Written,
    Failed(io::Error),
    /// In the file, but whether the disk has it is unknown.
    Unsynced(io::Error),
}

impl Work {
    fn run(&mut self) -> Outcome {
        let owed = self.owed.iter().flat_map(|owed| &owed.events);
        let calls = self.calls.iter().flat_map(|call| &call.events);
        let events = self.gap.iter().chain(owed).chain(calls).map(|event| event.json.as_slice());
        if let Err(failed) = self.log.append(events, self.now) {
            return Outcome::Failed(failed);
        }
        match self.durability {
            Durability::Write => Outcome::Written,
            Durability::Fsync => self.log.sync().map_or_else(Outcome::Unsynced, |()| Outcome::Written),
        }
    }
}

impl Scribe {
    async fn run(mut self) {
        let mut tick = interval(SIGN_PERIOD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_anchor = Instant::now();
        loop {
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = shared.wake.notified() => self.write_all().await,
                now = tick.tick() => {
                    let is_anchor_due = now >= next_anchor;
                    if self.keep_house(is_anchor_due).await && is_anchor_due {
                        next_anchor = now + ANCHOR_PERIOD;
                    }
                }
            }
            if self.log.is_none() {
                return;
            }
            if shared.queue().is_ending {
                return self.end().await;
            }
        }
    }

    async fn write_all(&mut self) {
        loop {
            // Behind all calls that are ready to join.
            tokio::task::yield_now().await;
            let calls = std::mem::take(&mut self.shared.queue().calls);
            if calls.is_empty() || self.log.is_none() {
                return;
            }
            self.write(calls).await;
        }
    }

    async fn write(&mut self, calls: Vec<Call>) {
        let Some(log) = self.log.take() else { return };
        let now = self.tools.clock.now();
        let (gap, owed) = (self.gap_event(now), std::mem::take(&mut self.owed));
        let mut work = Work { log, gap, owed, calls, now, durability: self.tools.durability };
        let (work, outcome) = match self.tools.durability {
            Durability::Write => {
                let outcome = work.run();
                (work, outcome)
            }
            Durability::Fsync => {
                let done = spawn_blocking(move || {
                    let outcome = work.run();
                    (work, outcome)
                });
                match done.await {
                    Ok(done) => done,
                    Err(_) => return,
                }
            }
        };
        let Work { log, owed, calls, .. } = work;
        self.shared.next_seq.store(log.position.seq, Ordering::Release);
        self.log = Some(log);
        match outcome {
            Outcome::Written => self.settle(owed, calls),
            Outcome::Failed(error) => {
                self.fail(calls.len(), &error, now);
                self.owe(owed, calls);
            }
            // They may be on the disk: written again, they could be there twice. The store keeps them until a restart looks.
            Outcome::Unsynced(error) => self.fail(calls.len(), &error, now),
        }
    }

    /// Tells of a time in which nothing could be written.
    fn gap_event(&self, now: Timestamp) -> Option<Event> {
        let gap = self.gap.as_ref()?;
        let details = members(|members| {
            members.text("since", Some(&iso8601(gap.since)));
            members.text("until", Some(&iso8601(now)));
            members.text("callsRefused", Some(&gap.calls.to_string()));
        });
        Some(event::of_log("AuditLogGap", self.new_id()?, now, &details))
    }

    fn new_id(&self) -> Option<RequestId> {
        let mut random = [0; 16];
        self.tools.rng.fill(&mut random).ok()?;
        Some(RequestId::from_random(random))
    }

    fn settle(&mut self, owed: Vec<Owed>, calls: Vec<Call>) {
        let counters = &self.shared.counters;
        let events = owed.iter().map(|owed| &owed.events).chain(calls.iter().map(|call| &call.events));
        counters.events.fetch_add(events.map(Vec::len).sum::<usize>() as u64, Ordering::Relaxed);
        counters.writes.fetch_add(1, Ordering::Relaxed);
        if let Some(gap) = self.gap.take() {
            counters.down.store(false, Ordering::Release);
            *lock(&counters.problem) = None;
            tracing::warn!(calls = gap.calls, "the audit log is written again; the gap is on the record");
        }
        self.settled.extend(owed.iter().map(|owed| owed.outbox.as_str().as_bytes().to_vec()));
        for call in calls {
            self.settled.extend(call.outbox.map(|id| id.as_str().as_bytes().to_vec()));
            // Who does not wait any more has hung up.
            let _ = call.done.send(());
        }
    }

    fn fail(&mut self, calls: usize, error: &io::Error, now: Timestamp) {
        let (counters, calls) = (&self.shared.counters, calls as u64);
        counters.failures.fetch_add(1, Ordering::Relaxed);
        counters.refused.fetch_add(calls, Ordering::Relaxed);
        counters.down.store(true, Ordering::Release);
        *lock(&counters.problem) = Some(error.to_string());
        if self.gap.is_none() {
            tracing::error!(%error, "the audit log cannot be written; calls fail until it can");
        }
        self.gap.get_or_insert(Gap { since: now, calls: 0 }).calls += calls;
    }

    /// Remembers what was made and not written: its callers hear that it failed, and the record will say what happened.
    fn owe(&mut self, owed: Vec<Owed>, calls: Vec<Call>) {
        let made = calls.into_iter().filter_map(|Call { events, outbox, .. }| Some(Owed { events, outbox: outbox? }));
        self.owed.extend(owed.into_iter().chain(made));
        self.owed.truncate(OWED_MAX);
    }

    /// Signs, begins the next file, and lets the store know. Whether the work on the side could begin is the answer.
    async fn keep_house(&mut self, is_anchor_due: bool) -> bool {
        if self.gap.is_some() {
            // Nobody may call while a server says that it is not ready: it finds out by itself when it is again.
            self.write(Vec::new()).await;
        }
        let now = self.tools.clock.now();
        if let Some(log) = self.log.as_mut() {
            match log.sign(now).and_then(|()| log.rotate_if_due(now)) {
                Ok(rotated) => self.has_closed |= rotated.is_some(),
                Err(error) => tracing::error!(%error, "the audit log was not signed, or its next file not begun"),
            }
            self.shared.next_seq.store(log.position.seq, Ordering::Release);
        }
        if self.chores.as_ref().is_some_and(|chores| !chores.is_finished()) {
            return false;
        }
        self.finish_chores().await;
        self.begin_chores(is_anchor_due);
        true
    }

    fn begin_chores(&mut self, is_anchor_due: bool) {
        let Some(log) = &self.log else { return };
        let has_news = is_anchor_due && log.position.seq != self.anchored.seq;
        let anchor = has_news.then_some(Anchor { chain: log.chain, position: log.position });
        if self.settled.is_empty() && anchor.is_none() && !self.has_closed {
            return;
        }
        let file = match log.file().transpose() {
            Ok(file) => file,
            Err(error) => return tracing::error!(%error, "the audit log cannot be made durable"),
        };
        let (settled, compress) = (std::mem::take(&mut self.settled), std::mem::take(&mut self.has_closed));
        let chores =
            Chores { tools: Arc::clone(&self.tools), file, settled, anchor, anchored: self.anchored, compress };
        self.chores = Some(tokio::spawn(chores.run()));
    }

    async fn finish_chores(&mut self) {
        let Some(task) = self.chores.take() else { return };
        if let Ok(chores) = task.await {
            self.anchored = chores.anchored;
            self.shared.counters.anchored.store(self.anchored.seq, Ordering::Relaxed);
            self.settled.extend(chores.settled);
        }
    }

    async fn end(&mut self) {
        self.write_all().await;
        let now = self.tools.clock.now();
        if let Some(log) = self.log.as_mut()
            && let Err(error) = log.close(now)
        {
            tracing::error!(%error, "the audit log was not closed");
        }
        self.shared.next_seq.store(self.log.as_ref().map_or(0, |log| log.position.seq), Ordering::Release);
        self.finish_chores().await;
        self.begin_chores(true);
        self.finish_chores().await;
    }
}

impl Chores {
    async fn run(mut self) -> Self {
        if self.make_durable().await {
            self.take_away_settled().await;
            self.anchor().await;
        }
        if self.compress {
            let tools = Arc::clone(&self.tools);
            let compressed = spawn_blocking(move || compress_closed(&tools.dir)).await;
            if let Ok(Err(error)) = compressed {
                tracing::warn!(%error, "a closed audit log was not compressed");
            }
        }
        self
    }

    /// Whether the disk has what was written.
    async fn make_durable(&mut self) -> bool {
        if self.settled.is_empty() && self.anchor.is_none() {
            return true;
        }
        let synced = match self.file.take() {
            Some(file) => spawn_blocking(move || file.sync_data()).await,
            // Closed files are durable.
            None => Ok(Ok(())),
        };
        let is_durable = matches!(synced, Ok(Ok(())));
        if !is_durable {
            tracing::error!("the audit log could not be made durable");
        }
        is_durable
    }

    async fn take_away_settled(&mut self) {
        match outbox::remove(&*self.tools.store, &self.settled).await {
            Ok(()) => self.settled.clear(),
            Err(error) => {
                tracing::warn!(%error, "the store still has records that the audit log has; they are taken away later")
            }
        }
    }

    /// Tells the store where the log stands, once the disk has it.
    async fn anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else { return };
        let Tools { store, vault, rng, .. } = &*self.tools;
        match anchors::keep(&**store, vault, &**rng, &anchor, self.anchored.expect).await {
            Ok(version) => self.anchored = Anchored { seq: anchor.position.seq, expect: Expect::At(version) },
            Err(error) => tracing::error!(%error, "the store was not told where the audit log stands"),
        }
    }
}

impl Drop for Scribe {
    /// Whatever ended it, nobody waits for a task that is gone.
    fn drop(&mut self) {
        let Shared { counters, .. } = &*self.shared;
        let mut queue = self.shared.queue();
        queue.has_ended = true;
        queue.calls.clear();
        if !queue.is_ending {
            counters.down.store(true, Ordering::Release);
            *lock(&counters.problem) = Some("its writer panicked; start the server again".to_owned());
            tracing::error!("the audit log's writer panicked; no call succeeds until this server is started again");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue().is_ending = true;
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_core::world::{ManualClock, SeededRng};
    use strongroom_store::{Batch, MemoryStore, Table};
    use tokio::time::timeout;

    use super::super::log::tests::{failing_disk, log_in};
    use super::*;

    fn tools(dir: &std::path::Path, vault: Vault, clock: Arc<dyn Clock>) -> Tools {
        Tools {
            store: Arc::new(MemoryStore::new()),
            vault: Arc::new(vault),
            rng: Arc::new(SeededRng::new(2)),
            clock,
            dir: dir.into(),
            durability: Durability::Write,
        }
    }

    #[tokio::test]
    async fn the_store_keeps_a_record_until_the_disk_has_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (vault, log) = log_in(dir.path());
        let tools = Arc::new(tools(dir.path(), vault, Arc::new(ManualClock::default())));
        let key = b"the event's id".to_vec();
        let put = Batch::new().put(Table::Outbox, &key[..], Expect::Absent, b"sealed".to_vec());
        tools.store.commit(put).await.expect("memory");
        let chores = |file: File| Chores {
            tools: Arc::clone(&tools),
            file: Some(file),
            settled: vec![key.clone()],
            anchor: Some(Anchor { chain: log.chain, position: log.position }),
            anchored: Anchored { seq: 0, expect: Expect::Absent },
            compress: false,
        };
        let undone = chores(failing_disk()).run().await;
        assert_eq!((undone.settled.len(), undone.anchored.seq), (1, 0));
        assert!(tools.store.get(Table::Outbox, &key).await.expect("memory").is_some());
        let done = chores(log.file().expect("one is open").expect("a handle")).run().await;
        assert_eq!((done.settled.len(), done.anchored.seq), (0, log.position.seq));
        assert!(tools.store.get(Table::Outbox, &key).await.expect("memory").is_none());
    }

    struct PanickingClock;

    impl Clock for PanickingClock {
        fn now(&self) -> Timestamp {
            panic!("planned")
        }

        fn elapsed(&self) -> Duration {
            panic!("planned")
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_writer_that_panicked() {
        let dir = tempfile::tempdir().expect("a directory");
        let (vault, log) = log_in(dir.path());
        let counters = Arc::new(Counters::default());
        let tools = tools(dir.path(), vault, Arc::new(PanickingClock));
        let writer = Writer::start(log, None, tools, Arc::clone(&counters), Arc::default());
        for _ in 0..3 {
            let written = timeout(Duration::from_secs(20), writer.write(Vec::new(), None)).await;
            assert_eq!(written.expect("an answer"), Err(Unrecorded));
        }
        assert!(counters.down.load(Ordering::Acquire), "no change is begun");
        assert!(lock(&counters.problem).is_some(), "and it is said why");
    }
}
