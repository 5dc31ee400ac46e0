//! `wire/src/kms/generated/shapes.rs`: the structures of requests and replies.

use std::fmt::Write;

use super::Imports;
use super::model::{Model, Range, Shape};
use super::names;
use super::overlay::Notes;
use super::types::{self, Member, Structure, Structures};

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, notes: &Notes, structures: &Structures, imports: Imports) -> String {
    let mut out = String::new();
    for structure in structures.iter() {
        write_structure(&mut out, model, notes, structures, structure);
    }
    for (op, operation) in model.operations.iter() {
        let name = types::output_name(op);
        let text = match &operation.output {
            None => format!(
                "\n/// What `{op}` replies: nothing at all.\n\
                 #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]\npub struct {name};\n"
            ),
            Some(output) => match types::output_name(types::output_owner(model, op, &output.shape)) {
                owner if owner == name => continue,
                owner => format!("\n/// What `{op}` replies.\npub type {name} = {owner};\n"),
            },
        };
        out.push_str(&text);
    }
    format!(
        "//! What goes over the wire: the input and output of every operation, and their parts.\n\
         //!\n\
         {}\n\
         \n\
         {}\n{out}",
        model.provenance(),
        super::imports(imports, &out)
    )
}

fn write_structure(out: &mut String, model: &Model, notes: &Notes, all: &Structures, structure: &Structure) {
    let mut derives = vec!["Debug", "PartialEq", "Eq"];
    if all.is_public(structure) {
        derives.push("Clone");
    }
    if structure.members.iter().all(|member| !member.required || member.kind.has_default()) {
        derives.push("Default");
    }
    let fields: String = structure.members.iter().map(|member| field(model, notes, structure, member)).collect();
    write!(
        out,
        "\n/// {}\n#[derive({})]\npub struct {} {{ {fields} }}\n",
        structure.doc,
        derives.join(", "),
        structure.name
    )
    .expect("a String takes everything");
}

fn field(model: &Model, notes: &Notes, structure: &Structure, member: &Member) -> String {
    let base = member.kind.rust_type();
    let rust_type = if member.required { base } else { format!("Option<{base}>") };
    let mut doc = format!("`{}`", member.name);
    let limits = limits(model.shape(&member.shape));
    if !limits.is_empty() {
        write!(doc, ", {limits}").expect("a String takes everything");
    }
    let admitted = notes.admitted(&structure.shape, &member.name);
    if !admitted.is_empty() {
        write!(doc, "; passes {} too", admitted.join(", ")).expect("a String takes everything");
    }
    format!("/// {doc}.\npub {}: {rust_type},\n", names::snake(&member.name))
}

/// The limits of a shape in words.
fn limits(shape: &Shape) -> String {
    let (unit, min, max) = match shape {
        Shape::Blob(blob) => ("bytes", blob.min, blob.max),
        Shape::String(text) if text.values.is_none() => ("characters", text.min, text.max),
        Shape::List(list) => ("items", list.min, list.max),
        Shape::Integer(Range { min: Some(min), max: Some(max) }) => return format!("{min} to {max}"),
        Shape::Integer(_) => return String::new(),
        Shape::Boolean {} | Shape::Map { .. } | Shape::String(_) | Shape::Structure(_) | Shape::Timestamp {} => {
            return String::new();
        }
    };
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max} {unit}"),
        (None, None) => String::new(),
        (Some(min), None) => format!("at least {min} {unit}"),
        (None, Some(max)) => format!("at most {max} {unit}"),
    }
}
