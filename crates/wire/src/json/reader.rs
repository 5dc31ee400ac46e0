//! A pull reader over one JSON text (RFC 8259), as the service's front end reads it.
//!
//! # Invariants
//! - The whole text is UTF-8 before the first token is read; every token is a token of the grammar.
//! - Nothing that was read is copied but into a buffer that wipes itself, until its member is known to be public.
//! - Nesting is bounded, so reading needs bounded stack.
//!
//! # Not here
//! Which members there are and what they must satisfy: the generated code and `kms::violations`.

use std::borrow::Cow;

use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;
use zeroize::Zeroizing;

use super::scan::plain_len;
use super::{Checked, Decode, Malformed};
use crate::time;

/// Deeper texts are refused. The deepest request has four levels; the rest is for members that we do not know.
const DEPTH_LIMIT: usize = 64;

/// Moments beyond the year 9999 count as its end: nobody can print them, and nothing lives that long.
const LAST_MILLIS: f64 = 253_402_300_799_999.0;

/// Reads one text from its beginning to its end.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, Malformed>;

impl<'a> Reader<'a> {
    /// Starts at the beginning of `body`.
    pub(super) fn new(body: &'a [u8]) -> Result<Self> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::SILENT)?;
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// Fails unless nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.peek() == 0 && self.at == self.text.len() { Ok(()) } else { Err(Malformed::SILENT) }
    }

    /// Enters an object; its members follow from [`Self::member`].
    pub(super) fn open(&mut self) -> Result<()> {
        debug_assert_eq!(self.peek(), b'{', "the caller looked");
        self.at += 1;
        self.deeper()
    }

    /// The name of the next member of the object that was entered last; `None` leaves the object.
    pub(crate) fn member(&mut self, first: &mut bool) -> Result<Option<Text<'a>>> {
        if !self.next_item(b'}', first)? {
            return Ok(None);
        }
        if self.peek() != b'"' {
            return Err(Malformed::SILENT);
        }
        let name = self.string()?;
        if self.peek() != b':' {
            return Err(Malformed::SILENT);
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// A string member.
    pub(crate) fn text(&mut self) -> Result<Option<Text<'a>>> {
        match self.peek() {
            b'"' => self.string().map(Some),
            b'n' => self.null(),
            other => Err(self.wrong_type(other, "a String")),
        }
    }

    /// A blob member that is public.
    pub(crate) fn blob(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(text) = self.base64_text()? else { return Ok(None) };
        base64_simd::STANDARD.decode_to_vec(text.as_str()).map(Some).map_err(|_| Malformed::SILENT)
    }

    /// A blob member that is secret: decoded into a buffer that wipes itself, and nowhere else.
    pub(crate) fn secret_blob(&mut self) -> Result<Option<SecretBytes>> {
        let Some(text) = self.base64_text()? else { return Ok(None) };
        let source = text.as_str().as_bytes();
        let len = base64_simd::STANDARD.decoded_length(source).map_err(|_| Malformed::SILENT)?;
        let fill = |out: &mut [u8]| match base64_simd::STANDARD.decode(source, base64_simd::Out::from_slice(out)) {
            Ok(_) => Ok(()),
            Err(_) => Err(Malformed::SILENT),
        };
        SecretBytes::init(len, fill).map(Some)
    }

    /// A boolean member.
    pub(crate) fn boolean(&mut self) -> Result<Option<bool>> {
        match self.peek() {
            b't' => self.literal("true").map(|()| Some(true)),
            b'f' => self.literal("false").map(|()| Some(false)),
            b'n' => self.null(),
            other => Err(self.wrong_type(other, "a Boolean")),
        }
    }

    /// An integer member. A fraction falls away; what does not fit stops at the ends of the range.
    pub(crate) fn integer(&mut self) -> Result<Option<i64>> {
        match self.peek() {
            b'-' | b'0'..=b'9' => self.number().map(|number| Some(whole(number))),
            b'n' => self.null(),
            other => Err(self.wrong_type(other, "an Integer")),
        }
    }

    /// A timestamp member: seconds since the epoch, with or without a fraction or an exponent, or ISO 8601.
    pub(crate) fn timestamp(&mut self) -> Result<Option<Timestamp>> {
        const TARGET: &str = "milliseconds since epoch";
        match self.peek() {
            b'-' | b'0'..=b'9' => self.number().map(|number| Some(moment(number))),
            b'"' => match time::parse_iso8601(self.string()?.as_str()) {
                Some(timestamp) => Ok(Some(timestamp)),
                None => Err(Malformed::conversion("STRING_VALUE", TARGET)),
            },
            b'n' => self.null(),
            other => Err(self.wrong_type(other, TARGET)),
        }
    }

