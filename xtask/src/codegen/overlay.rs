//! `model/overlay.toml`: what the model does not say. Compared with the model row by row as it is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::model::{Model, Shape};
use super::names;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    pub(crate) shapes: Notes,
    /// Errors that no operation models.
    pub(crate) front_errors: BTreeMap<String, FrontError>,
    body_limits: BTreeMap<BodyLimit, u32>,
    condition_keys: ConditionKeys,
    operations: BTreeMap<String, OperationRow>,
}

/// What the model does not say of its shapes.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notes {
    /// Enum name in the model → Rust name.
    rename: BTreeMap<String, String>,
    /// Enum name in the model → its values as the service prints them.
    server_order: BTreeMap<String, Vec<String>>,
    /// String shape → the pattern that the service applies to it.
    pattern: BTreeMap<String, String>,
    /// `Structure.Member` → values that pass although the member's enum lacks them.
    admits: BTreeMap<String, Vec<String>>,
    /// String shapes whose values are credentials although the model does not mark them.
    secret: BTreeSet<String>,
}

/// An error of the front end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontError {
    pub(crate) status: u16,
    /// How it is called on the wire, if not by its name here.
    pub(crate) code: Option<String>,
    pub(crate) message_member: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionKeys {
    /// Those of every operation on a key.
    key: Vec<String>,
}

/// One operation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationRow {
    pub(crate) actions: Vec<String>,
    pub(crate) resource: Resource,
    pub(crate) policy: Policy,
    pub(crate) key_id_forms: KeyIdForms,
    pub(crate) cross_account: bool,
    pub(crate) read_only: bool,
    condition_keys: Vec<String>,
    body_limit: BodyLimit,
    #[serde(default)]
    pub(crate) request_shown: Vec<String>,
    #[serde(default)]
    pub(crate) request_hashed: Vec<String>,
    #[serde(default)]
    pub(crate) request_hidden: Vec<String>,
    /// What the audit record shows of a member where the caller says nothing.
    #[serde(default)]
    pub(crate) request_defaults: BTreeMap<String, Default>,
    /// The member in whose place the audit record shows the ARN of the key that was found.
    pub(crate) request_resolved: Option<String>,
    #[serde(default)]
    pub(crate) reply_shown: Vec<String>,
    #[serde(default)]
    pub(crate) reply_hidden: Vec<String>,
    /// Whether the audit record tells the key's ARN among the elements of the reply though the reply has none.
    #[serde(default)]
    pub(crate) reply_key_arn: bool,
}

/// What holds where a caller says nothing.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Default {
    Text(String),
    Boolean(bool),
    Integer(i32),
    /// What another member says, else a text.
    Like([String; 2]),
}

/// What the policy action is asked on. The names are those of the generated facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Resource {
    #[serde(rename = "key")]
    Key,
    #[serde(rename = "alias and key")]
    AliasAndKey,
    #[serde(rename = "any")]
    Any,
}

/// Which policies may allow it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum Policy {
    #[serde(rename = "key")]
    Key,
    #[serde(rename = "identity")]
    Identity,
    #[serde(rename = "identity and key")]
    IdentityAndKey,
    #[serde(rename = "grant")]
    Grant,
}

/// The forms of key id it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyIdForms {
    All,
    Key,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyLimit {
    Small,
    Medium,
    Large,
}

impl Overlay {
    /// Reads the file and compares it with the model.
    pub(crate) fn parse(text: &str, model: &Model) -> Result<Self, String> {
        let overlay: Self = toml::from_str(text).map_err(|error| format!("model/overlay.toml: {error}"))?;
        overlay.check(model).map_err(|problem| format!("model/overlay.toml: {problem}"))?;
        Ok(overlay)
    }

    fn check(&self, model: &Model) -> Result<(), String> {
        self.shapes.check(model)?;
        same_names("operations", model.operations.names(), self.operations.keys().map(String::as_str))?;
        self.operations.iter().try_for_each(|(name, row)| row.check(name, model))
    }

    /// The row of an operation of the model.
    pub(crate) fn operation(&self, name: &str) -> &OperationRow {
        &self.operations[name]
    }

    /// All condition keys of an operation.
    pub(crate) fn condition_keys<'a>(&'a self, row: &'a OperationRow) -> BTreeSet<&'a str> {
        let common: &[String] = match row.resource {
            Resource::Key | Resource::AliasAndKey => &self.condition_keys.key,
            Resource::Any => &[],
        };
        common.iter().chain(&row.condition_keys).map(String::as_str).collect()
    }

    /// The largest body of an operation.
    pub(crate) fn body_limit_bytes(&self, row: &OperationRow) -> u32 {
        self.body_limits[&row.body_limit]
    }
}

