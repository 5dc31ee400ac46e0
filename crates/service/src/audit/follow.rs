//! Following a log: its events, from a position on, as they are written. What sends them elsewhere stands on this.
//!
//! The log is the queue: a follower that is slow, or was away, finds everything there, and holds up nobody.
//!
//! # Invariants
//! - Every event that the log's directory has is given at least once, in order. The position moves when [`Follower::passed`] is called.
//! - Lines that are not there any more, because somebody moved their files away, are counted and not passed over in silence.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::chain::{self, ChainId, Line};
use super::log::{LogError, files};
use super::verify::{Lines, open};

/// Bytes of events that are given at once.
const GIVEN_BYTES: usize = 1 << 20;

/// A reader of a log that remembers, over restarts, how far it came.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    /// The file with the position: the log's chain and the number of the next line.
    note: PathBuf,
    chain: ChainId,
    at: Place,
    /// Where it will be once what was given is passed.
    given: Option<Place>,
}

/// How far a follower is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    /// The number of the next line.
    next: u64,
    /// The file where that will stand, by its first number, and the byte of it where the line begins.
    byte: Option<(u64, u64)>,
    /// Lines that were not there when it was their turn.
    missed: u64,
}

/// What a follower finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Events, each as one JSON text.
    pub events: Vec<Vec<u8>>,
    /// Lines of the log that are behind these events, of every kind.
    pub lines: u64,
    /// Lines that should have come and are not there.
    pub missed: u64,
}

impl Follower {
    /// The follower `name` of the log in `dir`: from where it was in this log, or from the oldest file that is there. Called when a
    /// server has begun its file, before it closes that.
    ///
    /// # Errors
    /// When its position or the log cannot be read.
    pub fn open(dir: &Path, name: &str) -> io::Result<Self> {
        let note = dir.join(format!("{name}.position"));
        let known = match fs::read_to_string(&note) {
            Ok(text) => Some(parse(&text).ok_or_else(|| invalid(&note, "it is not the position of a follower"))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let files = listed(dir)?;
        let ([(oldest, _), ..], [.., (newest, newest_path)]) = (&files[..], &files[..]) else {
            return Err(invalid(dir, "there is no log to follow"));
        };
        let mut lines = Lines::new(open(newest_path)?);
        let Ok((_, Line::File(chain))) = chain::parse(lines.next()?.unwrap_or_default(), None) else {
            return Err(invalid(newest_path, "it does not begin as a file of a log"));
        };
        let next = match known {
            // Every start of a server begins a file. A position behind that begin is of lines that a failure of power took
            // away, and others stand under their numbers.
            Some((known, next)) if known == chain => next.min(*newest),
            // A position in a log that was moved away says nothing of this one.
            Some(_) | None => *oldest,
        };
        Ok(Self { dir: dir.into(), note, chain, at: Place { next, ..Place::default() }, given: None })
    }

    /// The number of the next line that it will see.
    pub const fn position(&self) -> u64 {
        self.at.next
    }

    /// The next events before the line `end`, some at most; none when there are none yet.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next(&mut self, end: u64) -> io::Result<Given> {
        let mut given = Given::default();
        let mut at = self.at;
        let mut bytes = 0;
        while at.next < end && bytes < GIVEN_BYTES {
            let Some((first, path)) = self.file_with(at.next)? else { break };
            let begin = at.byte.filter(|(file, _)| *file == first).map_or(0, |(_, byte)| byte);
            let reader = match open_at(&path, begin) {
                // Compressed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                reader => reader?,
            };
            let mut lines = Lines::new(reader);
            let (mut byte, before) = (begin, at.next);
            while at.next < end && bytes < GIVEN_BYTES {
                let Some(line) = lines.next()?.filter(|line| line.last() == Some(&b'\n')) else { break };
                let (seq, parsed) = chain::parse(line, None).map_err(|problem| invalid(&path, problem))?;
                byte += line.len() as u64;
                if seq < at.next {
                    continue;
                }
                if let Line::Event(json) = parsed {
                    bytes += json.len();
                    given.events.push(json.to_vec());
                }
                at.missed += seq - at.next;
                at.next = seq + 1;
            }
            at.byte = Some((first, byte));
            if at.next == before {
                break;
            }
        }
        given.missed = at.missed - self.at.missed;
        given.lines = at.next - self.at.next;
        self.given = Some(at);
        Ok(given)
    }

    /// What was given last has arrived.
    ///
    /// # Errors
    /// When the position cannot be kept; then the same may be given again after a restart.
    pub fn passed(&mut self) -> io::Result<()> {
        let Some(given) = self.given.take() else { return Ok(()) };
        let has_moved = given.next != self.at.next;
        self.at = given;
        if !has_moved {
            return Ok(());
        }
        let draft = self.note.with_extension("draft");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        writeln!(file, "{} {}", self.chain, given.next)?;
        file.sync_data()?;
        fs::rename(draft, &self.note)
    }

    /// The file that holds a line, or the first that there is where older ones were moved away.
    fn file_with(&self, seq: u64) -> io::Result<Option<(u64, PathBuf)>> {
        let files = listed(&self.dir)?;
        let at = files.iter().rposition(|(first, _)| *first <= seq).unwrap_or(0);
        Ok(files.into_iter().nth(at))
    }
}

fn parse(text: &str) -> Option<(ChainId, u64)> {
    let (chain, next) = text.trim().split_once(' ')?;
    Some((chain.parse().ok()?, next.parse().ok()?))
}

fn listed(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let files = files(dir).map_err(|error| match error {
        LogError::Io { error, .. } => error,
        LogError::Broken(_) | LogError::Signer => io::Error::other(error.to_string()),
    })?;
    Ok(files.into_iter().map(|(path, first)| (first, path)).collect())
}

/// A file from a byte of its text on.
fn open_at(path: &Path, byte: u64) -> io::Result<Box<dyn Read + Send>> {
    if path.extension().is_some_and(|extension| extension == "zst") {
        let mut reader = open(path)?;
        io::copy(&mut reader.by_ref().take(byte), &mut io::sink())?;
        return Ok(reader);
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(byte))?;
    Ok(Box::new(file))
}

fn invalid(path: &Path, problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()))
}
