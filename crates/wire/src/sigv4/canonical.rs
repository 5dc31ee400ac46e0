//! The canonical form of a request, on its way into the digest.
//!
//! Written piece by piece into a [`Sink`]; the digest's sink keeps a small buffer on the stack, so that the usual request
//! is hashed in one go and nothing is allocated.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use strongroom_crypto::digest::{Sha256, sha256};

use super::RequestHead;

/// Where the canonical form goes.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The digest of a request's canonical form. `signed_headers` are names joined by semicolons.
pub(super) fn digest(head: &RequestHead<'_>, signed_headers: &str, payload_sha256: &[u8; 32]) -> [u8; 32] {
    let mut sink = Digest::new();
    write(&mut sink, head, signed_headers, payload_sha256);
    sink.finish()
}

/// Writes the canonical form.
pub(super) fn write(sink: &mut impl Sink, head: &RequestHead<'_>, signed_headers: &str, payload_sha256: &[u8; 32]) {
    sink.put(head.method.as_bytes());
    sink.put(b"\n");
    write_path(sink, head.path);
    sink.put(b"\n");
    write_query(sink, head.query.unwrap_or_default());
    sink.put(b"\n");
    write_headers(sink, head.headers, signed_headers);
    sink.put(b"\n");
    sink.put(signed_headers.as_bytes());
    sink.put(b"\n");
    sink.put(&hex(payload_sha256));
}

/// Lower-case hex.
pub(super) fn hex(digest: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

/// Empty segments and `.` vanish, `..` takes the segment before it along; what is left is encoded once more.
fn write_path(sink: &mut impl Sink, path: &str) {
    if path == "/" {
        return sink.put(b"/");
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        sink.put(b"/");
        write_encoded(sink, segment.as_bytes());
    }
    let ends_in_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if segments.is_empty() || ends_in_folder {
        sink.put(b"/");
    }
}

/// Names and values in one encoding, in order of name, then value.
fn write_query(sink: &mut impl Sink, query: &str) {
    if query.is_empty() {
        return;
    }
    let normal = |text: &str| {
        let mut out = Vec::with_capacity(text.len());
        write_encoded(&mut out, &decode(text));
        out
    };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (normal(name), normal(value)))
        .collect();
    pairs.sort();
    let mut ampersand: &[u8] = b"";
    for (name, value) in &pairs {
        sink.put(ampersand);
        sink.put(name);
        sink.put(b"=");
        sink.put(value);
        ampersand = b"&";
    }
}

/// The lines of the signed headers.
///
/// Looking a name up in the map costs more than passing over the few headers of a usual request, so these are read
/// once; a request with many is looked up, so that its cost stays linear.
fn write_headers(sink: &mut impl Sink, headers: &HeaderMap, signed_headers: &str) {
    const FEW: usize = 32;
    let mut few: [(&[u8], &[u8]); FEW] = [(b"", b""); FEW];
    let read = headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let known = (headers.len() <= FEW).then(|| {
        few.iter_mut().zip(read).for_each(|(place, header)| *place = header);
        &few[..headers.len()]
    });
    for name in signed_headers.as_bytes().split(|byte| *byte == b';') {
        sink.put(name);
        sink.put(b":");
        match known {
            Some(known) => {
                write_values(sink, known.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value))
            }
            None => {
                let values = HeaderName::from_bytes(name).map(|name| headers.get_all(name));
                write_values(sink, values.iter().flatten().map(HeaderValue::as_bytes))
            }
        }
        sink.put(b"\n");
    }
}

/// Every value of one header, trimmed, runs of spaces folded, joined by commas. Nothing where there is none.
fn write_values<'a>(sink: &mut impl Sink, values: impl Iterator<Item = &'a [u8]>) {
    let mut comma: &[u8] = b"";
    for value in values {
        sink.put(comma);
        write_folded(sink, value);
        comma = b",";
    }
}

fn write_folded(sink: &mut impl Sink, value: &[u8]) {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    // Without an early end, so that the compiler looks at many bytes at a time.
    if !value.iter().fold(false, |found, byte| found | space(byte)) {
        return sink.put(value);
    }
    let mut gap: &[u8] = b"";
    for word in value.split(space).filter(|word| !word.is_empty()) {
        sink.put(gap);
        sink.put(word);
        gap = b" ";
    }
}

