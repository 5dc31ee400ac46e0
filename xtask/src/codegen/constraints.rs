//! `wire/src/kms/generated/constraints.rs`: what members of requests must satisfy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::Imports;
use super::model::{List, Model, Shape, Text};
use super::names;
use super::overlay::Notes;
use super::patterns;
use super::types::{Kind, Member, Structure, Structures};

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, notes: &Notes, structures: &Structures, imports: Imports) -> String {
    let mut tables = Tables { model, notes, statics: BTreeMap::new() };
    let mut out = String::new();
    for structure in structures.iter().filter(|structure| structure.in_requests) {
        let members: String = structure.members.iter().map(|member| tables.member(structure, member)).collect();
        write!(
            out,
            "\n/// The members of `{name}`.\npub static {constant}: Structure = \
             Structure {{ name: {name:?}, members: &[{members}] }};\n",
            name = structure.name,
            constant = names::constant(&structure.name)
        )
        .expect("a String takes everything");
    }
    let statics: String = tables.statics.into_values().collect();
    let imports = super::imports(imports, &(statics.clone() + &out));
    format!(
        "//! What members of requests must satisfy.
//!
{}

{imports}

/// Every pattern, for the test that compares the matchers with an automaton.
pub static PATTERNS: &[&Pattern] = &[{patterns}];
{statics}{out}",
        model.provenance(),
        patterns =
            pattern_names(model, notes, structures).into_iter().map(|name| format!("&{name},")).collect::<String>()
    )
}

struct Tables<'a> {
    model: &'a Model,
    notes: &'a Notes,
    /// Constant → its definition.
    statics: BTreeMap<String, String>,
}

impl Tables<'_> {
    fn member(&mut self, structure: &Structure, member: &Member) -> String {
        let shape = self.shape(&member_constant(structure, member), &member.shape, &member.kind);
        format!(
            "Member {{ name: {:?}, path: {:?}, required: {}, shape: {shape} }},",
            member.name,
            names::lower_camel(&member.name),
            member.required
        )
    }

    /// The expression of a shape; what it refers to is defined on the way.
    fn shape(&mut self, constant: &str, shape: &str, kind: &Kind) -> String {
        match self.model.shape(shape) {
            Shape::Boolean {} => "Shape::Boolean".into(),
            Shape::Timestamp {} => "Shape::Timestamp".into(),
            Shape::Map { .. } => "Shape::TextMap".into(),
            Shape::Structure(_) => format!("Shape::Structure(&{})", names::constant(shape)),
            Shape::Blob(blob) => {
                let (min, max) = bounds(blob.min, blob.max);
                let body = format!("min_bytes: {min}, max_bytes: {max}, sensitive: {}", blob.sensitive);
                self.define(constant, "Blob", &body)
            }
            Shape::Integer(range) => {
                let bound = |bound: Option<i32>, open: &str| bound.map_or(open.into(), |bound| bound.to_string());
                let (min, max) = (bound(range.min, "i32::MIN"), bound(range.max, "i32::MAX"));
                self.define(constant, "Integer", &format!("min: {min}, max: {max}"))
            }
            Shape::List(list) => self.list(constant, list, kind),
            Shape::String(text) => self.string(constant, shape, text, kind),
        }
    }

    fn list(&mut self, constant: &str, list: &List, kind: &Kind) -> String {
        let Kind::List(item) = kind else { panic!("{constant}: a list of kind {kind:?}") };
        let item = self.shape(&names::constant(&list.member.shape), &list.member.shape, item);
        let (min, max) = bounds(list.min, list.max);
        self.define(constant, "List", &format!("min_items: {min}, max_items: {max}, item: {item}"))
    }

    fn string(&mut self, constant: &str, shape: &str, text: &Text, kind: &Kind) -> String {
        let Some(values) = text.values.as_deref() else { return self.text(constant, shape, text) };
        let admitted = if let Kind::Admitted(_, admitted) = kind { admitted.as_slice() } else { &[] };
        let name = self.notes.rust_name(shape);
        let body = format!("values: &{values:?}, server_order: {name}::SERVER_ORDER, admitted: &{admitted:?}");
        self.define(constant, "Choice", &body)
    }

    fn text(&mut self, constant: &str, shape: &str, text: &Text) -> String {
        let (min, max) = bounds(text.min, text.max);
        let pattern = match self.notes.pattern(shape, text.pattern.as_deref()) {
            None => "None".into(),
            Some(source) => {
                let pattern = pattern_constant(shape);
                let body = format!("source: r\"{source}\", matcher: {}", patterns::matcher(source));
                self.define_static(&pattern, "Pattern", &body);
                format!("Some(&{pattern})")
            }
        };
        let sensitive = self.notes.is_secret(shape, text.sensitive);
        let body = format!("min_chars: {min}, max_chars: {max}, pattern: {pattern}, sensitive: {sensitive}");
        self.define(constant, "Text", &body)
    }

    /// Defines the shape `constant` and answers the expression for it.
    fn define(&mut self, constant: &str, variant: &str, body: &str) -> String {
        self.define_static(constant, &format!("{variant}Shape"), body);
        format!("Shape::{variant}(&{constant})")
    }

    fn define_static(&mut self, constant: &str, rust_type: &str, body: &str) {
        let text = format!("\npub(crate) static {constant}: {rust_type} = {rust_type} {{ {body} }};\n");
        let known = self.statics.entry(constant.to_owned()).or_insert_with(|| text.clone());
        assert_eq!(*known, text, "{constant}: two shapes of one name");
    }
}

/// The constant that a member's shape has: its own where the member admits more than its enum.
pub(crate) fn member_constant(structure: &Structure, member: &Member) -> String {
    let shared = names::constant(&member.shape);
    if matches!(member.kind, Kind::Admitted(..)) {
        format!("{}_{shared}", names::constant(&structure.shape))
    } else {
        shared
    }
}

fn pattern_constant(shape: &str) -> String {
    format!("{}_PATTERN", names::constant(shape))
}

fn bounds(min: Option<u32>, max: Option<u32>) -> (u32, String) {
    (min.unwrap_or(0), max.map_or("usize::MAX".into(), |max| max.to_string()))
}

fn pattern_names(model: &Model, notes: &Notes, structures: &Structures) -> BTreeSet<String> {
    let requests = structures.iter().filter(|structure| structure.in_requests);
    let shapes = requests.flat_map(|structure| &structure.members).map(|member| member.shape.as_str());
    let items = shapes.map(|shape| model.shape(shape).as_list().map_or(shape, |list| list.member.shape.as_str()));
    let patterned = items.filter(|shape| {
        let text = model.shape(shape).as_string();
        text.is_some_and(|text| notes.pattern(shape, text.pattern.as_deref()).is_some())
    });
    patterned.map(pattern_constant).collect()
}
