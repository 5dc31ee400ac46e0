//! `cargo xtask codegen`: Rust from the API models (`model/{kms,iam,sts}.json`) and what they do not say
//! (`model/overlay.toml`, `model/query.toml`).
//!
//! # Invariants
//! - The same files give the same output, already formatted; a test compares it with what is checked in.
//! - The overlay has exactly one row where one is needed: a missing or surplus row is an error.
//!
//! # Not here
//! What operations do. The generated code says what goes over the wire.

mod codec;
mod constraints;
mod enums;
mod facts;
mod faults;
mod model;
mod names;
mod overlay;
mod patterns;
mod query;
mod samples;
mod shapes;
mod shown;
mod types;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use model::Model;
use overlay::Overlay;
use types::Structures;

/// Options of `cargo xtask codegen`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Writes nothing; fails when a file is not what would be written.
    #[arg(long)]
    check: bool,
    /// First rewrites model/kms.json from a published model.
    #[arg(long, num_args = 3, value_names = ["SOURCE", "SERVICE", "PAGINATORS"])]
    strip: Option<Vec<String>>,
    /// First rewrites model/iam.json or model/sts.json from a published model.
    #[arg(long, num_args = 3, value_names = ["iam|sts", "SOURCE", "SERVICE"])]
    strip_query: Option<Vec<String>>,
}

/// Writes the generated files, or compares them.
pub(crate) fn run(args: &Args) -> ExitCode {
    match strip(args).and_then(|()| generate()).and_then(|files| if args.check { check(&files) } else { write(&files) })
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("codegen: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn strip(args: &Args) -> Result<(), String> {
    let published = |path: &String| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let write =
        |file: &str, text: String| fs::write(root().join(file), text).map_err(|error| format!("{file}: {error}"));
    if let Some([source, service, paginators]) = args.strip.as_deref() {
        write("model/kms.json", model::strip(source, &published(service)?, &published(paginators)?)?)?;
    }
    if let Some([api, source, service]) = args.strip_query.as_deref() {
        let overlay = query::Overlay::parse(&read("model/query.toml")?)?;
        write(&format!("model/{api}.json"), overlay.strip(api, source, &published(service)?)?)?;
    }
    Ok(())
}

/// A generated file: where it goes, from the root of the workspace, and what it holds.
struct File {
    path: String,
    text: String,
}

fn generate() -> Result<Vec<File>, String> {
    let parse = |path: &str| Model::parse(path, &read(path)?);
    let query = query::Overlay::parse(&read("model/query.toml")?)?;
    let query = query::generate(&query, &parse("model/iam.json")?, &parse("model/sts.json")?)?;
    let files = kms()?.into_iter().chain(query);
    files.map(|(path, text)| Ok(File { path, text: rustfmt(&text)? })).collect()
}

/// The files of the KMS API: paths and texts, not yet formatted.
fn kms() -> Result<Vec<(String, String)>, String> {
    let model = Model::parse("model/kms.json", &read("model/kms.json")?)?;
    let overlay = Overlay::parse(&read("model/overlay.toml")?, &model)?;
    let notes = &overlay.shapes;
    let structures = Structures::of(&model, notes);
    let files = [
        ("crates/core/src/generated.rs", enums::write(&model, notes)),
        (
            "crates/wire/src/kms/generated/constraints.rs",
            constraints::write(&model, notes, &structures, CONSTRAINT_IMPORTS),
        ),
        ("crates/wire/src/kms/generated/decode.rs", codec::write_decode(&model, &structures)),
        ("crates/wire/src/kms/generated/encode.rs", codec::write_encode(&model, &structures)),
        ("crates/wire/src/kms/generated/facts.rs", facts::write(&model, &overlay)),
        ("crates/wire/src/kms/generated/faults.rs", faults::write(&model, &overlay)),
        ("crates/wire/src/kms/generated/ops.rs", codec::write_ops(&model)),
        ("crates/wire/src/kms/generated/samples.rs", samples::write(&model, &structures, SAMPLE_IMPORTS, "JSON")),
        ("crates/wire/src/kms/generated/shapes.rs", shapes::write(&model, notes, &structures, SHAPE_IMPORTS)),
        ("crates/wire/src/kms/generated/shown.rs", shown::write(&model, &overlay, &structures)),
    ];
    Ok(files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect())
}

/// The `use` lines of a file, each with the word for which it is needed.
type Imports = &'static [(&'static str, &'static str)];

/// Those that `text` needs.
fn imports(lines: Imports, text: &str) -> String {
    let needed = lines.iter().filter(|(word, _)| text.contains(word));
    needed.map(|(_, line)| format!("{line}\n")).collect()
}

const CONSTRAINT_IMPORTS: Imports = &[(
    "",
    "use std::sync::LazyLock;

use strongroom_core::generated::*;

use crate::kms::constraint::{
    BlobShape, ChoiceShape, IntegerShape, ListShape, Matcher, Member, Pattern, Shape, Structure, TextShape, whole,
};",
)];

const SAMPLE_IMPORTS: Imports = &[(
    "",
    "use strongroom_core::generated::*;
use strongroom_core::secret::SecretBytes;
use strongroom_core::world::Timestamp;

use super::shapes::*;
use crate::json::encode;
use crate::kms::SecretText;",
)];

const SHAPE_IMPORTS: Imports = &[(
    "",
    "use strongroom_core::generated::*;
use strongroom_core::secret::{PlaintextBlob, SecretBytes};
use strongroom_core::world::Timestamp;

use crate::kms::{Admitted, EncryptionContext, SecretText};",
)];

fn write(files: &[File]) -> Result<(), String> {
    for file in files {
        let path = root().join(&file.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == file.text) {
            continue;
        }
        let folder = path.parent().expect("every generated file lies in a folder");
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        fs::write(&path, &file.text).map_err(|error| format!("{}: {error}", file.path))?;
        eprintln!("wrote {}", file.path);
    }
    Ok(())
}

fn check(files: &[File]) -> Result<(), String> {
    let stale: Vec<&str> = files
        .iter()
        .filter(|file| read(&file.path).as_ref() != Ok(&file.text))
        .map(|file| file.path.as_str())
        .collect();
    if stale.is_empty() { Ok(()) } else { Err(format!("stale, run `cargo xtask codegen`: {}", stale.join(", "))) }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// The checkout this program was compiled from.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Formats `source` as `cargo fmt` would, so that the two never disagree.
fn rustfmt(source: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("rustfmt: {error}");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root().join("rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().expect("the pipe was asked for");
    let input = source.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(failed)?;
    writer.join().expect("writing does not panic").map_err(failed)?;
    if !output.status.success() {
        return Err("rustfmt refused the generated code".into());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_in_is_what_the_model_gives() {
        let files = generate().expect("model and overlay agree");
        assert!(!files.is_empty());
        check(&files).expect("nothing is stale");
    }
}
