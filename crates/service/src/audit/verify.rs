//! Whether a log is whole: streamed, without a server, with the public key alone.
//!
//! Found are a changed byte anywhere, a record that is missing, doubled or moved, a file that is missing, was replaced, or ends
//! before its last checkpoint. What a set of files cannot tell by itself is that everything after some checkpoint is missing
//! from its end: so a set is whole only when its last file was closed, or when it reaches the [`Anchor`] that the store keeps.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_core::generated::{KeySpec, SigningAlgorithmSpec};
use strongroom_crypto::material::Message;
use strongroom_crypto::public::PublicKey;

use super::chain::{self, ChainId, Hash, Line, Position, hash_text, signed_message};

/// The longest line that a log can have, with room to spare: an event holds one request's members.
const LINE_BYTES_MAX: usize = 8 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// The inverse of [`public_key_pem`].
pub fn spki_from_pem(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}

/// The key that verifies the checkpoints of a log.
pub struct LogKey(PublicKey);

impl LogKey {
    /// From a DER SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        PublicKey::from_spki(KeySpec::EccNistEdwards25519, spki).ok().map(Self)
    }

    /// From the PEM form that [`public_key_pem`] writes.
    pub fn from_pem(pem: &str) -> Option<Self> {
        Self::from_spki(&spki_from_pem(pem)?)
    }
}

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// A public key as PEM (RFC 7468).
pub fn public_key_pem(spki: &[u8]) -> String {
    // An Ed25519 key is shorter than a line.
    format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(spki))
}

/// A record that the store knows to be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub(super) chain: ChainId,
    /// The next record's number, and the hash of the one before.
    pub(super) position: Position,
}

impl Anchor {
    /// How many records the log has there, of every kind.
    pub const fn records(&self) -> u64 {
        self.position.seq
    }

    /// The id of the log that it stands in.
    pub fn log(&self) -> String {
        self.chain.to_string()
    }

    /// From `chain:number:hash`, as [`Anchor`]'s display writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(':');
        let (chain, seq, hash) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        let position = Position { seq, prev: chain::parse_hash(hash)? };
        parts.next().is_none().then_some(Self { chain, position })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.chain, self.position.seq, hash_text(&self.position.prev))
    }
}

/// How the last file may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Closed, or at or after the anchor and at a checkpoint.
    Whole,
    /// At any checkpoint: the file of a running server.
    Open,
}

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}{}: {problem}", file.display(), NumberOf(*seq))]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// The line within it, counted from 1.
    pub line: u64,
    /// The number of the record that should stand there, where it is known.
    pub seq: Option<u64>,
    /// What is wrong with it.
    pub problem: String,
    /// Whether nothing is wrong but that the log ends before a signature: its server is writing, or was killed. The start of a
    /// server ends such a log, and signs it.
    pub is_unfinished: bool,
}

struct NumberOf(Option<u64>);

impl fmt::Display for NumberOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |seq| write!(f, " (record {seq})"))
    }
}

/// What a whole log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of the first line; not zero where earlier files were not given.
    pub first_seq: u64,
    /// Events.
    pub events: u64,
    /// Signatures that were verified.
    pub checkpoints: u64,
    /// Bytes of lines.
    pub bytes: u64,
    /// Where the log ends.
    pub end: Anchor,
    /// Whether the last file was closed.
    pub closed: bool,
}

impl Report {
    /// Those anchors that stand in other logs than this one.
    pub fn absent<'a>(&self, anchors: &'a [Anchor]) -> impl Iterator<Item = &'a Anchor> {
        let here = self.end.chain;
        anchors.iter().filter(move |anchor| anchor.chain != here)
    }
}

/// What a file is, seen from its first line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Begin {
    seq: u64,
    path: PathBuf,
}

