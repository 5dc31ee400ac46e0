//! The constraints that a request breaks, all of them, in AWS's grammar.
//!
//! # Invariants
//! - A sensitive value is never in a message, not even that it was null.
//! - A message is bounded, however large the request was.

use std::collections::BTreeMap;
use std::str::FromStr;

use strongroom_core::secret::SecretBytes;

use super::constraint::{BlobShape, ChoiceShape, IntegerShape, ListShape, TextShape};
use super::{Admitted, EncryptionContext, SecretText};
use crate::json::{Checked, Text, TextEntry};

/// A value longer than this is cut where a message prints it. AWS prints all of it, and so does this for every value that a
/// request within the usual body limit can bring.
const ECHO_LIMIT_BYTES: usize = 1 << 20;

/// A message longer than this is cut.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// Violations beyond these are counted, not described.
const DESCRIBED_LIMIT: usize = 100;

/// Whether a member may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// What the members of one structure break.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Violations {
    count: usize,
    described: Vec<Violation>,
}

#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    value: Value,
    constraint: String,
}

/// How a message prints a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Null,
    Hidden,
    Shown(String),
}

/// How many items a list may have.
#[derive(Clone, Copy)]
pub(crate) struct Items {
    min: usize,
    max: usize,
}

impl Items {
    pub(crate) fn of(shape: &ListShape) -> Self {
        Self { min: shape.min_items, max: shape.max_items }
    }
}

impl Violations {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The whole message.
    pub(crate) fn into_message(self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        let mut message = format!("{} validation error{plural} detected: ", self.count);
        for (at, violation) in self.described.iter().enumerate() {
            if at > 0 {
                message.push_str("; ");
            }
            violation.print(&mut message);
            if message.len() > MESSAGE_LIMIT_BYTES {
                break;
            }
        }
        cut(&mut message, MESSAGE_LIMIT_BYTES);
        message
    }

    /// Any member whose type says enough: only its presence is asked.
    pub(crate) fn plain<T>(&mut self, path: &'static str, presence: Presence, value: Option<T>) -> Option<T> {
        self.present(path, presence, false, value)
    }

    pub(crate) fn text(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &TextShape,
        value: Option<Text<'_>>,
    ) -> Option<String> {
        let value = self.present(path, presence, false, value)?;
        self.check_text(path, shape, value.as_str());
        Some(value.into_public())
    }

    pub(crate) fn secret_text(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &TextShape,
        value: Option<Text<'_>>,
    ) -> Option<SecretText> {
        let value = self.present(path, presence, true, value)?;
        self.check_text(path, shape, value.as_str());
        Some(SecretText::new(value))
    }

    pub(crate) fn blob(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &BlobShape,
        value: Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let value = self.present(path, presence, false, value)?;
        self.check_blob(path, shape, value.len());
        Some(value)
    }

    pub(crate) fn secret_blob(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &BlobShape,
        value: Option<SecretBytes>,
    ) -> Option<SecretBytes> {
        let value = self.present(path, presence, true, value)?;
        self.check_blob(path, shape, value.len());
        Some(value)
    }

    pub(crate) fn integer(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &IntegerShape,
        value: Option<i64>,
    ) -> Option<i32> {
        let value = self.present(path, presence, false, value)?;
        let shown = || Value::Shown(value.to_string());
        if value < i64::from(shape.min) {
            self.push(path, shown(), format!("Member must have value greater than or equal to {}", shape.min));
        }
        if value > i64::from(shape.max) {
            self.push(path, shown(), format!("Member must have value less than or equal to {}", shape.max));
        }
        i32::try_from(value).ok()
    }

    pub(crate) fn choice<T: FromStr>(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &ChoiceShape,
        value: Option<Text<'_>>,
    ) -> Option<T> {
        let value = self.present(path, presence, false, value)?;
        let chosen = value.as_str().parse().ok();
        if chosen.is_none() {
            self.push(path, shown(value.as_str()), value_set(shape));
        }
        chosen
    }

    pub(crate) fn admitted<T: FromStr>(
        &mut self,
        path: &'static str,
        presence: Presence,
        shape: &ChoiceShape,
        value: Option<Text<'_>>,
    ) -> Option<Admitted<T>> {
        let foreign = value.as_ref().and_then(|value| shape.admitted.iter().find(|known| **known == value.as_str()));
        match foreign {
            Some(foreign) => Some(Admitted::Foreign(foreign)),
            None => self.choice(path, presence, shape, value).map(Admitted::Offered),
        }
    }