    /// A list of strings; an element is `None` where it is null.
    pub(crate) fn texts(&mut self) -> Result<Option<Vec<Option<Text<'a>>>>> {
        self.list(Self::text)
    }

    /// A list of structures; an element is `None` where it is null.
    pub(crate) fn structures<T: Decode>(&mut self) -> Result<Option<Vec<Option<Checked<T>>>>> {
        self.list(Self::structure)
    }

    /// A structure member.
    pub(crate) fn structure<T: Decode>(&mut self) -> Result<Option<Checked<T>>> {
        if !self.enters_object()? {
            return Ok(None);
        }
        self.open()?;
        T::decode(self).map(Some)
    }

    /// A map from text to text, in the order of the text; a value is `None` where it is null.
    pub(crate) fn text_map(&mut self) -> Result<Option<Vec<TextEntry<'a>>>> {
        if !self.enters_object()? {
            return Ok(None);
        }
        self.open()?;
        let (mut entries, mut first) = (Vec::new(), true);
        while let Some(name) = self.member(&mut first)? {
            entries.push((name, self.text()?));
        }
        Ok(Some(entries))
    }

    /// Passes over a value whose member nobody knows.
    pub(crate) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'[' => self.list(Self::skip_item).map(drop),
            b'{' => {
                self.open()?;
                let mut first = true;
                while self.member(&mut first)?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            _ => Err(Malformed::SILENT),
        }
    }

    fn skip_item(&mut self) -> Result<()> {
        self.skip()
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Option<Vec<T>>> {
        match self.peek() {
            b'[' => self.at += 1,
            b'n' => return self.null(),
            b'{' => return Err(Malformed::text("Start of structure or map found where not expected.")),
            other => return Err(self.scalar(other, "Expected list or null")),
        }
        self.deeper()?;
        let (mut items, mut first) = (Vec::new(), true);
        while self.next_item(b']', &mut first)? {
            items.push(item(self)?);
        }
        Ok(Some(items))
    }

    /// Whether an object begins here; null has been read if not.
    fn enters_object(&mut self) -> Result<bool> {
        match self.peek() {
            b'{' => Ok(true),
            b'n' => self.null::<()>().map(|_| false),
            b'[' => Err(Malformed::text("Start of list found where not expected")),
            other => Err(self.scalar(other, "Expected null")),
        }
    }

    /// Whether another item of a list or object follows; passes the comma, or the closing bracket.
    fn next_item(&mut self, close: u8, first: &mut bool) -> Result<bool> {
        let next = self.peek();
        if next == close {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if std::mem::take(first) {
            return Ok(true);
        }
        if next != b',' {
            return Err(Malformed::SILENT);
        }
        self.at += 1;
        Ok(true)
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT { Err(Malformed::SILENT) } else { Ok(()) }
    }

    /// The error for a token that cannot become `target`, if it is a token at all.
    fn wrong_type(&mut self, next: u8, target: &str) -> Malformed {
        match next {
            b'[' => Malformed::text("Start of list found where not expected"),
            b'{' => Malformed::text("Start of structure or map found where not expected."),
            other => match self.token_name(other) {
                Some(token) => Malformed::conversion(token, target),
                None => Malformed::SILENT,
            },
        }
    }

    /// `text`, if a scalar begins here at all.
    fn scalar(&mut self, next: u8, text: &'static str) -> Malformed {
        if self.token_name(next).is_some() { Malformed::text(text) } else { Malformed::SILENT }
    }

    fn token_name(&mut self, next: u8) -> Option<&'static str> {
        match next {
            b'"' => self.string().ok().map(|_| "STRING_VALUE"),
            b'-' | b'0'..=b'9' => self.number().ok().map(|_| "NUMBER_VALUE"),
            b't' => self.literal("true").ok().map(|()| "TRUE_VALUE"),
            b'f' => self.literal("false").ok().map(|()| "FALSE_VALUE"),
            _ => None,
        }
    }

    fn base64_text(&mut self) -> Result<Option<Text<'a>>> {
        match self.peek() {
            b'"' => self.string().map(Some),
            b'n' => self.null(),
            other => Err(self.wrong_type(other, "a Blob")),
        }
    }

    fn null<T>(&mut self) -> Result<Option<T>> {
        self.literal("null").map(|()| None)
    }

    fn literal(&mut self, literal: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(literal) {
            return Err(Malformed::SILENT);
        }
        self.at += literal.len();
        Ok(())
    }

    /// The next byte that is not white space; 0 at the end, which begins no token.
    pub(super) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// A number of the grammar, as it is written.
    fn number(&mut self) -> Result<&'a str> {
        let bytes = &self.text.as_bytes()[self.at..];
        let mut len = usize::from(bytes.first() == Some(&b'-'));
        match digits(&bytes[len..]) {
            0 => return Err(Malformed::SILENT),
            count if count > 1 && bytes[len] == b'0' => return Err(Malformed::SILENT),
            count => len += count,
        }
        if bytes.get(len) == Some(&b'.') {
            len += 1 + some_digits(&bytes[len + 1..])?;
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            len += 1;
            len += usize::from(matches!(bytes.get(len), Some(b'+' | b'-')));
            len += some_digits(&bytes[len..])?;
        }
        let number = &self.text[self.at..self.at + len];
        self.at += len;
        Ok(number)
    }

    /// A string, without a copy where nothing is escaped.
    fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let rest = &self.text.as_bytes()[start..];
        let plain = plain_len(rest);
        match rest.get(plain) {
            Some(b'"') => {
                self.at = start + plain + 1;
                Ok(Text::Borrowed(&self.text[start..start + plain]))
            }
            Some(b'\\') => self.escaped_string(start, start + plain),
            _ => Err(Malformed::SILENT),
        }
    }

    /// A string from `start` on whose first escape is at `escape`.
    fn escaped_string(&mut self, start: usize, escape: usize) -> Result<Text<'a>> {
        let bytes = self.text.as_bytes();
        // The end first: what is unescaped is never longer, so that the buffer does not move and leave a copy.
        let mut end = escape;
        loop {
            match bytes.get(end) {
                Some(b'\\') => end += 2,
                Some(b'"') => break,
                Some(_) => end += 1 + plain_len(&bytes[end + 1..]),
                None => return Err(Malformed::SILENT),
            }
        }
        let mut out = Zeroizing::new(String::with_capacity(end - start));
        out.push_str(&self.text[start..escape]);
        let mut at = escape;
        while at < end {
            if bytes[at] == b'\\' {
                at = unescape(&self.text[..end], at + 1, &mut out)?;
                continue;
            }
            let plain = plain_len(&bytes[at..end]);
            if plain == 0 {
                return Err(Malformed::SILENT);
            }
            out.push_str(&self.text[at..at + plain]);
            at += plain;
        }
        self.at = end + 1;
        Ok(Text::Unescaped(out))
    }
}