/// Verifies these files as one log, in the order of their records.
///
/// # Errors
/// [`Broken`], for the first thing that is wrong.
pub fn verify(
    key: &LogKey,
    files: &[PathBuf],
    anchors: &[Anchor],
    end: End,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Broken> {
    let begin = |path: &PathBuf| Ok(Begin { seq: first_line(path)?.0, path: path.clone() });
    let mut begins = files.iter().map(begin).collect::<Result<Vec<_>, _>>()?;
    begins.sort();
    let mut walk = Walk::new(key, anchors);
    for Begin { path, .. } in &begins {
        walk.file(path, &mut open(path).map_err(|error| unreadable(path, &error))?, &mut |_, _| (), progress)?;
    }
    walk.finish(end)
}

/// A log's file for reading; closed ones are decompressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    match path.extension().is_some_and(|extension| extension == "zst") {
        true => Ok(Box::new(zstd::Decoder::new(file)?)),
        false => Ok(Box::new(file)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Broken {
    Broken {
        file: path.into(),
        line: 1,
        seq: None,
        problem: format!("the file cannot be read: {error}"),
        is_unfinished: false,
    }
}

/// The number of a file's first line, and the log that it says to be of.
///
/// # Errors
/// [`Broken`] when it is not the first line of a file.
pub(super) fn first_line(path: &Path) -> Result<(u64, ChainId), Broken> {
    let mut lines = Lines::new(open(path).map_err(|error| unreadable(path, &error))?);
    let broken = |problem: String| Broken { file: path.into(), line: 1, seq: None, problem, is_unfinished: false };
    let line = lines.next().map_err(|error| unreadable(path, &error))?;
    let Some(line) = line else { return Err(broken("the file is empty".into())) };
    match chain::parse(line, None) {
        Ok((seq, Line::File(chain))) => Ok((seq, chain)),
        Ok(_) => Err(broken("it does not begin as a file of a log: its first line is missing".into())),
        Err(problem) => Err(broken(problem.into())),
    }
}

/// One walk through a log.
pub(super) struct Walk<'k> {
    key: &'k LogKey,
    anchors: &'k [Anchor],
    met: Vec<bool>,
    chain: Option<ChainId>,
    position: Position,
    first_seq: u64,
    /// The file and line walked last.
    at: (PathBuf, u64),
    closed: bool,
    /// Lines since the last checkpoint.
    unsigned: u64,
    events: u64,
    checkpoints: u64,
    bytes: u64,
}

impl<'k> Walk<'k> {
    pub(super) fn new(key: &'k LogKey, anchors: &'k [Anchor]) -> Self {
        Self {
            key,
            anchors,
            met: vec![false; anchors.len()],
            chain: None,
            position: Position::BEGIN,
            first_seq: 0,
            at: (PathBuf::new(), 0),
            closed: false,
            unsigned: 0,
            events: 0,
            checkpoints: 0,
            bytes: 0,
        }
    }

    /// Walks through one file. `event` sees each event with its number; nothing of it is under a signature yet.
    ///
    /// # Errors
    /// [`Broken`].
    pub(super) fn file(
        &mut self,
        path: &Path,
        reader: &mut dyn Read,
        event: &mut dyn FnMut(u64, &[u8]),
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Broken> {
        if self.chain.is_some() && !self.closed {
            return Err(self.broken("another file follows, but this one ends before it was closed".into()));
        }
        self.at = (path.into(), 0);
        self.closed = false;
        let mut lines = Lines::new(reader);
        loop {
            self.at.1 += 1;
            let line = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Err(self.broken(error.to_string())),
            };
            self.line(line, event)?;
            if self.at.1.is_multiple_of(4096) {
                progress(self.bytes);
            }
        }
        self.at.1 -= 1;
        if self.at.1 == 0 { Err(self.broken("the file is empty".into())) } else { Ok(()) }
    }

    fn line(&mut self, line: &[u8], event: &mut dyn FnMut(u64, &[u8])) -> Result<(), Broken> {
        if line.last() != Some(&b'\n') {
            self.check_anchors()?;
            return Err(self.unfinished("it is cut off".into()));
        }
        if self.closed {
            return Err(self.broken("it stands behind the end of its file".into()));
        }
        let expected = self.chain.map(|_| &self.position);
        let (seq, parsed) = chain::parse(line, expected).map_err(|problem| self.broken(problem.into()))?;
        self.unsigned += 1;
        match (parsed, self.chain) {
            (Line::File(chain), None) => {
                self.chain = Some(chain);
                self.first_seq = seq;
                self.position = Position { seq, prev: Hash::default() };
            }
            (Line::File(chain), Some(known)) if self.at.1 == 1 => {
                if chain != known {
                    return Err(self.broken("it is a file of another log".into()));
                }
            }
            (Line::File(_), Some(_)) => return Err(self.broken("a file begins within another".into())),
            (Line::Event(_) | Line::Checkpoint { .. }, _) if self.at.1 == 1 => {
                return Err(self.broken("it does not begin as a file of a log: its first line is missing".into()));
            }
            (Line::Event(json), _) => {
                self.events += 1;
                event(seq, json);
            }
            (Line::Checkpoint { closed, signed, signature }, chain) => {
                self.check_signature(chain, signed, &signature)?;
                self.closed = closed;
                self.checkpoints += 1;
                self.unsigned = 0;
            }
        }
        self.position.advance(line);
        self.bytes += line.len() as u64;
        self.meet_anchors()
    }

    fn check_signature(&self, chain: Option<ChainId>, signed: &[u8], signature: &[u8]) -> Result<(), Broken> {
        let chain = chain.ok_or_else(|| self.broken("a checkpoint before the file's first line".into()))?;
        let message = signed_message(chain, signed);
        self.key
            .0
            .verify(SigningAlgorithmSpec::Ed25519Sha512, Message::Raw(&message), signature)
            .map_err(|_| self.broken("its signature is not that of this key over this log".into()))
    }

    fn meet_anchors(&mut self) -> Result<(), Broken> {
        for (anchor, met) in self.anchors.iter().zip(&mut self.met) {
            if Some(anchor.chain) == self.chain && anchor.position.seq == self.position.seq {
                if anchor.position != self.position {
                    let problem = "it is not the record that the store remembers".to_owned();
                    let (file, line) = self.at.clone();
                    return Err(Broken { file, line, seq: Some(self.position.seq - 1), problem, is_unfinished: false });
                }
                *met = true;
            }
        }
        Ok(())
    }

    /// Where the walk stands, in which chain.
    pub(super) fn end(&self) -> Option<(ChainId, Position, bool)> {
        Some((self.chain?, self.position, self.closed))
    }

    /// That every anchor of this log was met, of those that stand where the walk went.
    ///
    /// # Errors
    /// [`Broken`].
    pub(super) fn check_anchors(&self) -> Result<(), Broken> {
        for (anchor, met) in self.anchors.iter().zip(&self.met) {
            if Some(anchor.chain) == self.chain && !met && anchor.position.seq > self.first_seq {
                return Err(self.broken(format!(
                    "the log ends here, but the store remembers records up to {}",
                    anchor.position.seq - 1
                )));
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Broken`] when the end is not where it must be.
    pub(super) fn finish(self, end: End) -> Result<Report, Broken> {
        let Some(chain) = self.chain else { return Err(self.broken("there is no log to verify".into())) };
        self.check_anchors()?;
        if self.unsigned > 0 {
            return Err(self.unfinished(format!(
                "the log ends with {} lines that no checkpoint signs: its end is missing, or its server is writing",
                self.unsigned
            )));
        }
        let anchored = self.anchors.iter().zip(&self.met).any(|(anchor, met)| anchor.chain == chain && *met);
        if end == End::Whole && !self.closed && !anchored {
            return Err(self.unfinished(
                "the file was not closed: records after this checkpoint may be missing, which only an anchor can tell"
                    .into(),
            ));
        }
        Ok(Report {
            first_seq: self.first_seq,
            events: self.events,
            checkpoints: self.checkpoints,
            bytes: self.bytes,
            end: Anchor { chain, position: self.position },
            closed: self.closed,
        })
    }

    fn unfinished(&self, problem: String) -> Broken {
        Broken { is_unfinished: true, ..self.broken(problem) }
    }

    fn broken(&self, problem: String) -> Broken {
        let (file, line) = self.at.clone();
        Broken { file, line, seq: self.chain.map(|_| self.position.seq), problem, is_unfinished: false }
    }
}

/// Lines of a reader, each with its line feed; the last one may lack it.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    /// Up to here there is no line feed after `start`.
    searched: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::with_capacity(READ_BYTES), start: 0, searched: 0, ended: false }
    }

    /// # Errors
    /// When the reader fails, or a line is longer than any that is written.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.start..self.searched + at + 1;
                self.start = line.end;
                self.searched = line.end;
                return Ok(Some(&self.buffer[line]));
            }
            self.searched = self.buffer.len();
            if self.ended {
                let line = self.start..self.buffer.len();
                self.start = line.end;
                return Ok(if line.is_empty() { None } else { Some(&self.buffer[line]) });
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.len() > LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than any record"));
        }
        let read = self.reader.by_ref().take(READ_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < READ_BYTES;
        Ok(())
    }
}
