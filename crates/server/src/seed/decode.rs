//! From the tree to the model, by serde: every error names the line and the field.
//!
//! # Invariant
//! No error repeats a value of the file: keys and secrets stand in it.

use std::fmt::{self, Display};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::tree::{Entry, Node, Value};

/// What does not fit, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) line: Option<usize>,
    path: Vec<String>,
    pub(super) problem: String,
}

impl Misfit {
    /// The field, such as `keys[3].spec`.
    pub(super) fn field(&self) -> String {
        self.path.iter().rev().fold(String::new(), |path, step| match (path.is_empty(), step.starts_with('[')) {
            (true, _) | (_, true) => path + step,
            (false, false) => format!("{path}.{step}"),
        })
    }

    fn inside(mut self, step: String, line: usize) -> Self {
        self.path.push(step);
        self.line.get_or_insert(line);
        self
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: Display>(problem: T) -> Self {
        Self { line: None, path: Vec::new(), problem: problem.to_string() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("{expected} is needed"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("{expected} is needed"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("one of {} is needed", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let problem = format!("there is no such field here; there are {}", expected.join(", "));
        Self { line: None, path: vec![field.to_owned()], problem }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { line: None, path: vec![field.to_owned()], problem: "this field is missing".to_owned() }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let visited = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Plain(text) => visit_plain(text, visitor),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Table(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        };
        visited.map_err(|misfit| Misfit { line: misfit.line.or(Some(self.line)), ..misfit })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.value {
            // An account id is digits, and text all the same.
            Value::Plain(text) | Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Null | Value::List(_) | Value::Table(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Null => visitor.visit_none(),
            Value::Plain(_) | Value::Text(_) | Value::List(_) | Value::Table(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Plain(text) | Value::Text(text) => visitor.visit_enum(Word(text)),
            Value::Null | Value::List(_) | Value::Table(_) => Err(Misfit::custom("a word is needed")),
        }
        .map_err(|misfit| Misfit { line: misfit.line.or(Some(self.line)), ..misfit })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// YAML 1.2, section 10.3.2, and TOML's numbers are alike where a seed has any.
fn visit_plain<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value, Misfit> {
    match text {
        "true" => return visitor.visit_bool(true),
        "false" => return visitor.visit_bool(false),
        _ => {}
    }
    let digits = text.replace('_', "");
    if let Ok(number) = digits.parse::<u64>() {
        return visitor.visit_u64(number);
    }
    if let Ok(number) = digits.parse::<i64>() {
        return visitor.visit_i64(number);
    }
    let is_number =
        digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    match digits.parse::<f64>() {
        Ok(number) if is_number => visitor.visit_f64(number),
        Ok(_) | Err(_) => visitor.visit_borrowed_str(text),
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let step = format!("[{}]", self.next);
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|misfit| misfit.inside(step, item.line))
    }
}

struct Entries<'de> {
    entries: &'de [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let name = entry.name.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|misfit: Misfit| Misfit { line: misfit.line.or(Some(entry.line)), ..misfit })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let entry = self.entries.get(self.next).ok_or_else(|| Misfit::custom("a value is missing"))?;
        self.next += 1;
        seed.deserialize(&entry.node).map_err(|misfit| misfit.inside(entry.name.clone(), entry.line))
    }
}

struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Misfit> {
        Ok((seed.deserialize(self.0.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Misfit> {
        Err(Misfit::custom("a word is needed"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(Misfit::custom("a word is needed"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Misfit> {
        Err(Misfit::custom("a word is needed"))
    }
}
