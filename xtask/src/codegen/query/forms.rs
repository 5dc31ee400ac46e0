//! `generated/forms.rs`: inputs back into the parameters they came from, for tests.

use super::super::model::Model;
use super::super::names;
use super::super::overlay::Notes;
use super::super::types::Structures;

/// The text of the file, not yet formatted.
pub(super) fn write(model: &Model, notes: &Notes, structures: &Structures) -> String {
    let requests = || structures.iter().filter(|structure| structure.in_requests);
    let impls: String = requests()
        .map(|structure| {
            let puts: String = structure
                .members
                .iter()
                .map(|member| {
                    format!("self.{}.put(&join(name, {:?}), out);\n", names::snake(&member.name), member.name)
                })
                .collect();
            let (name, out) = if puts.is_empty() { ("_name", "_out") } else { ("name", "out") };
            format!(
                "
impl ToForm for {} {{
    fn put(&self, {name}: &str, {out}: &mut Vec<(String, String)>) {{
        {puts}
    }}
}}
",
                structure.name
            )
        })
        .collect();
    let enums: String = model
        .enums()
        .map(|(name, _)| {
            format!(
                "
impl ToForm for {} {{
    fn put(&self, name: &str, out: &mut Vec<(String, String)>) {{
        out.push((name.to_owned(), self.to_string()));
    }}
}}
",
                notes.rust_name(name)
            )
        })
        .collect();
    let arms: String = model
        .operations
        .names()
        .map(|op| format!("OpName::{op} => decode::<{op}Input>(form).map(|input| pairs(&input)),\n"))
        .collect();
    format!(
        "//! Inputs as the parameters that say them, for tests.
//!
{}

use super::enums::*;
use super::shapes::*;
use crate::query::form::{{BadRequest, Form, decode}};
use crate::query::tests::{{ToForm, join, pairs}};

/// Reads the input of `op` and says it again.
pub(crate) fn again(op: OpName, form: &Form<'_>) -> Result<Vec<(String, String)>, BadRequest> {{
    match op {{ {arms} }}
}}
{impls}{enums}",
        model.provenance()
    )
}
