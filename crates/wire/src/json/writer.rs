//! JSON written into a byte buffer of its exact size.
//!
//! The generated code runs twice over the same output: first into a [`Length`], then into the buffer.

use std::collections::BTreeMap;
use std::io::Write;

use strongroom_core::world::Timestamp;
use strongroom_crypto::digest::sha256;
use zeroize::Zeroizing;

use super::scan::plain_len;
use super::{Encode, Shown};

/// Where JSON goes.
pub trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Appends the Base64 of `bytes`.
    fn put_base64(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_base64(&mut self, bytes: &[u8]) {
        base64_simd::STANDARD.encode_append(bytes, self);
    }
}

/// Counts what a buffer would take.
#[derive(Default)]
pub(crate) struct Length(usize);

impl Length {
    /// The bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.0
    }
}

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn put_base64(&mut self, bytes: &[u8]) {
        self.0 += base64_simd::STANDARD.encoded_length(bytes.len());
    }
}

/// Writes `value`: once to measure, once into the buffer.
pub(super) fn write<T: Encode>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut length = Length::default();
    object(&mut length, |members| value.encode(members));
    let mut out = Zeroizing::new(Vec::with_capacity(length.0));
    object(&mut *out, |members| value.encode(members));
    debug_assert_eq!(out.len(), length.0, "both runs write the same");
    out
}

/// A text as JSON, quotes included.
fn text<S: Sink>(sink: &mut S, text: &str) {
    sink.put(b"\"");
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        sink.put(plain);
        let Some((byte, after)) = special.split_first() else { break };
        escape(sink, *byte);
        rest = after;
    }
    sink.put(b"\"");
}

fn escape<S: Sink>(sink: &mut S, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => sink.put(b"\\\""),
        b'\\' => sink.put(b"\\\\"),
        b'\n' => sink.put(b"\\n"),
        b'\r' => sink.put(b"\\r"),
        b'\t' => sink.put(b"\\t"),
        control => {
            sink.put(b"\\u00");
            sink.put(&[HEX[usize::from(control >> 4)], HEX[usize::from(control & 0xf)]]);
        }
    }
}

fn object<S: Sink>(sink: &mut S, members: impl FnOnce(&mut Object<'_, S>)) {
    sink.put(b"{");
    members(&mut Object { sink, first: true });
    sink.put(b"}");
}

fn array<S: Sink, T>(sink: &mut S, items: &[T], mut write: impl FnMut(&mut S, &T)) {
    sink.put(b"[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            sink.put(b",");
        }
        write(sink, item);
    }
    sink.put(b"]");
}

/// A JSON object under way. Every method writes one member, or nothing where it is absent.
pub struct Object<'a, S> {
    sink: &'a mut S,
    first: bool,
}

impl Object<'_, Vec<u8>> {
    /// An object that holds no secret, in a buffer that grows.
    pub fn build(members: impl FnOnce(&mut Object<'_, Vec<u8>>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        object(&mut out, members);
        out
    }

    /// Members alone, without the braces of their object, after those that `out` may have.
    pub fn members(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_, Vec<u8>>)) {
        let first = matches!(out.last(), None | Some(b'{'));
        members(&mut Object { sink: out, first });
    }

    /// JSON that was written before.
    pub fn raw(&mut self, name: &'static str, value: Option<&[u8]>) {
        self.member(name, value, |sink, value| sink.put(value));
    }

    /// `null`, where a member has to be there.
    pub fn null(&mut self, name: &'static str) {
        self.raw(name, Some(b"null"));
    }

    /// A moment as audit records write it.
    pub fn date(&mut self, name: &'static str, value: Option<Timestamp>) {
        self.member(name, value, |sink, value| text(sink, &crate::time::spoken(value)));
    }

    /// Enough of a text to recognise it again.
    pub(crate) fn digest(&mut self, name: &'static str, value: Option<&str>) {
        self.member(name, value, |sink, value| text(sink, &digest(value)));
    }

    /// Enough of each text to recognise it again.
    pub(crate) fn digests(&mut self, name: &'static str, value: Option<&[String]>) {
        self.member(name, value, |sink, value| array(sink, value, |sink, item| text(sink, &digest(item))));
    }

    /// A structure, as far as the audit record shows it.
    pub(crate) fn shown<T: Shown>(&mut self, name: &'static str, value: Option<&T>) {
        self.member(name, value, |sink, value| object(sink, |members| value.show(members)));
    }

    /// A list of structures, as far as the audit record shows them.
    pub(crate) fn shown_all<T: Shown>(&mut self, name: &'static str, value: Option<&Vec<T>>) {
        self.member(name, value, |sink, value| {
            array(sink, value, |sink, item| object(sink, |members| item.show(members)));
        });
    }
}