/// One escape, whose letter is at `at`; answers where the text goes on.
fn unescape(text: &str, at: usize, out: &mut String) -> Result<usize> {
    let plain = match text.as_bytes().get(at) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unit(text, at + 1, out),
        _ => return Err(Malformed::SILENT),
    };
    out.push(plain);
    Ok(at + 1)
}

/// The four digits at `at`, and the second half of a pair where they are the first.
fn unescape_unit(text: &str, at: usize, out: &mut String) -> Result<usize> {
    let unit = hex4(text, at)?;
    let (code, next) = match unit {
        0xd800..=0xdbff => {
            let low = match text.as_bytes().get(at + 4..at + 6) {
                Some(b"\\u") => hex4(text, at + 6)?,
                _ => return Err(Malformed::SILENT),
            };
            if !(0xdc00..=0xdfff).contains(&low) {
                return Err(Malformed::SILENT);
            }
            (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), at + 10)
        }
        unit => (unit, at + 4),
    };
    // A low half alone is no character.
    out.push(char::from_u32(code).ok_or(Malformed::SILENT)?);
    Ok(next)
}

fn hex4(text: &str, at: usize) -> Result<u32> {
    let digits = text.as_bytes().get(at..at + 4).ok_or(Malformed::SILENT)?;
    digits.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16).ok_or(Malformed::SILENT)?;
        Ok(unit << 4 | value)
    })
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn some_digits(bytes: &[u8]) -> Result<usize> {
    match digits(bytes) {
        0 => Err(Malformed::SILENT),
        count => Ok(count),
    }
}

fn whole(number: &str) -> i64 {
    // A float rounds to the nearest and `as` stops at the ends of the range: both are what the range check needs.
    number.parse().unwrap_or_else(|_| float(number) as i64)
}

fn moment(number: &str) -> Timestamp {
    Timestamp::from_millis((float(number) * 1000.0).round().clamp(-LAST_MILLIS, LAST_MILLIS) as i64)
}

fn float(number: &str) -> f64 {
    number.parse().expect("every number of the grammar is a float, if an infinite one")
}

/// An entry of a map, its value `None` where it is null.
pub(crate) type TextEntry<'a> = (Text<'a>, Option<Text<'a>>);

/// A string of the text. It may be secret, so that a copy of it wipes itself.
pub(crate) enum Text<'a> {
    /// As it stands in the text.
    Borrowed(&'a str),
    /// With its escapes resolved.
    Unescaped(Zeroizing<String>),
}

impl Text<'_> {
    /// The characters.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Unescaped(text) => text,
        }
    }

    /// The characters of a public member.
    pub(crate) fn into_public(self) -> String {
        match self {
            Text::Borrowed(text) => text.to_owned(),
            Text::Unescaped(mut text) => std::mem::take(&mut *text),
        }
    }

    /// The bytes of a secret member.
    pub(crate) fn into_secret(self) -> SecretBytes {
        match self {
            Text::Borrowed(text) => SecretBytes::copy_from(text.as_bytes()),
            Text::Unescaped(mut text) => SecretBytes::from_vec(std::mem::take(&mut *text).into_bytes()),
        }
    }
}

impl Malformed {
    const SILENT: Self = Self(None);

    const fn text(text: &'static str) -> Self {
        Self(Some(Cow::Borrowed(text)))
    }

    fn conversion(token: &str, target: &str) -> Self {
        Self(Some(Cow::Owned(format!("{token} can not be converted to {target}"))))
    }
}
