//! Seed files: what a `strongroom dev` begins with, in TOML or YAML.
//!
//! The file becomes a tree in which every value knows its line ([`tree`]), the tree the model of the file ([`model`]), the
//! model what the service takes ([`read`]). Whatever is wrong is told with file, line and field, all of it at once where one
//! problem does not hide another.
//!
//! # Invariants
//! - No error repeats what the file says, but for names: keys and secrets stand in it.
//! - Nothing is handed on from a file in which anything is wrong.
//!
//! # Not here
//! Whether the seed contradicts what is stored: the service says so when the node starts.

mod decode;
pub(crate) mod duration;
pub(crate) mod fault;
mod material;
mod model;
mod read;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use model::schema;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_service::{Seed, SeedProblem};
use zeroize::Zeroizing;

use tree::{FILE_MAX_BYTES, Node, parse_toml, parse_yaml};

/// A seed, and its file for the lines of later problems.
pub(crate) struct SeedFile {
    pub(crate) seed: Seed,
    pub(crate) lines: Lines,
}

/// What says on which line a field stands.
pub(crate) struct Lines {
    path: PathBuf,
    root: Node,
}

/// Reads a seed file and checks everything that can be checked without a store.
///
/// # Errors
/// Every problem on a line of its own, with file, line and field.
pub(crate) fn read_file(path: &Path) -> Result<SeedFile, String> {
    let name = path.display();
    let parse = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => parse_toml,
        Some("yaml" | "yml") => parse_yaml,
        Some(_) | None => return Err(format!("{name}: the name of a seed file ends in .toml, .yaml or .yml")),
    };
    let length = std::fs::metadata(path).map_err(|error| format!("{name}: {error}"))?.len();
    if length > FILE_MAX_BYTES as u64 {
        return Err(format!("{name}: a seed file has {FILE_MAX_BYTES} bytes at most"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?);
    let root = parse(&text).map_err(|bad| format!("{name}:{}: {}", bad.line, bad.problem))?;
    let lines = Lines { path: path.to_owned(), root };
    let seed = lines.read()?;
    Ok(SeedFile { seed, lines })
}

impl Lines {
    fn read(&self) -> Result<Seed, String> {
        let text = model::SeedText::deserialize(&self.root).map_err(|misfit| {
            let line = misfit.line.unwrap_or(1);
            match misfit.field() {
                field if field.is_empty() => format!("{}:{line}: {}", self.path.display(), misfit.problem),
                field => format!("{}:{line}: {field}: {}", self.path.display(), misfit.problem),
            }
        })?;
        let seed = read::read(text).map_err(|problems| self.describe(&problems))?;
        let problems = seed.check();
        if problems.is_empty() { Ok(seed) } else { Err(self.describe(&problems)) }
    }

    /// The problems, each on a line of its own.
    pub(crate) fn describe(&self, problems: &[SeedProblem]) -> String {
        let file = self.path.display();
        let mut all = String::new();
        for SeedProblem { at, problem, other } in problems {
            let line = self.line_of(at);
            // Writing to a `String` cannot fail.
            let _ = write!(all, "\n  {file}:{line}: {at}: {problem}");
            if let Some(other) = other {
                let _ = write!(all, ": {other} on line {} is the other", self.line_of(other));
            }
        }
        all
    }

    /// The line of a field. A key with one material may have it as `material`.
    fn line_of(&self, at: &str) -> usize {
        let line = self.root.line_of(at);
        match at.contains(".materials[0]") {
            true => line.max(self.root.line_of(&at.replace(".materials[0]", ".material"))),
            false => line,
        }
    }
}
