//! The files of a log, and the one who appends to them.
//!
//! A file is named after its first record, `audit-<number>.jsonl`; a closed one is compressed to `.jsonl.zst`. Every start of a
//! server begins a file: whatever the last one was, its end is closed first.
//!
//! # Invariants
//! - Records that were appended stand in the file as a whole; what a failed write left behind is cut off or written over.
//! - A file is never written again after its closing checkpoint.
//! - A damaged log is not continued: nobody may take what stands there for signed because this service signed what followed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_core::world::Timestamp;
use strongroom_vault::AuditSigner;

use super::chain::{ChainId, Position};
use super::verify::{self, Anchor, Broken, LogKey, Walk};

/// Lines after which a checkpoint is written at the latest.
const CHECKPOINT_EVENTS: u64 = 1024;
/// How hard closed files are compressed: the library's default is as fast as a disk.
const COMPRESSION_LEVEL: i32 = 3;

/// When a file is closed and the next one begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Above this many bytes.
    pub bytes: u64,
    /// After this many seconds.
    pub secs: u32,
}

impl Default for Rotation {
    /// 64 MiB, about 50,000 records, or a day.
    fn default() -> Self {
        Self { bytes: 64 << 20, secs: 86_400 }
    }
}

/// Why a log cannot be continued, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directory or a file of it.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is there is not whole.
    #[error(
        "the audit log is damaged: {0}; see `strongroom audit verify`, move its files to where evidence is kept, and a new log begins"
    )]
    Broken(#[from] Broken),
    /// The log's key failed.
    #[error("the key that signs the audit log failed")]
    Signer,
}

/// A log under way.
pub(super) struct Log {
    dir: PathBuf,
    signer: Arc<AuditSigner>,
    rotation: Rotation,
    pub(super) chain: ChainId,
    /// Where the last record that is in the file left the chain.
    pub(super) position: Position,
    current: Option<Current>,
    /// Lines since the last checkpoint.
    unsigned: u64,
    buffer: Vec<u8>,
}

/// The file that is being written.
struct Current {
    file: File,
    path: PathBuf,
    /// Bytes of whole records.
    len: u64,
    began: Timestamp,
}

/// With what a log is opened.
pub(super) struct Start<'a> {
    pub(super) dir: &'a Path,
    pub(super) signer: Arc<AuditSigner>,
    pub(super) rotation: Rotation,
    /// The name of the log if it is a new one.
    pub(super) new_chain: ChainId,
    /// What the store remembers.
    pub(super) anchors: &'a [Anchor],
    pub(super) now: Timestamp,
}

/// What was found when a log was opened.
pub(super) struct Opened {
    pub(super) log: Log,
    /// Whether there was no log before.
    pub(super) is_new: bool,
}

impl Log {
    /// Continues the log in `dir`, or begins one.
    ///
    /// `event` sees every event from `from` on, as it stands in files that are there.
    ///
    /// # Errors
    /// [`LogError`]; what is there was left as it is, but for a line that was cut off in the middle of its writing.
    pub(super) fn open(
        Start { dir, signer, rotation, new_chain, anchors, now }: Start<'_>,
        from: u64,
        event: &mut dyn FnMut(&[u8]),
    ) -> Result<Opened, LogError> {
        make_directory(dir)?;
        let mut files = files(dir)?;
        // A file that was begun and holds no whole line.
        while let Some((last, _)) = files.last() {
            if cut_torn_line(last)? > 0 {
                break;
            }
            fs::remove_file(last).map_err(|error| io_error(last, error))?;
            files.pop();
        }
        let key = LogKey::from_spki(signer.public_key()).ok_or(LogError::Signer)?;
        let mut log = Self {
            dir: dir.into(),
            signer,
            rotation,
            chain: new_chain,
            position: Position::BEGIN,
            current: None,
            unsigned: 0,
            buffer: Vec::with_capacity(64 << 10),
        };
        let Some((last, _)) = files.last() else {
            log.begin_file(now).map_err(|error| io_error(dir, error))?;
            return Ok(Opened { log, is_new: true });
        };
        // From the file that may hold what is asked for, to the end.
        let first = files.iter().rposition(|(_, seq)| *seq <= from).unwrap_or(0).min(files.len() - 1);
        // Those of logs that were moved away say nothing of this one.
        let (_, chain) = verify::first_line(last)?;
        let own = anchors.iter().filter(|anchor| anchor.chain == chain);
        let anchored = own.map(|anchor| anchor.position.seq).max().unwrap_or(0);
        let holding = files.iter().rposition(|(_, seq)| *seq < anchored).unwrap_or(0);
        let mut walk = Walk::new(&key, anchors);
        for (path, _) in &files[first.min(holding)..] {
            let mut reader = verify::open(path).map_err(|error| io_error(path, error))?;
            let see = &mut |seq, json: &[u8]| {
                if seq >= from {
                    event(json);
                }
            };
            walk.file(path, &mut reader, see, &mut |_| ())?;
        }
        let (chain, position, closed) = walk.end().ok_or(LogError::Signer)?;
        walk.check_anchors()?;
        log.chain = chain;
        log.position = position;
        if !closed {
            let file = OpenOptions::new().write(true).open(last).map_err(|error| io_error(last, error))?;
            let len = file.metadata().map_err(|error| io_error(last, error))?.len();
            log.current = Some(Current { file, path: last.clone(), len, began: now });
            log.close_file(now).map_err(|error| io_error(last, error))?;
        }
        log.begin_file(now).map_err(|error| io_error(dir, error))?;
        Ok(Opened { log, is_new: false })
    }

