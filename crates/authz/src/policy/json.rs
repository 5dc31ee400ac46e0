//! JSON as policies need it: bounded depth, no member twice, members in their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::policy::error::Malformed;

/// How deeply arrays and objects may be nested. The grammar of policies needs six levels.
pub(crate) const MAX_DEPTH: usize = 10;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As serde_json prints it.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document whose depth is within [`MAX_DEPTH`].
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        check_depth(text)?;
        serde_json::from_str(text).map_err(|error| duplicate_in(&error.to_string()).unwrap_or(Malformed::NotJson))
    }
}

/// Counts brackets outside of strings, before anything is built.
fn check_depth(text: &str) -> Result<(), Malformed> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Malformed::TooDeep);
        }
    }
    Ok(())
}

/// Begins the error that a repeated member raises, so that it can be told from those of the parser.
const DUPLICATE: &str = "duplicate member \u{1}";

fn duplicate_in(message: &str) -> Option<Malformed> {
    let (name, _) = message.strip_prefix(DUPLICATE)?.split_once('\u{1}')?;
    Some(Malformed::DuplicateKey(name.into()))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut seen = std::collections::HashSet::new();
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}{name}\u{1}")));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_in_order() {
        let text = r#"{"b":[1,-2,2.5,true,null],"a":{"x":"\u00e9"}}"#;
        let number = |text: &str| Json::Number(text.to_owned());
        let list = vec![number("1"), number("-2"), number("2.5"), Json::Bool(true), Json::Null];
        let inner = Json::Object(vec![("x".to_owned(), Json::Text("é".to_owned()))]);
        assert_eq!(
            Json::parse(text),
            Ok(Json::Object(vec![("b".to_owned(), Json::Array(list)), ("a".to_owned(), inner)]))
        );
    }

    #[test]
    fn bad_documents() {
        check("", Malformed::NotJson);
        check("{", Malformed::NotJson);
        check("{} {}", Malformed::NotJson);
        check("{'a':1}", Malformed::NotJson);
        check(r#"{"a":"\ud800"}"#, Malformed::NotJson);
        check(r#"{"a":1e400}"#, Malformed::NotJson);
        check(r#"{"a":1,"a":1}"#, Malformed::DuplicateKey("a".into()));
        check(r#"{"a":1,"\u0061":1}"#, Malformed::DuplicateKey("a".into()));
        check(r#"[{"b":{"c":1,"c":2}}]"#, Malformed::DuplicateKey("c".into()));
        check(&"[".repeat(100_000), Malformed::TooDeep);
        check(&format!("{}{}", "[".repeat(11), "]".repeat(11)), Malformed::TooDeep);
        check(&r#"{"a":"#.repeat(30_000), Malformed::TooDeep);

        #[track_caller]
        fn check(text: &str, expect: Malformed) {
            assert_eq!(Json::parse(text), Err(expect));
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = format!(r#"["{}\"{}\\"]"#, "[".repeat(50), "{".repeat(50));
        assert!(Json::parse(&text).is_ok());
    }
}