/// Percent-encodes everything but what RFC 3986 2.3 calls unreserved.
fn write_encoded(sink: &mut impl Sink, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            sink.put(&[*byte]);
        } else {
            sink.put(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// Undoes the encoding of a query; a percent sign that begins no encoding stands for itself.
fn decode(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = digit(at + 1).zip(digit(at + 2)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match (byte, escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

/// Collects on the stack, and spills into an incremental digest what does not fit.
struct Digest {
    buffer: [u8; Self::BUFFER_LEN],
    len: usize,
    spilled: Option<Sha256>,
}

impl Digest {
    /// The canonical form of the SDKs' requests has 300 to 700 bytes; with a session token, twice that.
    const BUFFER_LEN: usize = 1024;

    fn new() -> Self {
        Self { buffer: [0; Self::BUFFER_LEN], len: 0, spilled: None }
    }

    fn finish(self) -> [u8; 32] {
        let rest = &self.buffer[..self.len];
        match self.spilled {
            None => sha256(rest),
            Some(mut hash) => {
                hash.update(rest);
                hash.finish()
            }
        }
    }
}

impl Sink for Digest {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(free) = self.buffer.get_mut(self.len..self.len + bytes.len()) {
            free.copy_from_slice(bytes);
            self.len += bytes.len();
            return;
        }
        let hash = self.spilled.get_or_insert_default();
        hash.update(&self.buffer[..self.len]);
        self.len = 0;
        if let Some(free) = self.buffer.get_mut(..bytes.len()) {
            free.copy_from_slice(bytes);
            self.len = bytes.len();
        } else {
            hash.update(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("canonical forms of these are ASCII")
    }

    #[test]
    fn paths() {
        for (path, expect) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../..", "/"),
            ("/./a", "/a"),
            ("//a//", "/a/"),
            ("/a b/", "/a%20b/"),
            ("/%E1%88%B4", "/%25E1%2588%25B4"),
            ("/ሴ", "/%E1%88%B4"),
            ("/a.b/...", "/a.b/..."),
        ] {
            assert_eq!(text(|out| write_path(out, path)), expect, "{path}");
        }
    }

    #[test]
    fn queries() {
        for (query, expect) in [
            ("", ""),
            ("a", "a="),
            ("a=b&", "a=b"),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("A=1&a=2&B=3", "A=1&B=3&a=2"),
            ("a=b=c", "a=b%3Dc"),
            ("a=b+c", "a=b%20c"),
            ("a=%2f%2F", "a=%2F%2F"),
            ("a=%7Eb", "a=~b"),
            ("a=%zz%4", "a=%25zz%254"),
            ("ሴ=bar", "%E1%88%B4=bar"),
        ] {
            assert_eq!(text(|out| write_query(out, query)), expect, "{query}");
        }
    }

    #[test]
    fn values() {
        for (value, expect) in [
            ("", ""),
            ("a", "a"),
            ("  a  ", "a"),
            ("a b", "a b"),
            ("a   b\t c", "a b c"),
            ("\"a   b\"", "\"a b\""),
            ("   ", ""),
            ("a\tb", "a b"),
        ] {
            assert_eq!(text(|out| write_folded(out, value.as_bytes())), expect, "{value:?}");
        }
    }

    #[test]
    fn pieces_of_any_size_make_the_digest_of_the_whole() {
        for sizes in [
            vec![],
            vec![1],
            vec![Digest::BUFFER_LEN],
            vec![Digest::BUFFER_LEN, 1],
            vec![Digest::BUFFER_LEN - 1, 2, 3],
            vec![5, Digest::BUFFER_LEN * 3, 7],
            vec![700; 9],
        ] {
            let mut sink = Digest::new();
            let mut whole = Vec::new();
            for size in sizes {
                let piece = vec![u8::try_from(size % 251).expect("below 251"); size];
                sink.put(&piece);
                whole.extend_from_slice(&piece);
            }
            assert_eq!(sink.finish(), sha256(&whole));
        }
    }

    #[test]
    fn hex_is_lower_case() {
        let mut digest = [0; 32];
        digest[0] = 0xaf;
        assert!(hex(&digest).starts_with(b"af00"));
    }
}
