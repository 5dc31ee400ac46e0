//! `model/overlay.toml`: what the model does not say. Checked against the model as it is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::model::Model;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    /// Enum name in the model → Rust name.
    rename: BTreeMap<String, String>,
    /// Enum name in the model → its values as the service prints them.
    server_order: BTreeMap<String, Vec<String>>,
}

impl Overlay {
    /// Reads the file and compares it with the model.
    pub(crate) fn parse(text: &str, model: &Model) -> Result<Self, String> {
        let overlay: Self = toml::from_str(text).map_err(|error| format!("model/overlay.toml: {error}"))?;
        let enums: BTreeSet<&str> = model.enums().map(|(name, _)| name).collect();
        for name in overlay.rename.keys().chain(overlay.server_order.keys()) {
            if !enums.contains(name.as_str()) {
                return Err(format!("model/overlay.toml: the model has no enum {name}"));
            }
        }
        Ok(overlay)
    }

    /// The Rust name of an enum.
    pub(crate) fn rust_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.rename.get(name).map_or(name, String::as_str)
    }

    /// The values of an enum as the service prints them.
    pub(crate) fn server_order<'a>(&'a self, name: &str, values: &'a [String]) -> &'a [String] {
        self.server_order.get(name).map_or(values, Vec::as_slice)
    }
}
