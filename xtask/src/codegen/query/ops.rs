//! `generated/ops.rs`: what holds for each operation.

use std::fmt::Write;

use super::super::model::Model;
use super::super::names;
use super::super::types;

/// The text of the file, not yet formatted.
pub(super) fn write(model: &Model, readers: &[String]) -> String {
    let mut impls = String::new();
    let (mut decode_arms, mut structure_arms) = (String::new(), String::new());
    let (mut writers, mut unsigned) = (Vec::new(), Vec::new());
    for (op, operation) in model.operations.iter() {
        let (input, output) = (types::input_name(op), types::output_name(op));
        write!(impls, "\nimpl Request for {input} {{\nconst OP: OpName = OpName::{op};\ntype Reply = {output};\n}}\n")
            .expect("a String takes everything");
        writeln!(decode_arms, "OpName::{op} => decode::<{input}>(form).map(drop),").expect("a String takes everything");
        writeln!(structure_arms, "OpName::{op} => &constraints::{},", names::constant(&input))
            .expect("a String takes everything");
        if !readers.iter().any(|reader| reader == op) {
            writers.push(format!("OpName::{op}"));
        }
        if operation.authtype.as_deref() == Some("none") {
            unsigned.push(format!("OpName::{op}"));
        }
    }
    let read_only =
        if writers.is_empty() { "true".into() } else { format!("!matches!(self, {})", writers.join(" | ")) };
    let is_unsigned = match &unsigned[..] {
        [] => "false".into(),
        ops => format!("matches!(self, {})", ops.join(" | ")),
    };
    format!(
        "//! Which input and output an operation has, and what else holds for it.
//!
{}

use super::constraints;
use super::enums::OpName;
use super::shapes::*;
use crate::kms::constraint::Structure;
use crate::query::form::{{BadRequest, Decode, Form, decode}};
use crate::query::xml::Encode;

/// The version of the API, as requests name it.
pub const VERSION: &str = {version:?};

/// The namespace of replies.
pub const NAMESPACE: &str = {namespace:?};

/// An operation's input, which knows the operation and its output.
pub trait Request: Decode {{
    /// The operation.
    const OP: OpName;
    /// What it replies.
    type Reply: Encode;
}}

impl OpName {{
    /// Whether it changes nothing.
    pub const fn is_read_only(self) -> bool {{
        {read_only}
    }}

    /// Whether a request for it comes without a signature.
    pub const fn is_unsigned(self) -> bool {{
        {is_unsigned}
    }}
}}

/// Reads parameters as the input of `op` and drops it.
///
/// # Errors
/// What [`decode`] says.
pub fn decode_any(op: OpName, form: &Form<'_>) -> Result<(), BadRequest> {{
    match op {{ {decode_arms} }}
}}

/// The members of the input of `op` and what they must satisfy.
pub const fn input_structure(op: OpName) -> &'static Structure {{
    match op {{ {structure_arms} }}
}}
{impls}",
        model.provenance(),
        version = model.metadata.api_version,
        namespace = model.metadata.xml_namespace.as_deref().expect("the Query protocol has one"),
    )
}
