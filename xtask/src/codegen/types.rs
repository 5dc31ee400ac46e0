//! Shapes of the model as Rust types, and which structures travel in which direction.

use std::collections::BTreeMap;

use super::model::{Model, Shape, ShapeRef};
use super::overlay::Notes;

/// The Rust side of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    SecretText,
    Blob,
    /// A secret on its way in.
    SecretBlob,
    /// A secret on its way to the caller.
    PlaintextBlob,
    /// The Rust name of the enum.
    Enum(String),
    /// An enum member that takes a few values more: the Rust name of the enum, and the values.
    Admitted(String, Vec<String>),
    Integer,
    Boolean,
    Timestamp,
    List(Box<Kind>),
    /// Text to text.
    Map,
    /// How many of each value of an enum: its Rust name.
    Counts(String),
    /// The Rust name of the structure.
    Structure(String),
}

impl Kind {
    /// The type of a required member.
    pub(crate) fn rust_type(&self) -> String {
        match self {
            Self::Text => "String".into(),
            Self::SecretText => "SecretText".into(),
            Self::Blob => "Vec<u8>".into(),
            Self::SecretBlob => "SecretBytes".into(),
            Self::PlaintextBlob => "PlaintextBlob".into(),
            Self::Enum(name) | Self::Structure(name) => name.clone(),
            Self::Admitted(name, _) => format!("Admitted<{name}>"),
            Self::Integer => "i32".into(),
            Self::Boolean => "bool".into(),
            Self::Timestamp => "Timestamp".into(),
            Self::List(element) => format!("Vec<{}>", element.rust_type()),
            Self::Map => "EncryptionContext".into(),
            Self::Counts(name) => format!("Vec<({name}, i32)>"),
        }
    }

    /// Whether the type knows `Default` even where it is required.
    pub(crate) fn has_default(&self) -> bool {
        match self {
            Self::Text
            | Self::Blob
            | Self::Integer
            | Self::Boolean
            | Self::Timestamp
            | Self::List(_)
            | Self::Map
            | Self::Counts(_) => true,
            Self::SecretText | Self::SecretBlob | Self::PlaintextBlob => false,
            Self::Enum(_) | Self::Admitted(..) | Self::Structure(_) => false,
        }
    }
}

/// One member of a structure.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) shape: String,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// One structure as we generate it.
pub(crate) struct Structure {
    /// Its name in Rust.
    pub(crate) name: String,
    /// Its name in the model.
    pub(crate) shape: String,
    pub(crate) doc: String,
    pub(crate) members: Vec<Member>,
    pub(crate) in_requests: bool,
    pub(crate) in_replies: bool,
    /// An operation's own output, rather than a part of one.
    pub(crate) is_output: bool,
}

/// All structures of requests and replies, by Rust name.
pub(crate) struct Structures(BTreeMap<String, Structure>);

#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

