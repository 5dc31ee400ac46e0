//! Replies as XML 1.0.
//!
//! # Invariants
//! - Whatever a text holds, the document is well-formed: what XML has no way to write becomes U+FFFD.
//! - A reply that may hold a secret is written once, into a buffer of exactly its size.

use strongroom_core::ids::RequestId;
use strongroom_core::world::Timestamp;
use zeroize::Zeroizing;

use super::Api;
use crate::json::{Length, Sink};
use crate::time::iso8601;

/// A structure that replies carry. Generated; nobody else implements it.
pub trait Encode {
    /// Whether the reply has no result at all.
    #[doc(hidden)]
    const NO_RESULT: bool = false;

    /// Writes the members that are present.
    #[doc(hidden)]
    fn encode<S: Sink>(&self, element: &mut Element<'_, S>);
}

/// The body of a success: `<XResponse xmlns=…><XResult>…</XResult><ResponseMetadata><RequestId>…`.
pub fn encode<T: Encode>(api: Api, op: &str, output: &T, request_id: RequestId) -> Zeroizing<Vec<u8>> {
    let request_id = request_id.to_string();
    let mut length = Length::default();
    reply(&mut length, api, op, output, &request_id);
    let mut out = Zeroizing::new(Vec::with_capacity(length.bytes()));
    reply(&mut *out, api, op, output, &request_id);
    debug_assert_eq!(out.len(), length.bytes(), "both runs write the same");
    out
}

fn reply<S: Sink, T: Encode>(sink: &mut S, api: Api, op: &str, output: &T, request_id: &str) {
    root(sink, &[op, "Response"], api.namespace(), |response| {
        if !T::NO_RESULT {
            response.nest(&[op, "Result"], |result| output.encode(result));
        }
        response.element("ResponseMetadata", |metadata| metadata.text("RequestId", Some(request_id)));
    });
}

/// A document that holds no secret, in a buffer that grows.
pub(super) fn document(name: &str, namespace: &str, content: impl FnOnce(&mut Element<'_, Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    root(&mut out, &[name], namespace, content);
    out
}

/// A structure alone, for tests.
#[cfg(test)]
pub(crate) fn sample<T: Encode>(value: &T) -> Vec<u8> {
    document("Sample", "", |element| value.encode(element))
}

fn root<S: Sink>(sink: &mut S, name: &[&str], namespace: &str, content: impl FnOnce(&mut Element<'_, S>)) {
    sink.put(b"<");
    put_all(sink, name);
    sink.put(b" xmlns=\"");
    put_text(sink, namespace);
    sink.put(b"\">");
    content(&mut Element { sink });
    close(sink, name);
}

fn put_all<S: Sink>(sink: &mut S, parts: &[&str]) {
    for part in parts {
        sink.put(part.as_bytes());
    }
}

fn close<S: Sink>(sink: &mut S, name: &[&str]) {
    sink.put(b"</");
    put_all(sink, name);
    sink.put(b">");
}

/// Writes a text with what XML reserves escaped.
fn put_text<S: Sink>(sink: &mut S, text: &str) {
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        let escape: &[u8] = match c {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '"' => b"&quot;",
            // A reader would make a line feed of it.
            '\r' => b"&#xD;",
            '\t' | '\n' => continue,
            // XML 1.0, production 2: these cannot be written at all, not even by number.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}".as_bytes(),
            _ => continue,
        };
        sink.put(&text.as_bytes()[plain_from..at]);
        sink.put(escape);
        plain_from = at + c.len_utf8();
    }
    sink.put(&text.as_bytes()[plain_from..]);
}

/// An element under way. Every method writes one member, or nothing where it is absent.
pub struct Element<'a, S> {
    sink: &'a mut S,
}

impl<S: Sink> Element<'_, S> {
    /// A string.
    pub(crate) fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.nest(&[name], |element| put_text(element.sink, value));
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str, value: Option<i32>) {
        self.text(name, value.map(|value| value.to_string()).as_deref());
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, name: &str, value: Option<bool>) {
        self.text(name, value.map(|value| if value { "true" } else { "false" }));
    }

    /// A moment, `2015-08-30T12:36:00Z`.
    pub(crate) fn timestamp(&mut self, name: &str, value: Option<Timestamp>) {
        self.text(name, value.map(iso8601).as_deref());
    }

    /// A structure.
    pub(crate) fn structure<T: Encode>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.element(name, |element| value.encode(element));
        }
    }

    /// A list of strings.
    pub(crate) fn texts(&mut self, name: &str, items: Option<&[String]>) {
        if let Some(items) = items {
            self.element(name, |list| items.iter().for_each(|item| list.text("member", Some(item))));
        }
    }

    /// A list of structures.
    pub(crate) fn structures<T: Encode>(&mut self, name: &str, items: Option<&[T]>) {
        if let Some(items) = items {
            self.element(name, |list| items.iter().for_each(|item| list.structure("member", Some(item))));
        }
    }

    /// A map from names to numbers.
    pub(crate) fn counts<T: Copy>(
        &mut self,
        name: &str,
        counts: Option<&[(T, i32)]>,
        as_str: impl Fn(T) -> &'static str,
    ) {
        let Some(counts) = counts else { return };
        self.element(name, |map| {
            for (key, value) in counts {
                map.element("entry", |entry| {
                    entry.text("key", Some(as_str(*key)));
                    entry.integer("value", Some(*value));
                });
            }
        });
    }

    /// An element with content of its own.
    pub(super) fn element(&mut self, name: &str, content: impl FnOnce(&mut Element<'_, S>)) {
        self.nest(&[name], content);
    }

    /// The same, with a name in pieces.
    fn nest(&mut self, name: &[&str], content: impl FnOnce(&mut Element<'_, S>)) {
        self.sink.put(b"<");
        put_all(self.sink, name);
        self.sink.put(b">");
        content(&mut Element { sink: self.sink });
        close(self.sink, name);
    }
}
