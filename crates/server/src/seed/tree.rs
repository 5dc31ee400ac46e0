//! A seed file as a tree in which every value knows its line, the same for TOML and YAML.
//!
//! # Invariants
//! - Depth and size are bounded, and nothing is repeated by reference: a small file cannot become a large tree.
//! - No name stands twice in one table.

mod toml;
mod yaml;

pub(super) use toml::parse_toml;
pub(super) use yaml::parse_yaml;

use std::fmt;

use zeroize::Zeroizing;

/// The largest seed file.
pub(super) const FILE_MAX_BYTES: usize = 16 << 20;
/// Tables within tables.
const DEPTH_MAX: usize = 32;

/// A value and the line on which it stands, from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What a file can say.
pub(super) enum Value {
    /// Nothing.
    Null,
    /// Text without quotes: a number, a truth, or a word.
    Plain(Zeroizing<String>),
    /// Text that is text.
    Text(Zeroizing<String>),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A line of a table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

impl fmt::Debug for Value {
    /// Keys and secrets stand in these files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Plain(_) | Self::Text(_) => "Text(..)",
            Self::List(_) => "List(..)",
            Self::Table(_) => "Table(..)",
        })
    }
}

/// A file that is no TOML or YAML, or more than a seed needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFile {
    pub(super) line: usize,
    pub(super) problem: String,
}

impl BadFile {
    fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

impl Node {
    /// The line of the field at `path`, such as `keys[3].grants[0].name`, or of what comes nearest to it.
    pub(super) fn line_of(&self, path: &str) -> usize {
        let mut node = self;
        let mut line = self.line;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (&node.value, step.strip_suffix(']')) {
                (Value::List(items), Some(index)) => index.parse().ok().and_then(|index: usize| items.get(index)),
                (Value::Table(entries), None) => {
                    let entry = entries.iter().find(|entry| entry.name == step);
                    line = entry.map_or(line, |entry| entry.line);
                    entry.map(|entry| &entry.node)
                }
                // A list of one may be written as the one.
                (_, Some("0")) => Some(node),
                (_, _) => None,
            };
            let Some(next) = next else { return line };
            if matches!(node.value, Value::List(_)) {
                line = next.line;
            }
            node = next;
        }
        line
    }
}

/// Adds a line to a table.
fn add(entries: &mut Vec<Entry>, entry: Entry) -> Result<(), BadFile> {
    match entries.iter().find(|other| other.name == entry.name) {
        Some(other) => {
            Err(BadFile::new(entry.line, format!("{} is there twice: on line {} too", entry.name, other.line)))
        }
        None => {
            entries.push(entry);
            Ok(())
        }
    }
}