impl Structures {
    /// Follows every operation's input and output.
    pub(crate) fn of(model: &Model, notes: &Notes) -> Self {
        let mut structures = Self(BTreeMap::new());
        for (op, operation) in model.operations.iter() {
            let doc = format!("What `{op}` takes.");
            match &operation.input {
                Some(input) => structures.add(model, notes, &input.shape, (input_name(op), doc), Direction::In),
                None => structures.add_empty(input_name(op), doc),
            }
            if let Some(output) = &operation.output {
                let owner = output_owner(model, op, &output.shape);
                let doc = format!("What `{owner}` replies.");
                structures.add(model, notes, &output.shape, (output_name(owner), doc), Direction::Out);
                structures.0.get_mut(&output_name(owner)).expect("just added").is_output = true;
            }
        }
        for structure in structures.0.values().filter(|structure| structure.in_requests && structure.in_replies) {
            let secret = |member: &Member| matches!(member.kind, Kind::SecretBlob | Kind::PlaintextBlob);
            assert!(!structure.members.iter().any(secret), "{}: a secret that travels both ways", structure.name);
        }
        structures
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Structure> {
        self.0.values()
    }

    pub(crate) fn get(&self, name: &str) -> &Structure {
        &self.0[name]
    }

    /// Whether the structure can be copied: no secret anywhere in it.
    pub(crate) fn is_public(&self, structure: &Structure) -> bool {
        structure.members.iter().all(|member| self.is_public_kind(&member.kind))
    }

    fn is_public_kind(&self, kind: &Kind) -> bool {
        match kind {
            Kind::SecretText | Kind::SecretBlob | Kind::PlaintextBlob => false,
            Kind::Structure(name) => self.is_public(self.get(name)),
            Kind::List(element) => self.is_public_kind(element),
            Kind::Text
            | Kind::Blob
            | Kind::Enum(_)
            | Kind::Admitted(..)
            | Kind::Integer
            | Kind::Boolean
            | Kind::Timestamp
            | Kind::Map
            | Kind::Counts(_) => true,
        }
    }

    fn add(&mut self, model: &Model, notes: &Notes, shape: &str, named: (String, String), direction: Direction) {
        let (name, doc) = named;
        let modelled = model.structure(shape);
        let mut members = Vec::new();
        for (member, reference) in modelled.members.iter() {
            let mut kind = self.kind(model, notes, reference, direction);
            let admitted = notes.admitted(shape, member);
            if let (Kind::Enum(name), false) = (&kind, admitted.is_empty()) {
                kind = Kind::Admitted(name.clone(), admitted.to_vec());
            }
            let required = modelled.requires(member);
            members.push(Member { name: member.into(), shape: reference.shape.clone(), required, kind });
        }
        let structure = self.0.entry(name.clone()).or_insert_with(|| Structure {
            name,
            shape: shape.to_owned(),
            doc,
            members,
            in_requests: false,
            in_replies: false,
            is_output: false,
        });
        match direction {
            Direction::In => structure.in_requests = true,
            Direction::Out => structure.in_replies = true,
        }
    }

    /// The input of an operation that takes nothing.
    fn add_empty(&mut self, name: String, doc: String) {
        let structure = Structure {
            name: name.clone(),
            shape: name.clone(),
            doc,
            members: Vec::new(),
            in_requests: true,
            in_replies: false,
            is_output: false,
        };
        self.0.insert(name, structure);
    }

    fn kind(&mut self, model: &Model, notes: &Notes, reference: &ShapeRef, direction: Direction) -> Kind {
        let name = &reference.shape;
        match (model.shape(name), direction) {
            (Shape::Blob(blob), Direction::In) if blob.sensitive => Kind::SecretBlob,
            (Shape::Blob(blob), Direction::Out) if blob.sensitive => Kind::PlaintextBlob,
            (Shape::Blob(_), _) => Kind::Blob,
            (Shape::Boolean {}, _) => Kind::Boolean,
            (Shape::Integer(_), _) => Kind::Integer,
            (Shape::List(list), _) => Kind::List(Box::new(self.kind(model, notes, &list.member, direction))),
            (Shape::Map { key, value }, _) => {
                let mut part = |part| self.kind(model, notes, part, direction);
                match (part(key), part(value)) {
                    (Kind::Text, Kind::Text) => Kind::Map,
                    (Kind::Enum(counted), Kind::Integer) => Kind::Counts(counted),
                    other => panic!("{name}: a map of {other:?}"),
                }
            }
            (Shape::String(text), _) if text.values.is_some() => Kind::Enum(notes.rust_name(name)),
            (Shape::String(text), _) if notes.is_secret(name, text.sensitive) => Kind::SecretText,
            (Shape::String(_), _) => Kind::Text,
            (Shape::Structure(_), _) => {
                let doc = format!("The API's `{name}`.");
                self.add(model, notes, name, (name.clone(), doc), direction);
                Kind::Structure(name.clone())
            }
            (Shape::Timestamp {}, _) => Kind::Timestamp,
        }
    }
}

/// `Encrypt` → `EncryptInput`.
pub(crate) fn input_name(op: &str) -> String {
    format!("{op}Input")
}

/// `Encrypt` → `EncryptOutput`.
pub(crate) fn output_name(op: &str) -> String {
    format!("{op}Output")
}

/// The operation that an output shape is named after: not `op` itself where two operations share one.
pub(crate) fn output_owner<'a>(model: &'a Model, op: &'a str, shape: &str) -> &'a str {
    model.operations.names().find(|name| *name == shape.trim_end_matches("Response")).unwrap_or(op)
}