impl Notes {
    /// Fails where a note is about nothing.
    pub(crate) fn check(&self, model: &Model) -> Result<(), String> {
        let enums: BTreeSet<&str> = model.enums().map(|(name, _)| name).collect();
        for name in self.rename.keys().chain(self.server_order.keys()) {
            if !enums.contains(name.as_str()) {
                return Err(format!("the model has no enum {name}"));
            }
        }
        for (name, order) in &self.server_order {
            let values = model.shapes.get(name).and_then(Shape::values).expect("an enum, as was just seen");
            // The list of another enum altogether is allowed: the service prints one where it means another.
            if order.iter().any(|value| values.contains(value)) {
                let (values, order) = (values.iter().map(String::as_str), order.iter().map(String::as_str));
                same_names(&format!("server_order.{name}"), values, order)?;
            }
        }
        for name in self.pattern.keys() {
            match model.shapes.get(name).and_then(Shape::as_string) {
                Some(text) if text.pattern.is_none() => {}
                _ => return Err(format!("pattern.{name}: the model has no such string, or has a pattern for it")),
            }
        }
        for place in self.admits.keys() {
            let member = place.split_once('.').and_then(|(structure, member)| {
                model.shapes.get(structure).and_then(Shape::as_structure)?.members.get(member)
            });
            if !member.is_some_and(|member| enums.contains(member.shape.as_str())) {
                return Err(format!("admits.{place}: the model has no such enum member"));
            }
        }
        match self.secret.iter().find(|name| model.shapes.get(name).and_then(Shape::as_string).is_none()) {
            Some(name) => Err(format!("secret: the model has no string {name}")),
            None => Ok(()),
        }
    }

    /// The Rust name of an enum.
    pub(crate) fn rust_name(&self, name: &str) -> String {
        self.rename.get(name).cloned().unwrap_or_else(|| names::upper_camel(name))
    }

    /// Whether a string shape holds a credential.
    pub(crate) fn is_secret(&self, name: &str, modelled: bool) -> bool {
        modelled || self.secret.contains(name)
    }

    /// The values of an enum as the service prints them.
    pub(crate) fn server_order<'a>(&'a self, name: &str, values: &'a [String]) -> &'a [String] {
        self.server_order.get(name).map_or(values, Vec::as_slice)
    }

    /// The pattern of a string shape, the service's or the model's.
    pub(crate) fn pattern<'a>(&'a self, name: &str, modelled: Option<&'a str>) -> Option<&'a str> {
        modelled.or_else(|| self.pattern.get(name).map(String::as_str))
    }

    /// The values that `structure.member` takes beyond its enum.
    pub(crate) fn admitted(&self, structure: &str, member: &str) -> &[String] {
        self.admits.get(&format!("{structure}.{member}")).map_or(&[], Vec::as_slice)
    }
}

impl OperationRow {
    fn check(&self, name: &str, model: &Model) -> Result<(), String> {
        let operation = model.operations.get(name).expect("the names were compared");
        let request = [&self.request_shown, &self.request_hashed, &self.request_hidden].into_iter().flatten();
        let input = operation.input.iter().flat_map(|input| model.structure(&input.shape).members.names());
        same_names(&format!("operations.{name}: the request"), input, request.map(String::as_str))?;
        let mut named = self.request_defaults.keys().chain(&self.request_resolved);
        if let Some(hidden) = named.find(|member| !self.request_shown.contains(member)) {
            return Err(format!("operations.{name}: {hidden} is not shown"));
        }
        let reply = [&self.reply_shown, &self.reply_hidden].into_iter().flatten().map(String::as_str);
        let output: Vec<&str> = match &operation.output {
            Some(output) => model.structure(&output.shape).members.names().collect(),
            None => Vec::new(),
        };
        same_names(&format!("operations.{name}: the reply"), output.into_iter(), reply)
    }
}

/// Fails unless both hold the same names, each once.
pub(crate) fn same_names<'a>(
    place: &str,
    model: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    let mut expected: BTreeSet<&str> = model.collect();
    for row in rows {
        if !expected.remove(row) {
            return Err(format!("{place}: {row} is not in the model, or stands twice"));
        }
    }
    match expected.first() {
        Some(missing) => Err(format!("{place}: {missing} is missing")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_the_model_one_to_one() {
        check(&["A", "B"], &["B", "A"], Ok(()));
        check(&["A", "B"], &["A"], Err("place: B is missing"));
        check(&["A"], &["A", "B"], Err("place: B is not in the model, or stands twice"));
        check(&["A"], &["A", "A"], Err("place: A is not in the model, or stands twice"));

        #[track_caller]
        fn check(model: &[&str], rows: &[&str], expect: Result<(), &str>) {
            let got = same_names("place", model.iter().copied(), rows.iter().copied());
            assert_eq!(got, expect.map_err(str::to_owned));
        }
    }
}