/// `sha256:` and the digest in hexadecimal digits.
fn digest(value: &str) -> String {
    use std::fmt::Write;
    sha256(value.as_bytes()).iter().fold("sha256:".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl<S: Sink> Object<'_, S> {
    /// A string.
    pub fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.member(name, value, |sink, value| text(sink, value));
    }

    /// A blob, as Base64.
    pub(crate) fn blob(&mut self, name: &'static str, value: Option<&[u8]>) {
        self.member(name, value, |sink, value| {
            sink.put(b"\"");
            sink.put_base64(value);
            sink.put(b"\"");
        });
    }

    /// An integer.
    pub(crate) fn integer(&mut self, name: &'static str, value: Option<i32>) {
        self.member(name, value, |sink, value| put_number(sink, format_args!("{value}")));
    }

    /// A boolean.
    pub fn boolean(&mut self, name: &'static str, value: Option<bool>) {
        self.member(name, value, |sink, value| sink.put(if value { b"true" } else { b"false" }));
    }

    /// A timestamp: seconds since the epoch, always with a fraction, for some clients read no others.
    pub(crate) fn timestamp(&mut self, name: &'static str, value: Option<Timestamp>) {
        self.member(name, value, |sink, value| {
            let millis = value.as_millis();
            let sign = if millis < 0 { "-" } else { "" };
            let (secs, fraction) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
            match fraction {
                0 => put_number(sink, format_args!("{sign}{secs}.0")),
                _ => put_number(sink, format_args!("{sign}{secs}.{fraction:03}")),
            }
        });
    }

    /// A list of strings or of enum values.
    pub fn texts<T>(&mut self, name: &'static str, value: Option<&Vec<T>>, as_str: impl Fn(&T) -> &str) {
        self.member(name, value, |sink, value| array(sink, value, |sink, item| text(sink, as_str(item))));
    }

    /// A map from text to text.
    pub(crate) fn text_map(&mut self, name: &'static str, value: Option<&BTreeMap<String, String>>) {
        self.member(name, value, |sink, value| {
            object(sink, |entries| value.iter().for_each(|(key, value)| entries.entry(key, value)));
        });
    }

    /// A structure.
    pub(crate) fn structure<T: Encode>(&mut self, name: &'static str, value: Option<&T>) {
        self.member(name, value, |sink, value| object(sink, |members| value.encode(members)));
    }

    /// A list of structures.
    pub(crate) fn structures<T: Encode>(&mut self, name: &'static str, value: Option<&Vec<T>>) {
        self.member(name, value, |sink, value| {
            array(sink, value, |sink, item| object(sink, |members| item.encode(members)));
        });
    }

    /// A member whose name is of the model: letters and digits.
    fn member<T>(&mut self, name: &'static str, value: Option<T>, write: impl FnOnce(&mut S, T)) {
        let Some(value) = value else { return };
        self.comma();
        self.sink.put(b"\"");
        self.sink.put(name.as_bytes());
        self.sink.put(b"\":");
        write(self.sink, value);
    }

    /// A member whose name is anything.
    fn entry(&mut self, name: &str, value: &str) {
        self.comma();
        text(self.sink, name);
        self.sink.put(b":");
        text(self.sink, value);
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.sink.put(b",");
        }
    }
}

fn put_number<S: Sink>(sink: &mut S, number: std::fmt::Arguments<'_>) {
    let mut digits = [0; 32];
    let mut rest = &mut digits[..];
    write!(rest, "{number}").expect("32 digits hold every number written here");
    let left = rest.len();
    let used = digits.len() - left;
    sink.put(&digits[..used]);
}
