//! `generated/shown.rs`: what the audit record shows of requests and replies: all but secrets.

use super::super::model::Model;
use super::super::shown::{implementation, plain};
use super::super::types::{self, Kind, Member, Structures};
use super::imports;

/// The text of the file, not yet formatted.
pub(super) fn write(model: &Model, structures: &Structures) -> String {
    let is_shown = |member: &&Member| !matches!(member.kind, Kind::SecretText | Kind::Counts(_));
    let of_structures = structures.iter().map(|structure| {
        let lines: String = structure.members.iter().filter(is_shown).map(plain).collect();
        implementation(&structure.name, &lines, "")
    });
    let silent = model.operations.iter().filter(|(_, operation)| operation.output.is_none());
    let of_silent = silent.map(|(op, _)| implementation(&types::output_name(op), "", ""));
    let impls: String = of_structures.chain(of_silent).collect();
    format!(
        "//! What the audit record shows of requests and replies: never a secret.
//!
{}

{}{impls}",
        model.provenance(),
        imports(
            &[("::as_str)", "use super::enums::*;"), ("", "use super::shapes::*;\nuse crate::json::{Object, Shown};"),],
            &impls.replace("String::as_str)", "")
        )
    )
}