    /// Appends these events in one write, with a checkpoint when one is due.
    ///
    /// # Errors
    /// When the system fails; then none of them is in the log.
    pub(super) fn append<'e>(&mut self, events: impl Iterator<Item = &'e [u8]>, now: Timestamp) -> io::Result<()> {
        if self.current.is_none() {
            self.begin_file(now)?;
        }
        let (mut buffer, mut position) = (std::mem::take(&mut self.buffer), self.position);
        buffer.clear();
        let mut count = 0;
        for event in events {
            position.event(&mut buffer, event);
            count += 1;
        }
        let mut unsigned = self.unsigned + count;
        if unsigned >= CHECKPOINT_EVENTS {
            position.checkpoint(&mut buffer, self.chain, now, false, &self.signer).map_err(io::Error::other)?;
            unsigned = 0;
        }
        let written = self.write(&buffer);
        self.buffer = buffer;
        written?;
        (self.position, self.unsigned) = (position, unsigned);
        Ok(())
    }

    /// Signs what is not signed yet.
    ///
    /// # Errors
    /// When the system fails.
    pub(super) fn sign(&mut self, now: Timestamp) -> io::Result<()> {
        if self.unsigned == 0 || self.current.is_none() {
            return Ok(());
        }
        self.checkpoint(now, false)
    }

    /// Closes the file when it is large or old enough, and begins the next one. The closed file is the answer.
    ///
    /// # Errors
    /// When the system fails.
    pub(super) fn rotate_if_due(&mut self, now: Timestamp) -> io::Result<Option<PathBuf>> {
        let Some(current) = &self.current else { return Ok(None) };
        let age_millis = now.as_millis() - current.began.as_millis();
        if current.len < self.rotation.bytes && age_millis < i64::from(self.rotation.secs) * 1000 {
            return Ok(None);
        }
        let closed = current.path.clone();
        self.close_file(now)?;
        self.begin_file(now)?;
        Ok(Some(closed))
    }

    /// Ends the current file: signs, closes, and makes it durable. The next line begins another.
    ///
    /// # Errors
    /// When the system fails.
    pub(super) fn close(&mut self, now: Timestamp) -> io::Result<()> {
        if self.current.is_some() { self.close_file(now) } else { Ok(()) }
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// When the system fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data())
    }

    /// The file that is being written, for whoever makes it durable meanwhile.
    pub(super) fn file(&self) -> Option<io::Result<File>> {
        self.current.as_ref().map(|current| current.file.try_clone())
    }

    fn begin_file(&mut self, now: Timestamp) -> io::Result<()> {
        let path = self.dir.join(file_name(self.position.seq));
        let mut position = self.position;
        let mut line = Vec::new();
        position.file(&mut line, self.chain, now);
        let mut options = OpenOptions::new();
        // A file of this name holds nothing that was acknowledged: beginning it failed before.
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all_at(&line, 0)?;
        File::open(&self.dir)?.sync_all()?;
        self.current = Some(Current { file, path, len: line.len() as u64, began: now });
        self.position = position;
        self.unsigned += 1;
        Ok(())
    }

    fn close_file(&mut self, now: Timestamp) -> io::Result<()> {
        self.checkpoint(now, true)?;
        let synced = self.sync();
        // Closed it is, whether the disk has it or not.
        self.current = None;
        synced
    }

    fn checkpoint(&mut self, now: Timestamp, closed: bool) -> io::Result<()> {
        let (mut line, mut position) = (Vec::new(), self.position);
        position.checkpoint(&mut line, self.chain, now, closed, &self.signer).map_err(io::Error::other)?;
        self.write(&line)?;
        (self.position, self.unsigned) = (position, 0);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let current = self.current.as_mut().ok_or(io::ErrorKind::NotFound)?;
        if let Err(failed) = current.file.write_all_at(bytes, current.len) {
            // If this fails too, the next write goes over what is there.
            let _ = current.file.set_len(current.len);
            return Err(failed);
        }
        current.len += bytes.len() as u64;
        Ok(())
    }
}

