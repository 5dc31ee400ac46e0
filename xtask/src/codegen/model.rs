//! The API models (`model/{kms,iam,sts}.json`): what we read of the published ones. The order of members and operations is
//! kept, because validation messages list members in it.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The whole model.
#[derive(Deserialize, Serialize)]
pub(crate) struct Model {
    /// The file it was read from, for messages.
    #[serde(skip)]
    file: String,
    /// Where the model comes from, with its version; a publication itself does not say.
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) metadata: Metadata,
    pub(crate) operations: Pairs<Operation>,
    #[serde(default)]
    pub(crate) pagination: Pairs<Paginator>,
    pub(crate) shapes: Pairs<Shape>,
}

/// What holds for all operations.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) api_version: String,
    /// The JSON protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json_version: Option<String>,
    /// The JSON protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target_prefix: Option<String>,
    /// The Query protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) xml_namespace: Option<String>,
}

/// One operation.
#[derive(Deserialize, Serialize)]
pub(crate) struct Operation {
    /// None: it takes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<ShapeRef>,
    /// None: the reply has no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<ShapeRef>,
    #[serde(default)]
    pub(crate) errors: Vec<ShapeRef>,
    /// `none` where a request need not be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authtype: Option<String>,
}

/// A reference to a shape.
#[derive(Deserialize, Serialize)]
pub(crate) struct ShapeRef {
    pub(crate) shape: String,
}

/// How a list operation pages; all names are members of its input and output.
#[derive(Deserialize, Serialize)]
pub(crate) struct Paginator {
    pub(crate) input_token: String,
    pub(crate) limit_key: String,
    pub(crate) more_results: String,
    pub(crate) output_token: String,
    pub(crate) result_key: String,
}

/// A type of the wire.
#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Shape {
    Blob(Text),
    Boolean {},
    Integer(Range),
    List(List),
    Map { key: ShapeRef, value: ShapeRef },
    String(Text),
    Structure(Structure),
    Timestamp {},
}

/// A number.
#[derive(Deserialize, Serialize)]
pub(crate) struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<i32>,
}

/// A string or a blob.
#[derive(Deserialize, Serialize)]
pub(crate) struct Text {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<String>,
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) sensitive: bool,
}

/// A JSON array.
#[derive(Deserialize, Serialize)]
pub(crate) struct List {
    pub(crate) member: ShapeRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
}

/// A JSON object with named members, or an error.
#[derive(Deserialize, Serialize)]
pub(crate) struct Structure {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) required: Vec<String>,
    pub(crate) members: Pairs<ShapeRef>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) exception: bool,
    /// The service's fault (500) rather than the client's (400).
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) fault: bool,
    /// How the Query protocol tells an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<QueryError>,
}

/// How the Query protocol tells an error.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryError {
    pub(crate) code: String,
    pub(crate) http_status_code: u16,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) sender_fault: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Structure {
    pub(crate) fn requires(&self, member: &str) -> bool {
        self.required.iter().any(|required| required == member)
    }
}

impl Model {
    /// Reads the text of `file`.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, String> {
        let model: Self = parse(file, text)?;
        Ok(Self { file: file.to_owned(), ..model })
    }

    /// The lines of a module doc that say where a generated file comes from.
    pub(crate) fn provenance(&self) -> String {
        format!(
            "//! Generated by `cargo xtask codegen` from the model of API version {}\n\
             //! ({}).\n\
             //! Change `model/`, not this file.",
            self.metadata.api_version, self.source
        )
    }

    /// The shape called `name`. The model is closed: a name that leads nowhere is a broken file.
    pub(crate) fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or_else(|| panic!("{} has no shape {name}", self.file))
    }

    /// The structure called `name`.
    pub(crate) fn structure(&self, name: &str) -> &Structure {
        self.shape(name).as_structure().unwrap_or_else(|| panic!("{}: {name} is not a structure", self.file))
    }

    /// Adds the name of a shape, and of all that it is made of.
    fn follow(&self, name: &str, needed: &mut BTreeSet<String>) {
        if !needed.insert(name.to_owned()) {
            return;
        }
        let mut part = |reference: &ShapeRef| self.follow(&reference.shape, needed);
        match self.shape(name) {
            Shape::Structure(structure) => structure.members.iter().for_each(|(_, member)| part(member)),
            Shape::List(list) => part(&list.member),
            Shape::Map { key, value } => {
                part(key);
                part(value);
            }
            Shape::Blob(_) | Shape::Boolean {} | Shape::Integer(_) | Shape::String(_) | Shape::Timestamp {} => {}
        }
    }

    /// The enums: their names in the model and their values, in the model's order.
    pub(crate) fn enums(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.shapes.iter().filter_map(|(name, shape)| Some((name, shape.values()?)))
    }

    /// The modelled errors.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&str, &Structure)> {
        let structures = self.shapes.iter().filter_map(|(name, shape)| Some((name, shape.as_structure()?)));
        structures.filter(|(_, structure)| structure.exception)
    }
}

impl Shape {
    pub(crate) fn as_structure(&self) -> Option<&Structure> {
        if let Self::Structure(structure) = self { Some(structure) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    pub(crate) fn as_string(&self) -> Option<&Text> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The values of a string that is an enum.
    pub(crate) fn values(&self) -> Option<&[String]> {
        self.as_string()?.values.as_deref()
    }
}

/// The text of `model/kms.json`, from a published model and its paginators. What we do not read falls away, the prose first.
pub(crate) fn strip(source: &str, service: &str, paginators: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Pagination {
        pagination: Pairs<Paginator>,
    }
    let mut model: Model = parse("the published model", service)?;
    model.source = source.to_owned();
    model.pagination = parse::<Pagination>("the published paginators", paginators)?.pagination;
    write(&model)
}

/// The text of a model file with these operations alone, and the shapes that they need.
pub(crate) fn strip_to(source: &str, service: &str, operations: &[String]) -> Result<String, String> {
    let mut model: Model = parse("the published model", service)?;
    model.source = source.to_owned();
    if let Some(missing) = operations.iter().find(|name| model.operations.get(name).is_none()) {
        return Err(format!("the published model has no operation {missing}"));
    }
    model.operations.0.retain(|(name, _)| operations.contains(name));
    let mut needed = BTreeSet::new();
    for (_, operation) in model.operations.iter() {
        for reference in operation.input.iter().chain(&operation.output).chain(&operation.errors) {
            model.follow(&reference.shape, &mut needed);
        }
    }
    model.shapes.0.retain(|(name, _)| needed.contains(name));
    write(&model)
}

fn write(model: &Model) -> Result<String, String> {
    let text = serde_json::to_string_pretty(model).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{file}: {error}"))
}

/// A JSON object whose order is kept.
pub(crate) struct Pairs<T>(Vec<(String, T)>);

impl<T> Pairs<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

impl<T: Serialize> Serialize for Pairs<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
