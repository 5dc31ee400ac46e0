//! `wire/src/kms/generated/{decode,encode,ops}.rs`: how structures are read and written.

use std::fmt::Write;

use super::constraints::member_constant;
use super::model::Model;
use super::names;
use super::types::{self, Kind, Member, Structure, Structures};

/// The text of `decode.rs`, not yet formatted.
pub(crate) fn write_decode(model: &Model, structures: &Structures) -> String {
    let impls: String =
        structures.iter().filter(|structure| structure.in_requests).map(|structure| decode(model, structure)).collect();
    format!(
        "//! How requests are read: types first, then every constraint of every member.
//!
{}

use super::constraints::*;
use super::shapes::*;
use crate::json::{{Checked, Decode, Malformed, Reader}};
use crate::kms::{{Items, Presence::{{Optional, Required}}, Violations}};
{impls}",
        model.provenance()
    )
}

fn decode(model: &Model, structure: &Structure) -> String {
    let members = &structure.members;
    let fields = fields(structure, &["reader", "first", "member", "violations"]);
    let declared: String = fields.iter().map(|field| format!("let mut {field} = None;\n")).collect();
    let reads: String = members
        .iter()
        .zip(&fields)
        .map(|(member, field)| format!("{:?} => {field} = reader.{}()?,\n", member.name, read(&member.kind)))
        .collect();
    let end = checked(model, structure, &fields);
    format!(
        "
impl Decode for {} {{
    fn decode(reader: &mut Reader<'_>) -> Result<Checked<Self>, Malformed> {{
        {declared}
        let mut first = true;
        while let Some(member) = reader.member(&mut first)? {{
            match member.as_str() {{
                {reads}
                _ => reader.skip()?,
            }}
        }}
        {end}
    }}
}}
",
        structure.name
    )
}

/// The fields of a structure, none of which is called as a local of its decoder.
pub(super) fn fields(structure: &Structure, locals: &[&str]) -> Vec<String> {
    let fields: Vec<String> = structure.members.iter().map(|member| names::snake(&member.name)).collect();
    let taken = locals.iter().find(|local| fields.iter().any(|field| field == **local));
    assert!(taken.is_none(), "{}: {taken:?} is a name of the decoder", structure.name);
    fields
}

/// How a decoder ends: every member that was read is held against its shape, then the structure is built.
pub(super) fn checked(model: &Model, structure: &Structure, fields: &[String]) -> String {
    let members = &structure.members;
    let built = format!("Self {{ {} }}", fields.join(", "));
    let checks: String = members
        .iter()
        .zip(fields)
        .map(|(member, field)| format!("let {field} = violations.{};\n", check(model, structure, member, field)))
        .collect();
    let required: Vec<&String> =
        members.iter().zip(fields).filter(|(member, _)| member.required).map(|(_, field)| field).collect();
    let end = if required.is_empty() {
        format!("Ok(if violations.is_empty() {{ Ok({built}) }} else {{ Err(violations) }})")
    } else {
        let some: String = required.iter().map(|field| format!(", Some({field})")).collect();
        let values: String = required.iter().map(|field| format!(", {field}")).collect();
        format!(
            "Ok(match (violations.is_empty(){values}) {{
                (true{some}) => Ok({built}),
                _ => Err(violations),
            }})"
        )
    };
    format!("let mut violations = Violations::default();\n{checks}{end}")
}

/// The reader's verb for a kind.
fn read(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::SecretText | Kind::Enum(_) | Kind::Admitted(..) => "text",
        Kind::Blob => "blob",
        Kind::SecretBlob => "secret_blob",
        Kind::PlaintextBlob => panic!("a plaintext in a request"),
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
        Kind::Timestamp => "timestamp",
        Kind::Map => "text_map",
        Kind::Counts(_) => panic!("counts in a request"),
        Kind::Structure(_) => "structure",
        Kind::List(item) if matches!(**item, Kind::Structure(_)) => "structures",
        Kind::List(item) => {
            assert!(matches!(**item, Kind::Text | Kind::Enum(_)), "a list of {item:?} in a request");
            "texts"
        }
    }
}

/// The call that holds a member against its shape.
fn check(model: &Model, structure: &Structure, member: &Member, field: &str) -> String {
    let presence = if member.required { "Required" } else { "Optional" };
    let path = names::lower_camel(&member.name);
    let shape = member_constant(structure, member);
    match &member.kind {
        Kind::Boolean | Kind::Timestamp => format!("plain({path:?}, {presence}, {field})"),
        Kind::Map => format!("text_map({path:?}, {presence}, {field})"),
        Kind::Counts(_) => panic!("counts in a request"),
        Kind::Structure(_) => format!("structure({path:?}, {presence}, {field})"),
        Kind::Text => format!("text({path:?}, {presence}, &{shape}, {field})"),
        Kind::SecretText => format!("secret_text({path:?}, {presence}, &{shape}, {field})"),
        Kind::Blob => format!("blob({path:?}, {presence}, &{shape}, {field})"),
        Kind::SecretBlob => format!("secret_blob({path:?}, {presence}, &{shape}, {field})"),
        Kind::PlaintextBlob => panic!("a plaintext in a request"),
        Kind::Integer => format!("integer({path:?}, {presence}, &{shape}, {field})"),
        Kind::Enum(_) => format!("choice({path:?}, {presence}, &{shape}, {field})"),
        Kind::Admitted(..) => format!("admitted({path:?}, {presence}, &{shape}, {field})"),
        Kind::List(item) => {
            let list = model.shape(&member.shape).as_list().expect("the kind says so");
            let limits = format!("Items::of(&{shape})");
            let item_shape = names::constant(&list.member.shape);
            if matches!(**item, Kind::Structure(_)) {
                return match (list.min, list.max) {
                    (None, None) => format!("structures({path:?}, {presence}, {field})"),
                    _ => format!("limited_structures({path:?}, {presence}, {limits}, {field})"),
                };
            }
            let verb = if matches!(**item, Kind::Enum(_)) { "choices" } else { "texts" };
            format!("{verb}({path:?}, {presence}, {limits}, &{item_shape}, {field})")
        }
    }
}