/// The log's files in the order of their records.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn files(dir: &Path) -> Result<Vec<(PathBuf, u64)>, LogError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| io_error(dir, error))? {
        let path = entry.map_err(|error| io_error(dir, error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(rest) = name.strip_prefix("audit-") else { continue };
        let Some(digits) = rest.strip_suffix(".jsonl").or_else(|| rest.strip_suffix(".jsonl.zst")) else { continue };
        let Ok(seq) = digits.parse::<u64>() else { continue };
        files.push((path, seq));
    }
    files.sort_by(|(a_path, a), (b_path, b)| a.cmp(b).then(a_path.cmp(b_path)));
    // Both forms of one file: compressing it was interrupted before the first went away.
    files.dedup_by(|later, earlier| later.1 == earlier.1);
    Ok(files)
}

/// The paths of a log's files in a directory, in the order of their records.
///
/// # Errors
/// When the directory cannot be read.
pub fn log_files(dir: &Path) -> Result<Vec<PathBuf>, LogError> {
    Ok(files(dir)?.into_iter().map(|(path, _)| path).collect())
}

fn file_name(seq: u64) -> String {
    format!("audit-{seq:020}.jsonl")
}

/// Compresses closed files of `dir` but for the one that is being written, and takes the originals away.
///
/// # Errors
/// When the system fails; no record is lost.
pub(super) fn compress_closed(dir: &Path) -> Result<(), LogError> {
    let files = files(dir)?;
    let Some((_, closed)) = files.split_last() else { return Ok(()) };
    for (path, _) in closed.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "jsonl")) {
        compress(path).map_err(|error| io_error(path, error))?;
    }
    Ok(())
}

fn compress(path: &Path) -> io::Result<()> {
    let target = path.with_extension("jsonl.zst");
    let draft = path.with_extension("draft");
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let mut encoder = zstd::Encoder::new(out, COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(&draft, &target)?;
    // Not before the disk has the other one under its name.
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())?;
    fs::remove_file(path)
}

fn make_directory(dir: &Path) -> Result<(), LogError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| io_error(dir, error))
}

/// A record whose writing was interrupted was never acknowledged. The bytes that are left are the answer.
fn cut_torn_line(path: &Path) -> Result<u64, LogError> {
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(path.metadata().map_err(|error| io_error(path, error))?.len());
    }
    let cut = || {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = file.metadata()?.len();
        let mut end = len;
        let mut block = vec![0; 64 << 10];
        while end > 0 {
            let start = end.saturating_sub(block.len() as u64);
            let piece = &mut block[..usize::try_from(end - start).expect("a block")];
            file.read_exact_at(piece, start)?;
            if let Some(at) = memchr::memrchr(b'\n', piece) {
                end = start + at as u64 + 1;
                break;
            }
            end = start;
        }
        if end < len {
            file.set_len(end)?;
        }
        Ok(end)
    };
    cut().map_err(|error| io_error(path, error))
}

fn io_error(path: &Path, error: io::Error) -> LogError {
    LogError::Io { path: path.into(), error }
}

#[cfg(test)]
pub(super) mod tests {
    use strongroom_core::world::SeededRng;
    use strongroom_vault::Vault;
    use strongroom_vault::seal::MemorySeal;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    /// A vault, and a log in `dir` that it signs.
    pub(in super::super) fn log_in(dir: &Path) -> (Vault, Log) {
        let rng = SeededRng::new(1);
        let (vault, _) = Vault::create(&MemorySeal::random(&rng).expect("a seal"), &rng).expect("a vault");
        let key = vault.new_audit_key(&rng).expect("a key");
        let start = Start {
            dir,
            signer: Arc::new(vault.audit_signer(&key).expect("a signer")),
            rotation: Rotation::default(),
            new_chain: ChainId::from_random([1; 16]),
            anchors: &[],
            now: NOW,
        };
        let Opened { log, is_new } = Log::open(start, u64::MAX, &mut |_| ()).expect("a log");
        assert!(is_new);
        (vault, log)
    }

    /// It takes writes, and cannot make them durable.
    pub(in super::super) fn failing_disk() -> File {
        let file = OpenOptions::new().write(true).open("/dev/null").expect("is everywhere");
        assert!(file.sync_data().is_err());
        file
    }

    #[test]
    fn a_file_that_was_closed_is_not_written_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let (_, mut log) = log_in(dir.path());
        log.current.as_mut().expect("a file").file = failing_disk();
        log.close(NOW).expect_err("the disk fails");
        log.append([&b"{}"[..]].into_iter(), NOW).expect("in the next file");
        let files = files(dir.path()).expect("a directory");
        let numbers: Vec<u64> = files.iter().map(|(_, seq)| *seq).collect();
        assert_eq!(numbers, [0, 2], "behind the first line and the closing checkpoint");
    }
}
