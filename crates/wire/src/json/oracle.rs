//! The same judgement as the decoder's, slow and obvious: over a tree of values, walking the tables of constraints.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the model does not have is named by the panic")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::BadRequest;
use crate::kms::constraint::{ChoiceShape, IntegerShape, ListShape, Pattern, Shape, Structure, TextShape};

/// The members of a request in the order in which they stand in its body.
pub(super) type Members = [(String, Value)];

/// What the decoder has to say to a body with these members.
pub(super) fn judge(structure: &Structure, members: &Members) -> Result<(), BadRequest> {
    let wrong = members.iter().find_map(|(name, value)| wrong_member(structure, name, value));
    if let Some(wrong) = wrong {
        return Err(BadRequest::Serialization(wrong.map(Into::into)));
    }
    let violations = violations(structure, "", &|name| {
        members.iter().rev().find(|(known, _)| known == name).map_or(Value::Null, |(_, value)| value.clone())
    });
    match violations.len() {
        0 => Ok(()),
        1 => Err(BadRequest::Validation(cut(format!("1 validation error detected: {}", violations[0]), 4 << 20))),
        count => Err(BadRequest::Validation(cut(
            format!("{count} validation errors detected: {}", violations.join("; ")),
            4 << 20,
        ))),
    }
}

/// What a wrong type is answered with; without a text where the value is no Base64.
type Wrong = Option<String>;

const LIST: &str = "Start of list found where not expected";
const OBJECT: &str = "Start of structure or map found where not expected.";

fn wrong_member(structure: &Structure, name: &str, value: &Value) -> Option<Wrong> {
    let member = structure.members.iter().find(|member| member.name == name)?;
    wrong(&member.shape, value)
}

fn wrong(shape: &Shape, value: &Value) -> Option<Wrong> {
    if value.is_null() {
        return None;
    }
    let (right, target) = match shape {
        Shape::Text(_) | Shape::Choice(_) => (value.is_string(), "a String"),
        Shape::Boolean => (value.is_boolean(), "a Boolean"),
        Shape::Integer(_) => (value.is_number(), "an Integer"),
        Shape::Timestamp => {
            let written = value.as_str().is_some_and(|text| crate::time::parse_iso8601(text).is_some());
            (value.is_number() || written, "milliseconds since epoch")
        }
        Shape::Blob(_) => match value.as_str() {
            Some(text) => return BASE64_STANDARD.decode(text).err().map(|_| None),
            None => (false, "a Blob"),
        },
        Shape::List(list) => {
            return match (value.as_array(), value.is_object()) {
                (Some(items), _) => items.iter().find_map(|item| wrong(&list.item, item)),
                (None, true) => Some(Some(OBJECT.into())),
                (None, false) => Some(Some("Expected list or null".into())),
            };
        }
        Shape::TextMap | Shape::Structure(_) => {
            return match (value.as_object(), value.is_array()) {
                (Some(entries), _) => entries.iter().find_map(|(name, value)| wrong_entry(shape, name, value)),
                (None, true) => Some(Some(LIST.into())),
                (None, false) => Some(Some("Expected null".into())),
            };
        }
    };
    if right { None } else { Some(Some(conversion(value, target))) }
}

fn wrong_entry(shape: &Shape, name: &str, value: &Value) -> Option<Wrong> {
    match shape {
        Shape::Structure(structure) => wrong_member(structure, name, value),
        _ if value.is_string() || value.is_null() => None,
        _ => Some(Some(conversion(value, "a String"))),
    }
}

fn conversion(value: &Value, target: &str) -> String {
    let token = match value {
        Value::String(_) => "STRING_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Array(_) => return LIST.into(),
        Value::Object(_) => return OBJECT.into(),
        Value::Null => unreachable!("null has every type"),
    };
    format!("{token} can not be converted to {target}")
}

fn violations(structure: &Structure, prefix: &str, value_of: &dyn Fn(&str) -> Value) -> Vec<String> {
    let mut out = Vec::new();
    for member in structure.members {
        let path = format!("{prefix}{}", member.path);
        let value = value_of(member.name);
        if !value.is_null() {
            out.extend(member_violations(&member.shape, &path, &value));
        } else if member.required {
            let shown = if is_sensitive(&member.shape) { "" } else { "null " };
            out.push(format!("Value {shown}at '{path}' failed to satisfy constraint: Member must not be null"));
        }
    }
    out
}

/// The violations of a structure that is a value itself.
fn within(structure: &Structure, path: &str, value: &Value) -> Vec<String> {
    violations(structure, &format!("{path}."), &|name| value.get(name).cloned().unwrap_or(Value::Null))
}

fn is_sensitive(shape: &Shape) -> bool {
    matches!(shape, Shape::Text(text) if text.sensitive) || matches!(shape, Shape::Blob(blob) if blob.sensitive)
}

