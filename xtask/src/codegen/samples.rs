//! `wire/src/kms/generated/samples.rs`: an output of every operation with every member present, for tests. What the
//! members hold follows from their names, so that a test can work it out from the model alone.

use super::Imports;
use super::model::Model;
use super::names;
use super::types::{Kind, Structure, Structures};

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, structures: &Structures, imports: Imports, format: &str) -> String {
    let replies = || structures.iter().filter(|structure| structure.in_replies);
    let functions: String = replies().map(sample).collect();
    let rows: String = replies()
        .map(|structure| format!("({:?}, encode(&{}()).to_vec()),", structure.shape, names::snake(&structure.name)))
        .collect();
    let imports = super::imports(imports, &functions);
    format!(
        "//! Replies with every member present, for tests.
//!
{}

{imports}

/// Every structure of replies: its name in the model, and a sample of it as {format}.
pub(crate) fn samples() -> Vec<(&'static str, Vec<u8>)> {{
    vec![{rows}]
}}
{functions}",
        model.provenance()
    )
}

fn sample(structure: &Structure) -> String {
    let members: String = structure
        .members
        .iter()
        .map(|member| {
            let value = value(&member.name, &member.kind);
            let value = if member.required { value } else { format!("Some({value})") };
            format!("{}: {value},", names::snake(&member.name))
        })
        .collect();
    format!("\nfn {}() -> {} {{ {} {{ {members} }} }}\n", names::snake(&structure.name), structure.name, structure.name)
}

fn value(name: &str, kind: &Kind) -> String {
    match kind {
        Kind::Text => format!("\"{name}\".into()"),
        Kind::SecretText => format!("SecretText::copy_from({name:?})"),
        Kind::Blob => format!("b{name:?}.to_vec()"),
        Kind::PlaintextBlob => format!("SecretBytes::copy_from(b{name:?}).into_reply()"),
        Kind::Enum(rust) => format!("{rust}::ALL[0]"),
        Kind::Integer => name.len().to_string(),
        Kind::Boolean => "true".into(),
        Kind::Timestamp => format!("Timestamp::from_millis({})", name.len() * 1001),
        Kind::Map => format!("[({name:?}.into(), \"value\".into())].into()"),
        Kind::Counts(rust) => format!("vec![({rust}::ALL[0], {})]", name.len()),
        Kind::Structure(rust) => format!("{}()", names::snake(rust)),
        Kind::List(item) => format!("vec![{0}, {0}]", value(name, item)),
        Kind::SecretBlob | Kind::Admitted(..) => panic!("{name}: a kind of requests in a reply"),
    }
}
