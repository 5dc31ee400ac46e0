//! Rows of the corpus as `crates/authz/tests/corpus/README.md` describes them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

/// One row, with what its file gives for all of its rows.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    members: Map<String, Value>,
}

impl Row {
    /// Every row of every file.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../authz/tests/corpus");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let of_file = |path: &std::path::PathBuf| {
            let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let given = file["given"].as_object().cloned().unwrap_or_default();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let cases = file["cases"].as_array().unwrap().clone();
            cases.into_iter().map(move |case| {
                let mut members = given.clone();
                members.extend(case.as_object().unwrap().clone());
                Self { name: format!("{stem}: {}", members["name"].as_str().unwrap()), members }
            })
        };
        paths.iter().flat_map(of_file).collect()
    }

    pub(crate) fn get(&self, member: &str) -> Option<&Value> {
        self.members.get(member)
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.text_or(member, "")
    }

    pub(crate) fn text_or<'a>(&'a self, member: &str, default: &'a str) -> &'a str {
        self.get(member).and_then(Value::as_str).unwrap_or(default)
    }

    /// The row with every text passed through `change`.
    pub(crate) fn renamed(&self, change: &dyn Fn(&str) -> String) -> Self {
        let members = self.members.iter().map(|(name, value)| (name.clone(), renamed(value, change)));
        Self { name: self.name.clone(), members: members.collect() }
    }

    /// The kind of caller, and what is told of it beside that.
    pub(crate) fn caller(&self) -> (&str, Map<String, Value>) {
        match self.get("caller") {
            None => ("user", Map::new()),
            Some(Value::String(kind)) => (kind, Map::new()),
            Some(Value::Object(told)) => {
                let mut told = told.clone();
                told.remove("like");
                (self.members["caller"]["like"].as_str().unwrap(), told)
            }
            Some(other) => panic!("{}: who is {other}?", self.name),
        }
    }

    /// The key policy's statements; `Err` for resources that have none, or several.
    pub(crate) fn key_policy(&self) -> Result<Value, String> {
        if let Some(condition) = self.get("condition") {
            let effect = self.text_or("effect", "Allow");
            let mut statements = vec![json!({
                "Effect": effect, "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition,
            })];
            if effect == "Deny" {
                statements.push(json!({"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}));
            }
            return Ok(self.document(&json!(statements)));
        }
        match self.get("key_policy") {
            None => Ok(self.document(&json!([{
                "Sid": "Enable IAM User Permissions", "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*",
            }]))),
            Some(Value::Array(documents)) if documents.iter().any(|own| own.get("Statement").is_some()) => {
                Err("a key has one policy, and the row has several".to_owned())
            }
            Some(policy) => Ok(self.document(policy)),
        }
    }

    /// Policies of a list, as documents.
    pub(crate) fn documents(&self, member: &str) -> Vec<Value> {
        let list = self.get(member).and_then(Value::as_array);
        list.into_iter().flatten().map(|policy| self.document(policy)).collect()
    }

    /// A whole document, or its statements.
    pub(crate) fn document(&self, policy: &Value) -> Value {
        if policy.get("Statement").is_some() {
            return policy.clone();
        }
        json!({"Version": self.text_or("version", "2012-10-17"), "Statement": policy})
    }

    /// The condition keys that any policy of the row looks at, as written: of conditions, and variables.
    pub(crate) fn condition_keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for member in ["condition", "key_policy", "identity", "boundary", "session", "trust"] {
            if let Some(value) = self.get(member) {
                collect_variables(value, &mut keys);
                let conditions = if member == "condition" { vec![value] } else { conditions_in(value) };
                for condition in conditions {
                    let operators = condition.as_object().into_iter().flat_map(Map::values);
                    keys.extend(operators.filter_map(Value::as_object).flat_map(|own| own.keys().cloned()));
                }
            }
        }
        keys
    }

    /// All of the row as text, to look for names in.
    pub(crate) fn whole(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }
}

fn renamed(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| renamed(item, change)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (change(name), renamed(value, change))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn conditions_in(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(conditions_in).collect(),
        Value::Object(members) => {
            let own = members.get("Condition").into_iter();
            own.chain(members.iter().filter(|(name, _)| *name != "Condition").flat_map(|(_, one)| conditions_in(one)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn collect_variables(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let variables = text.split("${").skip(1).filter_map(|rest| rest.split(['}', ',']).next());
            keys.extend(variables.filter(|name| name.contains(':')).map(|name| name.trim().to_owned()));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_variables(item, keys)),
        Value::Object(members) => members.values().for_each(|member| collect_variables(member, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The texts of a list, or the one text.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    all.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}
