//! The form of a line of the log, and the chain through all lines.
//!
//! ```text
//! {"chain":{"seq":7,"prev":"<64 hex digits>"},"file":{"format":1,"chainId":"<uuid>","createdAt":"<time>"}}
//! {"chain":{"seq":8,"prev":"<64 hex digits>"},"event":{ an event of CloudTrail, as it is }}
//! {"chain":{"seq":9,"prev":"<64 hex digits>"},"checkpoint":{"closed":false,"time":"<time>","signature":"<base64>"}}
//! ```
//!
//! `prev` is the SHA-256 of the whole line before, its line feed included; before the first line of a chain it is zero. The
//! signature is Ed25519 over [`SIGNED_PREFIX`], the chain's id, and the line's own bytes up to the signature. So every byte of a
//! file is under a signature, from its first line to its last checkpoint.
//!
//! # Invariant
//! One content has one line: numbers without leading zeros, no spaces, Base64 that leaves no choice.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_core::ids::RequestId;
use strongroom_core::world::Timestamp;
use strongroom_crypto::digest::sha256;
use strongroom_vault::AuditSigner;
use strongroom_wire::time::iso8601;

/// What a checkpoint's signature begins with, so that no other message is one.
const SIGNED_PREFIX: &[u8] = b"strongroom audit checkpoint v1\n";

const LINE_BEGIN: &[u8] = b"{\"chain\":{\"seq\":";
const PREV_BEGIN: &[u8] = b",\"prev\":\"";
const PREV_END: &[u8] = b"\"},\"";
const SIGNATURE_BEGIN: &[u8] = b",\"signature\":\"";
const SIGNATURE_END: &[u8] = b"\"}}\n";
/// Base64 of 64 bytes.
const SIGNATURE_LEN: usize = 88;
const HASH_LEN: usize = 32;

/// No log comes so far. A line that says more is of none, and all others can be counted on from.
const SEQ_MAX: u64 = u64::MAX >> 1;

/// The SHA-256 of a line.
pub(super) type Hash = [u8; HASH_LEN];

/// A chain's name, given when it begins.
pub(super) type ChainId = RequestId;

/// Where a chain stands: what its next line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The next line's number.
    pub(super) seq: u64,
    /// The hash of the line before it.
    pub(super) prev: Hash,
}

impl Position {
    /// Before the first line.
    pub(super) const BEGIN: Self = Self { seq: 0, prev: [0; HASH_LEN] };

    /// Appends an event's line to `out`.
    pub(super) fn event(&mut self, out: &mut Vec<u8>, event: &[u8]) {
        self.line(out, |out| {
            out.extend_from_slice(b"event\":");
            out.extend_from_slice(event);
            out.extend_from_slice(b"}\n");
        });
    }

    /// Appends a file's first line.
    pub(super) fn file(&mut self, out: &mut Vec<u8>, chain: ChainId, now: Timestamp) {
        self.line(out, |out| {
            let text =
                format!("file\":{{\"format\":1,\"chainId\":\"{chain}\",\"createdAt\":\"{}\"}}}}\n", iso8601(now));
            out.extend_from_slice(text.as_bytes());
        });
    }

    /// Appends a checkpoint; `closed` in a file's last line.
    ///
    /// # Errors
    /// When the signature cannot be made; then nothing was appended.
    pub(super) fn checkpoint(
        &mut self,
        out: &mut Vec<u8>,
        chain: ChainId,
        now: Timestamp,
        closed: bool,
        signer: &AuditSigner,
    ) -> Result<(), strongroom_vault::Error> {
        let mut line = Vec::with_capacity(320);
        self.begin(&mut line);
        let text = format!("checkpoint\":{{\"closed\":{closed},\"time\":\"{}\"", iso8601(now));
        line.extend_from_slice(text.as_bytes());
        let signature = signer.sign(&signed_message(chain, &line))?;
        line.extend_from_slice(SIGNATURE_BEGIN);
        line.extend_from_slice(STANDARD.encode(signature).as_bytes());
        line.extend_from_slice(SIGNATURE_END);
        self.advance(&line);
        out.extend_from_slice(&line);
        Ok(())
    }

    fn line(&mut self, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        self.begin(out);
        content(out);
        self.advance(&out[start..]);
    }

    fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(LINE_BEGIN);
        let mut digits = [0; 20];
        out.extend_from_slice(decimal(self.seq, &mut digits));
        out.extend_from_slice(PREV_BEGIN);
        out.extend_from_slice(&hex(&self.prev));
        out.extend_from_slice(PREV_END);
    }

    /// Past a line.
    pub(super) fn advance(&mut self, line: &[u8]) {
        *self = Self { seq: self.seq + 1, prev: sha256(line) };
    }
}

/// A line, taken apart. Nothing is believed yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A file's first.
    File(ChainId),
    /// The event's JSON.
    Event(&'a [u8]),
    /// What was signed, and the signature.
    Checkpoint { closed: bool, signed: &'a [u8], signature: Vec<u8> },
}

/// Takes a line apart, its line feed included, that must stand at `at`; without one it may stand anywhere.
pub(super) fn parse<'l>(line: &'l [u8], at: Option<&Position>) -> Result<(u64, Line<'l>), &'static str> {
    const FORM: &str = "it does not have the form of a record";
    let rest = line.strip_prefix(LINE_BEGIN).ok_or(FORM)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    let seq = parse_decimal(number).ok_or(FORM)?;
    let rest = rest.strip_prefix(PREV_BEGIN).ok_or(FORM)?;
    let (prev, rest) = rest.split_at_checked(2 * HASH_LEN).ok_or(FORM)?;
    let rest = rest.strip_prefix(PREV_END).ok_or(FORM)?;
    if let Some(at) = at {
        if seq != at.seq {
            return Err("its number does not follow that of the record before: records are missing, doubled or moved");
        }
        if prev != hex(&at.prev) {
            return Err("it does not follow the record before: that one was changed, or stood elsewhere");
        }
    } else if !prev.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(FORM);
    }
    if let Some(event) = rest.strip_prefix(b"event\":") {
        let event = event.strip_suffix(b"}\n").ok_or(FORM)?;
        return Ok((seq, Line::Event(event)));
    }
    if let Some(file) = rest.strip_prefix(b"file\":{\"format\":1,\"chainId\":\"") {
        let id = file.get(..36).and_then(|id| std::str::from_utf8(id).ok()).ok_or(FORM)?;
        return Ok((seq, Line::File(id.parse().map_err(|_| FORM)?)));
    }
    let checkpoint = rest.strip_prefix(b"checkpoint\":{\"closed\":").ok_or(FORM)?;
    let closed = checkpoint.starts_with(b"true,");
    let signed = line.strip_suffix(SIGNATURE_END).ok_or(FORM)?;
    let (signed, signature) = signed.split_at_checked(signed.len().saturating_sub(SIGNATURE_LEN)).ok_or(FORM)?;
    let signed = signed.strip_suffix(SIGNATURE_BEGIN).ok_or(FORM)?;
    let signature = STANDARD.decode(signature).map_err(|_| FORM)?;
    Ok((seq, Line::Checkpoint { closed, signed, signature }))
}

/// What a checkpoint signs: the chain, and its line up to the signature.
pub(super) fn signed_message(chain: ChainId, line: &[u8]) -> Vec<u8> {
    [SIGNED_PREFIX, chain.as_str().as_bytes(), b"\n", line].concat()
}

/// The id of an event, which this service wrote.
///
/// No text of a caller stands behind it in an event, and inside a text its quotes would be escaped: the last one is the id.
pub(super) fn event_id(event: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"\"eventID\":\"";
    let at = memchr::memmem::rfind(event, NAME)? + NAME.len();
    event.get(at..at + 36)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(hash: &Hash) -> [u8; 2 * HASH_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 2 * HASH_LEN];
    for (pair, byte) in out.chunks_exact_mut(2).zip(hash) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

/// The inverse of [`hex`].
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    let mut hash = [0; HASH_LEN];
    if text.len() != 2 * HASH_LEN || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// `hex` as text.
pub(super) fn hash_text(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(2 * HASH_LEN), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn decimal(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
        if rest == 0 {
            return &digits[at..];
        }
    }
}

fn parse_decimal(digits: &[u8]) -> Option<u64> {
    match digits {
        [] | [b'0', _, ..] => None,
        _ => std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number <= SEQ_MAX),
    }
}
