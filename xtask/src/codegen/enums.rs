//! `crates/core/src/generated.rs`: the enums of the model, and the names of its operations.

use std::fmt::Write;

use super::model::Model;
use super::names;
use super::overlay::Notes;

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, notes: &Notes) -> String {
    let mut out = format!(
        "//! The enums of the KMS API and the names of its operations.\n\
         //!\n\
         {}\n\
         \n\
         use std::fmt;\n\
         use std::str::FromStr;\n\
         \n\
         /// A text that is none of an enum's values.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]\n\
         #[error(\"not a value of {{0}}\")]\n\
         pub struct UnknownValue(pub &'static str);\n",
        model.provenance()
    );
    write_enums(&mut out, model, notes);
    out
}

/// The enums of the model, and the names of its operations.
pub(crate) fn write_enums(out: &mut String, model: &Model, notes: &Notes) {
    for (name, values) in model.enums() {
        let rust_name = notes.rust_name(name);
        let doc = if rust_name == names::upper_camel(name) {
            format!("The API's `{name}`.")
        } else {
            format!("The API's `{name}`, under a shorter name.")
        };
        write_enum(out, &rust_name, &doc, values, &server_order(notes.server_order(name, values)));
    }
    let ops: Vec<String> = model.operations.names().map(str::to_owned).collect();
    write_enum(out, "OpName", "An operation of the API.", &ops, "");
}

fn server_order(order: &[String]) -> String {
    format!(
        "
        /// The values as a `ValidationException` lists them.
        pub const SERVER_ORDER: &'static [&'static str] = &{order:?};
        "
    )
}

fn write_enum(out: &mut String, name: &str, doc: &str, values: &[String], more: &str) {
    let variants: Vec<(String, &str)> = values.iter().map(|value| (names::variant(value), value.as_str())).collect();
    let each = |line: &dyn Fn(&str, &str) -> String| -> String {
        variants.iter().map(|(variant, value)| line(variant, value)).collect()
    };
    let declared = each(&|variant, value| format!("/// `{value}`\n{variant},\n"));
    let all = each(&|variant, _| format!("Self::{variant},\n"));
    let texts = each(&|variant, value| format!("Self::{variant} => \"{value}\",\n"));
    let parsed = each(&|variant, value| format!("\"{value}\" => Ok(Self::{variant}),\n"));
    write!(
        out,
        "
        /// {doc}
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum {name} {{
            {declared}
        }}

        impl {name} {{
            /// Every value, in the model's order.
            pub const ALL: &'static [Self] = &[{all}];
            {more}
            /// The value as it stands on the wire.
            pub const fn as_str(self) -> &'static str {{
                match self {{
                    {texts}
                }}
            }}
        }}

        impl fmt::Display for {name} {{
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{
                f.pad(self.as_str())
            }}
        }}

        impl FromStr for {name} {{
            type Err = UnknownValue;

            fn from_str(text: &str) -> Result<Self, UnknownValue> {{
                match text {{
                    {parsed}_ => Err(UnknownValue(\"{name}\")),
                }}
            }}
        }}
        "
    )
    .expect("a String takes everything");
}
