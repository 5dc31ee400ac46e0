//! `wire/src/kms/generated/faults.rs`: every error code, modelled or of the front end.

use super::model::Model;
use super::overlay::Overlay;

struct Row<'a> {
    variant: &'a str,
    code: &'a str,
    status: u16,
    message_member: &'a str,
}

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, overlay: &Overlay) -> String {
    let modelled: Vec<Row<'_>> = model
        .errors()
        .map(|(name, error)| {
            assert!(error.members.get("message").is_some(), "{name}: an error without a message");
            Row { variant: name, code: name, status: if error.fault { 500 } else { 400 }, message_member: "message" }
        })
        .collect();
    let front = overlay.front_errors.iter().map(|(name, error)| Row {
        variant: name,
        code: error.code.as_deref().unwrap_or(name),
        status: error.status,
        message_member: error.message_member.as_deref().unwrap_or("message"),
    });
    let count = modelled.len();
    let rows: Vec<Row<'_>> = modelled.into_iter().chain(front).collect();
    let each = |line: &dyn Fn(&Row<'_>) -> String| -> String { rows.iter().map(line).collect() };
    let declared = each(&|row| format!("/// `{}`, status {}.\n{},\n", row.code, row.status, row.variant));
    let all = each(&|row| format!("Self::{},\n", row.variant));
    let codes = each(&|row| format!("Self::{} => {:?},\n", row.variant, row.code));
    let statuses = each(&|row| format!("Self::{} => {},\n", row.variant, row.status));
    let members = each(&|row| format!("Self::{} => {:?},\n", row.variant, row.message_member));
    format!(
        "//! The error codes of the API.
//!
{}

/// What a fault is called on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {{
    {declared}
}}

impl ErrorCode {{
    /// Every code: the {count} modelled ones, then the front end's.
    pub const ALL: &'static [Self] = &[{all}];

    /// How many of [`Self::ALL`] the model has; they come first.
    pub const MODELLED: usize = {count};

    /// The bare name, as clients compare it.
    #[expect(clippy::match_same_arms, reason = \"one row per code\")]
    pub const fn as_str(self) -> &'static str {{
        match self {{ {codes} }}
    }}

    /// The HTTP status.
    #[expect(clippy::match_same_arms, reason = \"one row per code\")]
    pub const fn status(self) -> u16 {{
        match self {{ {statuses} }}
    }}

    /// The member of the body that holds the message.
    #[expect(clippy::match_same_arms, reason = \"one row per code\")]
    pub const fn message_member(self) -> &'static str {{
        match self {{ {members} }}
    }}
}}
",
        model.provenance()
    )
}