/// The text of `encode.rs`, not yet formatted.
pub(crate) fn write_encode(model: &Model, structures: &Structures) -> String {
    let impls: String = structures.iter().filter(|structure| structure.in_replies).map(encode).collect();
    let silent: String = model
        .operations
        .iter()
        .filter(|(_, operation)| operation.output.is_none())
        .map(|(op, _)| {
            format!(
                "
impl Encode for {} {{
    const NO_BODY: bool = true;

    fn encode<S: Sink>(&self, _object: &mut Object<'_, S>) {{}}
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

use strongroom_core::generated::*;
use strongroom_core::secret::PlaintextBlob;

use super::shapes::*;
use crate::json::{{Encode, Object, Sink}};
use crate::kms::SecretText;
{impls}{silent}",
        model.provenance()
    )
}

fn encode(structure: &Structure) -> String {
    let writes: String = structure.members.iter().map(|member| format!("object.{};\n", written(member))).collect();
    let object = if writes.is_empty() { "_object" } else { "object" };
    format!(
        "
impl Encode for {} {{
    fn encode<S: Sink>(&self, {object}: &mut Object<'_, S>) {{
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
        true => format!("Some({})", required.replace('_', &field)),
    };
    match &member.kind {
        Kind::Text => format!("text({name:?}, {})", given(".as_deref()", "&_")),
        Kind::SecretText => format!("text({name:?}, {})", given(".as_ref().map(SecretText::expose)", "_.expose()")),
        Kind::Enum(rust) => format!("text({name:?}, {})", given(&format!(".map({rust}::as_str)"), "_.as_str()")),
        Kind::Blob => format!("blob({name:?}, {})", given(".as_deref()", "&_")),
        Kind::PlaintextBlob => {
            format!("blob({name:?}, {})", given(".as_ref().map(PlaintextBlob::expose)", "_.expose()"))
        }
        Kind::Integer => format!("integer({name:?}, {})", given("", "_")),
        Kind::Boolean => format!("boolean({name:?}, {})", given("", "_")),
        Kind::Timestamp => format!("timestamp({name:?}, {})", given("", "_")),
        Kind::Map => format!("text_map({name:?}, {})", given(".as_ref()", "&_")),
        Kind::Structure(_) => format!("structure({name:?}, {})", given(".as_ref()", "&_")),
        Kind::List(item) => written_list(name, &given(".as_ref()", "&_"), item),
        Kind::Counts(_) => panic!("{name}: counts in JSON"),
        Kind::SecretBlob | Kind::Admitted(..) => panic!("{name}: a kind of requests in a reply"),
    }
}

fn written_list(name: &str, list: &str, item: &Kind) -> String {
    if let Kind::Enum(rust) = item {
        return format!("texts({name:?}, {list}, |value| {rust}::as_str(*value))");
    }
    if let Kind::Structure(_) = item {
        return format!("structures({name:?}, {list})");
    }
    assert_eq!(*item, Kind::Text, "{name}: a list of another kind in a reply");
    format!("texts({name:?}, {list}, String::as_str)")
}

/// The text of `ops.rs`, not yet formatted.
pub(crate) fn write_ops(model: &Model) -> String {
    let mut impls = String::new();
    let (mut decode_arms, mut structure_arms) = (String::new(), String::new());
    for (op, _) in model.operations.iter() {
        let (input, output) = (types::input_name(op), types::output_name(op));
        write!(impls, "\nimpl Request for {input} {{\nconst OP: OpName = OpName::{op};\ntype Reply = {output};\n}}\n")
            .expect("a String takes everything");
        writeln!(decode_arms, "OpName::{op} => decode::<{input}>(body).map(drop),").expect("a String takes everything");
        writeln!(structure_arms, "OpName::{op} => &constraints::{},", names::constant(&input))
            .expect("a String takes everything");
    }
    format!(
        "//! Which input and output an operation has.
//!
{}

use strongroom_core::generated::OpName;

use super::constraints;
use super::shapes::*;
use crate::json::{{BadRequest, Decode, Encode, decode}};
use crate::kms::constraint::Structure;

/// An operation's input, which knows the operation and its output.
pub trait Request: Decode {{
    /// The operation.
    const OP: OpName;
    /// What it replies.
    type Reply: Encode;
}}

/// Reads a body as the input of `op` and drops it.
///
/// # Errors
/// What [`decode`] says.
pub fn decode_any(op: OpName, body: &[u8]) -> Result<(), BadRequest> {{
    match op {{ {decode_arms} }}
}}

/// The members of the input of `op` and what they must satisfy.
pub const fn input_structure(op: OpName) -> &'static Structure {{
    match op {{ {structure_arms} }}
}}
{impls}",
        model.provenance()
    )
}
