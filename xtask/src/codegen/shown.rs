//! `wire/src/kms/generated/shown.rs`: what the audit record shows of requests and replies.
//!
//! # Invariant
//! No secret can be shown: a visible member of a secret or binary kind stops the generator.

use std::collections::BTreeSet;

use super::model::Model;
use super::names;
use super::overlay::{Default, OperationRow, Overlay};
use super::types::{self, Kind, Member, Structure, Structures};

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, overlay: &Overlay, structures: &Structures) -> String {
    let mut impls = String::new();
    let mut parts = BTreeSet::new();
    let mut written = BTreeSet::new();
    for (op, operation) in model.operations.iter() {
        let row = overlay.operation(op);
        impls.push_str(&request(structures, op, row, &mut parts));
        let Some(output) = &operation.output else {
            impls.push_str(&implementation(&types::output_name(op), "", ""));
            continue;
        };
        let name = types::output_name(types::output_owner(model, op, &output.shape));
        let shown: Vec<&Member> =
            structures.get(&name).members.iter().filter(|m| row.reply_shown.contains(&m.name)).collect();
        let lines: String = shown.iter().map(|member| plain(member)).collect();
        follow(structures, &shown, &mut parts);
        if written.insert(name.clone()) {
            impls.push_str(&implementation(&name, &lines, ""));
        } else {
            assert!(lines.is_empty(), "{op}: an output of two operations that is shown");
        }
    }
    for part in &parts {
        let lines: String = structures.get(part).members.iter().map(plain).collect();
        impls.push_str(&implementation(part, &lines, ""));
    }
    format!(
        "//! What the audit record shows of requests and replies: never a secret, never bytes.
//!
{}

use strongroom_core::generated::*;

use super::shapes::*;
use crate::json::{{Object, Shown}};
use crate::kms::Admitted;
{impls}",
        model.provenance()
    )
}

fn request(structures: &Structures, op: &str, row: &OperationRow, parts: &mut BTreeSet<String>) -> String {
    let name = types::input_name(op);
    let structure = structures.get(&name);
    let mut lines = String::new();
    let resolved = row.request_resolved.as_deref();
    for member in &structure.members {
        if Some(member.name.as_str()) == resolved {
            continue;
        }
        if row.request_shown.contains(&member.name) {
            match row.request_defaults.get(&member.name) {
                Some(default) => lines.push_str(&with_default(structure, member, default)),
                None => lines.push_str(&plain(member)),
            }
        } else if row.request_hashed.contains(&member.name) {
            lines.push_str(&hashed(member));
        }
    }
    let shown: Vec<&Member> = structure.members.iter().filter(|m| row.request_shown.contains(&m.name)).collect();
    follow(structures, &shown, parts);
    let resolved = resolved.map_or_else(String::new, |resolved| {
        let member = structure.members.iter().find(|member| member.name == resolved).expect("the overlay was checked");
        let field = names::snake(resolved);
        let sent = if member.required { format!("Some(&self.{field})") } else { format!("self.{field}.as_deref()") };
        format!(
            "fn resolved(&self) -> Option<(&'static str, Option<&str>)> {{ Some(({:?}, {sent})) }}",
            names::lower_camel(resolved)
        )
    });
    implementation(&name, &lines, &resolved)
}

/// Structures that are parts of what is shown.
fn follow(structures: &Structures, members: &[&Member], parts: &mut BTreeSet<String>) {
    for member in members {
        let kind = if let Kind::List(item) = &member.kind { item } else { &member.kind };
        let Kind::Structure(name) = kind else { continue };
        if parts.insert(name.clone()) {
            let inner: Vec<&Member> = structures.get(name).members.iter().collect();
            follow(structures, &inner, parts);
        }
    }
}

pub(super) fn implementation(name: &str, lines: &str, resolved: &str) -> String {
    let object = if lines.is_empty() { "_object" } else { "object" };
    format!(
        "
impl Shown for {name} {{
    fn show(&self, {object}: &mut Object<'_, Vec<u8>>) {{
        {lines}
    }}
    {resolved}
}}
"
    )
}

