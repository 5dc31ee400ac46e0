//! `crates/wire/src/query`: Rust from the models of the APIs that speak the Query protocol (`model/iam.json`,
//! `model/sts.json`) and what they do not say (`model/query.toml`).
//!
//! # Invariants
//! - The operations of a model are those that `model/query.toml` names, each once, as a reader or as a writer.

mod codec;
mod faults;
mod forms;
mod ops;
mod shown;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::model::{self, Model};
use super::overlay::{Notes, same_names};
use super::types::Structures;
use super::{Imports, constraints, enums, imports, samples, shapes};

/// `model/query.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    /// Error code → its status.
    front_errors: BTreeMap<String, u16>,
    iam: Api,
    sts: Api,
}

/// What a model does not say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Api {
    /// The operations that change nothing.
    readers: Vec<String>,
    /// The operations that change something.
    #[serde(default)]
    writers: Vec<String>,
    #[serde(default)]
    shapes: Notes,
}

impl Overlay {
    /// Reads the file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("model/query.toml: {error}"))
    }

    /// The text of the model file of `api`, from a published model.
    pub(crate) fn strip(&self, api: &str, source: &str, service: &str) -> Result<String, String> {
        let api = match api {
            "iam" => &self.iam,
            "sts" => &self.sts,
            other => return Err(format!("no model of {other}")),
        };
        let operations: Vec<String> = api.readers.iter().chain(&api.writers).cloned().collect();
        model::strip_to(source, service, &operations)
    }
}

/// The generated files: their paths from the root of the workspace, and their texts, not yet formatted.
pub(crate) fn generate(overlay: &Overlay, iam: &Model, sts: &Model) -> Result<Vec<(String, String)>, String> {
    let mut files =
        vec![("crates/wire/src/query/generated/faults.rs".to_owned(), faults::write(overlay, &[iam, sts])?)];
    for (name, model, api) in [("iam", iam, &overlay.iam), ("sts", sts, &overlay.sts)] {
        let rows = api.readers.iter().chain(&api.writers).map(String::as_str);
        let checked = same_names("the operations", model.operations.names(), rows);
        checked
            .and_then(|()| api.shapes.check(model))
            .map_err(|problem| format!("model/query.toml: {name}: {problem}"))?;
        let structures = Structures::of(model, &api.shapes);
        let texts = [
            ("constraints", constraints::write(model, &api.shapes, &structures, CONSTRAINT_IMPORTS)),
            ("decode", codec::write_decode(model, &structures)),
            ("encode", codec::write_encode(model, &structures)),
            ("enums", write_enums(model, &api.shapes)),
            ("forms", forms::write(model, &api.shapes, &structures)),
            ("ops", ops::write(model, &api.readers)),
            ("samples", samples::write(model, &structures, SAMPLE_IMPORTS, "XML")),
            ("shown", shown::write(model, &structures)),
            ("shapes", shapes::write(model, &api.shapes, &structures, SHAPE_IMPORTS)),
        ];
        files.extend(texts.map(|(file, text)| (format!("crates/wire/src/query/{name}/generated/{file}.rs"), text)));
    }
    Ok(files)
}

const CONSTRAINT_IMPORTS: Imports = &[
    ("LazyLock", "use std::sync::LazyLock;\n"),
    ("::SERVER_ORDER", "use super::enums::*;"),
    ("", "use crate::kms::constraint::*;"),
];

const SAMPLE_IMPORTS: Imports = &[
    ("Timestamp", "use strongroom_core::world::Timestamp;\n"),
    ("::ALL", "use super::enums::*;"),
    ("", "use super::shapes::*;"),
    ("SecretText", "use crate::kms::SecretText;"),
    ("", "use crate::query::xml::sample as encode;"),
];

const SHAPE_IMPORTS: Imports = &[
    ("Timestamp", "use strongroom_core::world::Timestamp;\n"),
    ("Type>,", "use super::enums::*;"),
    ("SecretText", "use crate::kms::SecretText;"),
];

fn write_enums(model: &Model, notes: &Notes) -> String {
    let mut out = format!(
        "//! The enums of the API and the names of its operations.\n\
         //!\n\
         {}\n\
         \n\
         use std::fmt;\n\
         use std::str::FromStr;\n\
         \n\
         use strongroom_core::generated::UnknownValue;\n",
        model.provenance()
    );
    enums::write_enums(&mut out, model, notes);
    out
}
