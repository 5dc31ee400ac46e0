//! What commands print: a text for people, or JSON for programs.

use clap::ValueEnum;
use serde::Serialize;

use super::{Failure, say};

/// How a command's result looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Lines and columns for people.
    #[default]
    Table,
    /// One JSON document for programs; its members are only ever added to.
    Json,
}

impl Output {
    /// Prints `value` as JSON, or as the lines that `table` makes of it.
    pub(super) fn print<T: Serialize>(self, value: &T, table: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        match self {
            Self::Table => say(table(value).trim_end()),
            Self::Json => say(&serde_json::to_string_pretty(value).map_err(Failure::work)?),
        }
        Ok(())
    }
}

/// Names and values under each other, the values in one column.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column() {
        let rows = [("version", "1".to_owned()), ("up", "2 s".to_owned())];
        assert_eq!(pairs(&rows), "version  1\nup       2 s\n");
        assert_eq!(pairs(&[]), "");
    }
}
