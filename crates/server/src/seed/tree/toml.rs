//! TOML as a tree.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{BadFile, DEPTH_MAX, Entry, Node, Value, add};

/// Reads a TOML file.
pub(in super::super) fn parse_toml(text: &str) -> Result<Node, BadFile> {
    let lines = Lines(text);
    let table = DeTable::parse(text)
        .map_err(|error| BadFile::new(lines.at(&error.span().unwrap_or_default()), error.message()))?;
    Ok(Node { line: 1, value: lines.table(table.get_ref(), 0)? })
}

struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn at(&self, span: &Range<usize>) -> usize {
        let before = self.0.as_bytes().get(..span.start).unwrap_or(self.0.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, BadFile> {
        let line = self.at(&value.span());
        if depth > DEPTH_MAX {
            return Err(BadFile::new(line, "a seed does not go so deep"));
        }
        let plain = |text: String| Value::Plain(Zeroizing::new(text));
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(Zeroizing::new(text.to_string())),
            DeValue::Integer(number) if number.radix() == 10 => plain(number.as_str().to_owned()),
            DeValue::Integer(_) => return Err(BadFile::new(line, "a decimal number is needed")),
            DeValue::Float(number) => plain(number.as_str().to_owned()),
            DeValue::Boolean(truth) => plain(truth.to_string()),
            DeValue::Datetime(moment) => Value::Text(Zeroizing::new(moment.to_string())),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table, depth)?,
        };
        Ok(Node { line, value })
    }

    fn table(&self, table: &DeTable<'_>, depth: usize) -> Result<Value, BadFile> {
        let mut entries = Vec::with_capacity(table.len());
        for (name, value) in table {
            let line = self.at(&name.span());
            let node = self.node(value, depth + 1)?;
            add(&mut entries, Entry { name: name.get_ref().to_string(), line, node })?;
        }
        Ok(Value::Table(entries))
    }
}