fn member_violations(shape: &Shape, path: &str, value: &Value) -> Vec<String> {
    let (shown, faults) = match shape {
        Shape::Structure(structure) => return within(structure, path, value),
        Shape::List(list) => match &list.item {
            Shape::Structure(structure) => return structures_violations(structure, path, value),
            _ => list_faults(list, value),
        },
        Shape::Boolean | Shape::Timestamp => return Vec::new(),
        Shape::Text(text) => (value.as_str().map(str::to_owned), text_faults(text, value.as_str().expect("checked"))),
        Shape::Choice(choice) => {
            (value.as_str().map(str::to_owned), choice_faults(choice, value.as_str().expect("checked")))
        }
        Shape::Integer(integer) => integer_faults(integer, value),
        Shape::Blob(blob) => {
            let len = BASE64_STANDARD.decode(value.as_str().expect("checked")).expect("checked").len();
            let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]");
            (Some(shown), length_faults(len, blob.min_bytes, blob.max_bytes))
        }
        Shape::TextMap => map_faults(value),
    };
    let shown = match shown.filter(|_| !is_sensitive(shape)) {
        Some(shown) => format!("'{}' ", cut(shown, 1 << 20)),
        None => String::new(),
    };
    faults
        .into_iter()
        .map(|constraint| format!("Value {shown}at '{path}' failed to satisfy constraint: {constraint}"))
        .collect()
}

fn structures_violations(structure: &Structure, path: &str, list: &Value) -> Vec<String> {
    let items = list.as_array().expect("checked").iter().enumerate();
    items
        .flat_map(|(at, item)| {
            let path = format!("{path}.{}.member", at + 1);
            if item.is_null() {
                vec![format!("Value null at '{path}' failed to satisfy constraint: Member must not be null")]
            } else {
                within(structure, &path, item)
            }
        })
        .collect()
}

/// How a value is shown, and what it breaks.
type Faults = (Option<String>, Vec<String>);

fn integer_faults(integer: &IntegerShape, value: &Value) -> Faults {
    let value = value.as_i64().unwrap_or_else(|| value.as_f64().expect("a number") as i64);
    let mut faults = Vec::new();
    if value < i64::from(integer.min) {
        faults.push(format!("Member must have value greater than or equal to {}", integer.min));
    }
    if value > i64::from(integer.max) {
        faults.push(format!("Member must have value less than or equal to {}", integer.max));
    }
    (Some(value.to_string()), faults)
}

fn choice_faults(choice: &ChoiceShape, value: &str) -> Vec<String> {
    let passes = choice.values.contains(&value) || choice.admitted.contains(&value);
    if passes { Vec::new() } else { vec![value_set(choice)] }
}

fn map_faults(value: &Value) -> Faults {
    let entries = value.as_object().expect("checked");
    let shown: Vec<String> =
        entries.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("null"))).collect();
    let fault = "Map value must satisfy constraint: [Member must not be null]".to_owned();
    let faults = if entries.values().any(Value::is_null) { vec![fault] } else { Vec::new() };
    (Some(enclosed("{", &shown.join(", "), "}")), faults)
}

fn list_faults(list: &ListShape, value: &Value) -> Faults {
    let items = value.as_array().expect("checked");
    let shown: Vec<&str> = items.iter().map(|value| value.as_str().unwrap_or("null")).collect();
    let mut faults = length_faults(items.len(), list.min_items, list.max_items);
    let item_fits = |item: &str| match &list.item {
        Shape::Text(text) => text_faults(text, item).is_empty(),
        Shape::Choice(choice) => choice_faults(choice, item).is_empty(),
        other => unreachable!("no list of {other:?} in the model"),
    };
    let constraints = || match &list.item {
        Shape::Text(text) => text_constraints(text),
        Shape::Choice(choice) => vec![value_set(choice)],
        other => unreachable!("no list of {other:?} in the model"),
    };
    if !items.iter().filter_map(Value::as_str).all(item_fits) {
        faults.push(format!("Member must satisfy constraint: [{}]", constraints().join(", ")));
    }
    if items.iter().any(Value::is_null) {
        faults.push("Member must satisfy constraint: [Member must not be null]".into());
    }
    (Some(enclosed("[", &shown.join(", "), "]")), faults)
}

fn text_faults(shape: &TextShape, value: &str) -> Vec<String> {
    let mut out = length_faults(value.chars().count(), shape.min_chars, shape.max_chars);
    if let Some(pattern) = shape.pattern.filter(|pattern| !matches_slowly(pattern, value)) {
        out.push(format!("Member must satisfy regular expression pattern: {}", pattern.source));
    }
    out
}

fn text_constraints(shape: &TextShape) -> Vec<String> {
    let mut out = vec![
        format!("Member must have length less than or equal to {}", shape.max_chars),
        format!("Member must have length greater than or equal to {}", shape.min_chars),
    ];
    out.extend(
        shape.pattern.map(|pattern| format!("Member must satisfy regular expression pattern: {}", pattern.source)),
    );
    out
}

fn length_faults(len: usize, min: usize, max: usize) -> Vec<String> {
    let mut out = Vec::new();
    if len < min {
        out.push(format!("Member must have length greater than or equal to {min}"));
    }
    if len > max {
        out.push(format!("Member must have length less than or equal to {max}"));
    }
    out
}

fn value_set(choice: &ChoiceShape) -> String {
    format!("Member must satisfy enum value set: [{}]", choice.server_order.join(", "))
}

/// An automaton for the pattern, every time anew.
pub(super) fn matches_slowly(pattern: &Pattern, text: &str) -> bool {
    let source = pattern.source.replace(r"\p{ASCII}", r"[\x00-\x7F]");
    regex_lite::Regex::new(&format!(r"\A(?:{source})\z")).expect("a pattern of the model").is_match(text)
}

fn enclosed(open: &str, inside: &str, close: &str) -> String {
    let whole = format!("{open}{inside}");
    if whole.len() > 1 << 20 { cut(whole, 1 << 20) } else { whole + close }
}

fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit - 3).rev().find(|at| text.is_char_boundary(*at)).expect("0 is a border");
    format!("{}...", &text[..end])
}
