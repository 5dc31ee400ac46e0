//! `generated/{decode,encode}.rs`: how structures are read from parameters and written as XML.

use super::super::codec::{checked, fields};
use super::super::model::Model;
use super::super::names;
use super::super::types::{self, Kind, Member, Structure, Structures};
use super::imports;

/// The text of `decode.rs`, not yet formatted.
pub(super) fn write_decode(model: &Model, structures: &Structures) -> String {
    let impls: String =
        structures.iter().filter(|structure| structure.in_requests).map(|structure| decode(model, structure)).collect();
    format!(
        "//! How requests are read: types first, then every constraint of every member.
//!
{}

use super::constraints::*;
use super::shapes::*;
use crate::json::Checked;
use crate::kms::{{Items, Presence::{{Optional, Required}}, Violations}};
use crate::query::form::{{Decode, Malformed, Params}};
{impls}",
        model.provenance()
    )
}

fn decode(model: &Model, structure: &Structure) -> String {
    let members = &structure.members;
    if members.is_empty() {
        return format!(
            "
impl Decode for {} {{
    fn decode(_params: &Params<'_>) -> Result<Checked<Self>, Malformed> {{
        Ok(Ok(Self {{}}))
    }}
}}
",
            structure.name
        );
    }
    let fields = fields(structure, &["params", "violations"]);
    let reads: String = members
        .iter()
        .zip(&fields)
        .map(|(member, field)| format!("let {field} = params.{}({:?})?;\n", read(&member.kind), member.name))
        .collect();
    let end = checked(model, structure, &fields);
    format!(
        "
impl Decode for {} {{
    fn decode(params: &Params<'_>) -> Result<Checked<Self>, Malformed> {{
        {reads}
        {end}
    }}
}}
",
        structure.name
    )
}

/// The verb of `Params` for a kind.
fn read(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::SecretText | Kind::Enum(_) => "text",
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
        Kind::List(item) if matches!(**item, Kind::Structure(_)) => "structures",
        Kind::List(item) if matches!(**item, Kind::Text) => "texts",
        Kind::Admitted(..)
        | Kind::Blob
        | Kind::SecretBlob
        | Kind::PlaintextBlob
        | Kind::Timestamp
        | Kind::Map
        | Kind::Counts(_)
        | Kind::Structure(_)
        | Kind::List(_) => panic!("{kind:?} in a request of the Query protocol"),
    }
}

/// The text of `encode.rs`, not yet formatted.
pub(super) fn write_encode(model: &Model, structures: &Structures) -> String {
    let impls: String = structures.iter().filter(|structure| structure.in_replies).map(encode).collect();
    let silent: String = model
        .operations
        .iter()
        .filter(|(_, operation)| operation.output.is_none())
        .map(|(op, _)| {
            format!(
                "
impl Encode for {} {{
    const NO_RESULT: bool = true;

    fn encode<S: Sink>(&self, _element: &mut Element<'_, S>) {{}}
}}
",
                types::output_name(op)
            )
        })
        .collect();
    format!(
        "//! How replies are written: members that are present, in the model's order.
//!
{}

{imports}{impls}{silent}",
        model.provenance(),
        imports = imports(
            &[
                ("::as_str", "use super::enums::*;"),
                ("", "use super::shapes::*;\nuse crate::json::Sink;"),
                ("SecretText", "use crate::kms::SecretText;"),
                ("", "use crate::query::xml::{Element, Encode};"),
            ],
            &impls
        )
    )
}

fn encode(structure: &Structure) -> String {
    let writes: String = structure.members.iter().map(|member| format!("element.{};\n", written(member))).collect();
    let element = if writes.is_empty() { "_element" } else { "element" };
    format!(
        "
impl Encode for {} {{
    fn encode<S: Sink>(&self, {element}: &mut Element<'_, S>) {{
        {writes}
    }}
}}
",
        structure.name
    )
}

/// The call that writes a member.
fn written(member: &Member) -> String {
    let field = format!("self.{}", names::snake(&member.name));
    let name = &member.name;
    // An optional member as `Option<_>`, a required one in `Some`.
    let given = |optional: &str, required: &str| match member.required {
        false => format!("{field}{optional}"),
        true => format!("Some({})", required.replace('@', &field)),
    };
    match &member.kind {
        Kind::Text => format!("text({name:?}, {})", given(".as_deref()", "&@")),
        Kind::SecretText => format!("text({name:?}, {})", given(".as_ref().map(SecretText::expose)", "@.expose()")),
        Kind::Enum(rust) => format!("text({name:?}, {})", given(&format!(".map({rust}::as_str)"), "@.as_str()")),
        Kind::Integer => format!("integer({name:?}, {})", given("", "@")),
        Kind::Boolean => format!("boolean({name:?}, {})", given("", "@")),
        Kind::Timestamp => format!("timestamp({name:?}, {})", given("", "@")),
        Kind::Structure(_) => format!("structure({name:?}, {})", given(".as_ref()", "&@")),
        Kind::Counts(rust) => format!("counts({name:?}, {}, {rust}::as_str)", given(".as_deref()", "&@")),
        Kind::List(item) => {
            let list = given(".as_deref()", "&@");
            if let Kind::Structure(_) = **item {
                return format!("structures({name:?}, {list})");
            }
            assert_eq!(**item, Kind::Text, "{name}: a list of another kind in a reply");
            format!("texts({name:?}, {list})")
        }
        Kind::Admitted(..) | Kind::Blob | Kind::SecretBlob | Kind::PlaintextBlob | Kind::Map => {
            panic!("{name}: {:?} in a reply of the Query protocol", member.kind)
        }
    }
}