/// The call that shows a member as it is.
pub(super) fn plain(member: &Member) -> String {
    let field = format!("self.{}", names::snake(&member.name));
    let name = names::lower_camel(&member.name);
    let given = |optional: &str, required: &str| match member.required {
        false => format!("{field}{optional}"),
        true => format!("Some({})", required.replace("{}", &field)),
    };
    let call = match &member.kind {
        Kind::Text => format!("text({name:?}, {})", given(".as_deref()", "&{}")),
        Kind::Enum(rust) => format!("text({name:?}, {})", given(&format!(".map({rust}::as_str)"), "{}.as_str()")),
        Kind::Admitted(rust, _) => {
            assert!(member.required, "{name}: an optional member that takes more than its enum");
            format!(
                "text({name:?}, Some(match {field} {{ Admitted::Offered(value) => {rust}::as_str(value), Admitted::Foreign(text) => text }}))"
            )
        }
        Kind::Integer => format!("integer({name:?}, {})", given("", "{}")),
        Kind::Boolean => format!("boolean({name:?}, {})", given("", "{}")),
        Kind::Timestamp => format!("date({name:?}, {})", given("", "{}")),
        Kind::Map => format!("text_map({name:?}, {})", given(".as_ref()", "&{}")),
        Kind::Structure(_) => format!("shown({name:?}, {})", given(".as_ref()", "&{}")),
        Kind::List(item) => match &**item {
            Kind::Text => format!("texts({name:?}, {}, String::as_str)", given(".as_ref()", "&{}")),
            Kind::Enum(rust) => {
                format!("texts({name:?}, {}, |value| {rust}::as_str(*value))", given(".as_ref()", "&{}"))
            }
            Kind::Structure(_) => format!("shown_all({name:?}, {})", given(".as_ref()", "&{}")),
            Kind::SecretText
            | Kind::Blob
            | Kind::SecretBlob
            | Kind::PlaintextBlob
            | Kind::Admitted(..)
            | Kind::Integer
            | Kind::Boolean
            | Kind::Timestamp
            | Kind::List(_)
            | Kind::Map
            | Kind::Counts(_) => panic!("{name}: a list of another kind on the record"),
        },
        Kind::SecretText | Kind::Blob | Kind::SecretBlob | Kind::PlaintextBlob | Kind::Counts(_) => {
            panic!("{name}: bytes or a secret on the record")
        }
    };
    format!("object.{call};\n")
}

/// The call that shows what holds where the caller says nothing.
fn with_default(structure: &Structure, member: &Member, default: &Default) -> String {
    assert!(!member.required, "{}: a default of what is required", member.name);
    let field = |name: &str| format!("self.{}", names::snake(name));
    let name = names::lower_camel(&member.name);
    let text = |member: &Member| {
        if let Kind::Enum(rust) = &member.kind {
            return format!("{}.map({rust}::as_str)", field(&member.name));
        }
        assert_eq!(member.kind, Kind::Text, "{}: a default text for another kind", member.name);
        format!("{}.as_deref()", field(&member.name))
    };
    let call = match default {
        Default::Text(value) => format!("text({name:?}, Some({}.unwrap_or({value:?})))", text(member)),
        Default::Like([like, value]) => {
            let like = structure.members.iter().find(|member| member.name == *like).expect("a member");
            format!("text({name:?}, Some({}.or({}).unwrap_or({value:?})))", text(member), text(like))
        }
        Default::Boolean(value) => format!("boolean({name:?}, Some({}.unwrap_or({value})))", field(&member.name)),
        Default::Integer(value) => format!("integer({name:?}, Some({}.unwrap_or({value})))", field(&member.name)),
    };
    format!("object.{call};\n")
}

/// The call that shows a digest.
fn hashed(member: &Member) -> String {
    let field = format!("self.{}", names::snake(&member.name));
    let name = names::lower_camel(&member.name);
    assert!(!member.required, "{name}: a digest of what is required");
    if member.kind == Kind::Text {
        return format!("object.digest({name:?}, {field}.as_deref());\n");
    }
    assert_eq!(member.kind, Kind::List(Box::new(Kind::Text)), "{name}: a digest of another kind");
    format!("object.digests({name:?}, {field}.as_deref());\n")
}