    pub(crate) fn structure<T>(
        &mut self,
        path: &'static str,
        presence: Presence,
        value: Option<Checked<T>>,
    ) -> Option<T> {
        match self.present(path, presence, false, value)? {
            Ok(value) => Some(value),
            Err(within) => {
                self.absorb(path, within);
                None
            }
        }
    }

    pub(crate) fn structures<T>(
        &mut self,
        path: &'static str,
        presence: Presence,
        value: Option<Vec<Option<Checked<T>>>>,
    ) -> Option<Vec<T>> {
        let items = self.present(path, presence, false, value)?;
        let mut whole = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            match item {
                Some(Ok(item)) => whole.push(item),
                Some(Err(within)) => self.absorb(&format!("{path}.{}.member", at + 1), within),
                None => self.push(format!("{path}.{}.member", at + 1), Value::Null, NOT_NULL),
            }
        }
        Some(whole)
    }

    /// The same with a limited number of items. The service prints its objects, which say nothing; so the value is left out.
    pub(crate) fn limited_structures<T>(
        &mut self,
        path: &'static str,
        presence: Presence,
        items: Items,
        value: Option<Vec<Option<Checked<T>>>>,
    ) -> Option<Vec<T>> {
        let len = value.as_ref().map_or(items.min, Vec::len);
        if len < items.min {
            self.push(path, Value::Hidden, at_least(items.min));
        }
        if len > items.max {
            self.push(path, Value::Hidden, at_most(items.max));
        }
        self.structures(path, presence, value)
    }

    pub(crate) fn texts(
        &mut self,
        path: &'static str,
        presence: Presence,
        items: Items,
        shape: &TextShape,
        value: Option<Vec<Option<Text<'_>>>>,
    ) -> Option<Vec<String>> {
        let list = self.present(path, presence, false, value)?;
        self.check_items(path, items, &list);
        let fits = |item: &Text<'_>| text_faults(shape, item.as_str()).is_empty();
        if !list.iter().flatten().all(fits) {
            self.push(path, shown_list(&list), each_item(&text_constraints(shape)));
        }
        self.check_nulls(path, &list);
        Some(list.into_iter().flatten().map(Text::into_public).collect())
    }

    pub(crate) fn choices<T: FromStr>(
        &mut self,
        path: &'static str,
        presence: Presence,
        items: Items,
        shape: &ChoiceShape,
        value: Option<Vec<Option<Text<'_>>>>,
    ) -> Option<Vec<T>> {
        let list = self.present(path, presence, false, value)?;
        self.check_items(path, items, &list);
        let chosen: Option<Vec<T>> = list.iter().flatten().map(|item| item.as_str().parse().ok()).collect();
        if chosen.is_none() {
            self.push(path, shown_list(&list), each_item(&[value_set(shape)]));
        }
        self.check_nulls(path, &list);
        chosen
    }

    pub(crate) fn text_map(
        &mut self,
        path: &'static str,
        presence: Presence,
        value: Option<Vec<TextEntry<'_>>>,
    ) -> Option<EncryptionContext> {
        let entries = self.present(path, presence, false, value)?;
        // Of two entries with one name the last counts, also where it is null.
        if entries.iter().all(|(_, value)| value.is_some()) {
            let public = |(name, value): TextEntry<'_>| Some((name.into_public(), value?.into_public()));
            return Some(entries.into_iter().filter_map(public).collect());
        }
        let entries: BTreeMap<String, Option<String>> =
            entries.into_iter().map(|(name, value)| (name.into_public(), value.map(Text::into_public))).collect();
        if entries.values().any(Option::is_none) {
            let constraint = format!("Map value must satisfy constraint: [{NOT_NULL}]");
            self.push(path, shown_map(&entries), constraint);
        }
        Some(entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }

    fn present<T>(&mut self, path: &'static str, presence: Presence, sensitive: bool, value: Option<T>) -> Option<T> {
        if value.is_none() && presence == Presence::Required {
            self.push(path, if sensitive { Value::Hidden } else { Value::Null }, NOT_NULL);
        }
        value
    }

    fn check_text(&mut self, path: &str, shape: &TextShape, value: &str) {
        for constraint in text_faults(shape, value) {
            let value = if shape.sensitive { Value::Hidden } else { shown(value) };
            self.push(path, value, constraint);
        }
    }

    fn check_blob(&mut self, path: &str, shape: &BlobShape, len: usize) {
        let constraint = match len {
            len if len < shape.min_bytes => at_least(shape.min_bytes),
            len if len > shape.max_bytes => at_most(shape.max_bytes),
            _ => return,
        };
        // The service prints its buffer, not what is in it.
        let value = match shape.sensitive {
            true => Value::Hidden,
            false => Value::Shown(format!("java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]")),
        };
        self.push(path, value, constraint);
    }

    fn check_items(&mut self, path: &str, items: Items, list: &[Option<Text<'_>>]) {
        if list.len() < items.min {
            self.push(path, shown_list(list), at_least(items.min));
        }
        if list.len() > items.max {
            self.push(path, shown_list(list), at_most(items.max));
        }
    }

    fn check_nulls(&mut self, path: &str, list: &[Option<Text<'_>>]) {
        if list.iter().any(Option::is_none) {
            self.push(path, shown_list(list), each_item(&[NOT_NULL]));
        }
    }

    /// Takes over what the structure at `path` breaks.
    fn absorb(&mut self, path: &str, within: Self) {
        self.count += within.count;
        let room = DESCRIBED_LIMIT.saturating_sub(self.described.len());
        let moved = within.described.into_iter().take(room);
        self.described
            .extend(moved.map(|violation| Violation { path: format!("{path}.{}", violation.path), ..violation }));
    }

    fn push(&mut self, path: impl Into<String>, value: Value, constraint: impl Into<String>) {
        self.count += 1;
        if self.described.len() < DESCRIBED_LIMIT {
            self.described.push(Violation { path: path.into(), value, constraint: constraint.into() });
        }
    }
}

impl Violation {
    fn print(&self, out: &mut String) {
        out.push_str("Value ");
        match &self.value {
            Value::Null => out.push_str("null "),
            Value::Hidden => {}
            Value::Shown(value) => {
                out.push('\'');
                out.push_str(value);
                out.push_str("' ");
            }
        }
        out.push_str("at '");
        out.push_str(&self.path);
        out.push_str("' failed to satisfy constraint: ");
        out.push_str(&self.constraint);
    }
}

const NOT_NULL: &str = "Member must not be null";

fn at_least(len: usize) -> String {
    format!("Member must have length greater than or equal to {len}")
}

fn at_most(len: usize) -> String {
    format!("Member must have length less than or equal to {len}")
}

fn must_match(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn value_set(shape: &ChoiceShape) -> String {
    format!("Member must satisfy enum value set: [{}]", shape.server_order.join(", "))
}

/// What lists of simple values are told: all that is asked of an item, whichever part fails.
fn each_item(constraints: &[impl AsRef<str>]) -> String {
    let constraints: Vec<&str> = constraints.iter().map(AsRef::as_ref).collect();
    format!("Member must satisfy constraint: [{}]", constraints.join(", "))
}

/// The constraints that `value` breaks.
fn text_faults(shape: &TextShape, value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    // No string has more characters than bytes, so that most need no count.
    let chars = if value.len() <= shape.max_chars && value.len() / 4 >= shape.min_chars {
        None
    } else {
        Some(value.chars().count())
    };
    if chars.is_some_and(|chars| chars < shape.min_chars) {
        faults.push(at_least(shape.min_chars));
    }
    if chars.is_some_and(|chars| chars > shape.max_chars) {
        faults.push(at_most(shape.max_chars));
    }
    if let Some(pattern) = shape.pattern.filter(|pattern| !pattern.matches(value)) {
        faults.push(must_match(pattern.source));
    }
    faults
}

/// Everything asked of an item of a list.
fn text_constraints(shape: &TextShape) -> Vec<String> {
    let lengths = [at_most(shape.max_chars), at_least(shape.min_chars)];
    lengths.into_iter().chain(shape.pattern.map(|pattern| must_match(pattern.source))).collect()
}

fn shown(value: &str) -> Value {
    let mut text = value.get(..ECHO_LIMIT_BYTES + 4).unwrap_or(value).to_owned();
    cut(&mut text, ECHO_LIMIT_BYTES);
    Value::Shown(text)
}

fn shown_list(list: &[Option<Text<'_>>]) -> Value {
    let items = list.iter().map(|item| item.as_ref().map_or("null", Text::as_str));
    Value::Shown(bounded("[", items, "]"))
}

fn shown_map(entries: &BTreeMap<String, Option<String>>) -> Value {
    let items = entries.iter().map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("null")));
    Value::Shown(bounded("{", items, "}"))
}

/// Joins as many items as a message prints.
fn bounded(open: &str, items: impl Iterator<Item = impl AsRef<str>>, close: &str) -> String {
    let mut out = open.to_owned();
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(item.as_ref());
        if out.len() > ECHO_LIMIT_BYTES {
            cut(&mut out, ECHO_LIMIT_BYTES);
            return out;
        }
    }
    out + close
}

/// Shortens `text` to at most `limit` bytes and dots, at the border of a character.
fn cut(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    let mut end = limit - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str("...");
}
