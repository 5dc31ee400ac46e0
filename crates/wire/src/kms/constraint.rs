//! What the model asks of members, as tables. The generated decoders use the shapes; tests walk the structures.

use std::sync::LazyLock;

use regex_lite::Regex;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// A structure and its members, in the model's order.
#[derive(Debug)]
pub struct Structure {
    /// Its name in Rust.
    pub name: &'static str,
    /// Its members.
    pub members: &'static [Member],
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its name in messages.
    pub path: &'static str,
    /// Whether it must not be null.
    pub required: bool,
    /// What it must satisfy.
    pub shape: Shape,
}

/// What a value must satisfy.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text(&'static TextShape),
    /// A blob.
    Blob(&'static BlobShape),
    /// One of a few strings.
    Choice(&'static ChoiceShape),
    /// A number.
    Integer(&'static IntegerShape),
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// A list.
    List(&'static ListShape),
    /// A map from text to text, none of which is null.
    TextMap,
    /// A structure.
    Structure(&'static Structure),
}

/// What a string must satisfy.
#[derive(Debug)]
pub struct TextShape {
    /// The least number of characters.
    pub min_chars: usize,
    /// The greatest number of characters.
    pub max_chars: usize,
    /// What the whole string must match.
    pub pattern: Option<&'static Pattern>,
    /// Whether messages leave its value out.
    pub sensitive: bool,
}

/// What a blob must satisfy.
#[derive(Debug)]
pub struct BlobShape {
    /// The least number of bytes.
    pub min_bytes: usize,
    /// The greatest number of bytes.
    pub max_bytes: usize,
    /// Whether messages leave its value out.
    pub sensitive: bool,
}

/// The values that a string may have.
#[derive(Debug)]
pub struct ChoiceShape {
    /// The values of the model, in its order.
    pub values: &'static [&'static str],
    /// The values as messages list them.
    pub server_order: &'static [&'static str],
    /// Values that pass all the same.
    pub admitted: &'static [&'static str],
}

/// What a number must satisfy.
#[derive(Debug)]
pub struct IntegerShape {
    /// The least value.
    pub min: i32,
    /// The greatest value.
    pub max: i32,
}

/// What a list must satisfy.
#[derive(Debug)]
pub struct ListShape {
    /// The least number of items.
    pub min_items: usize,
    /// The greatest number of items.
    pub max_items: usize,
    /// What each item must satisfy; none may be null.
    pub item: Shape,
}

/// A regular expression of the model. A string matches when all of it does.
#[derive(Debug)]
pub struct Pattern {
    /// The expression, as messages print it.
    pub source: &'static str,
    /// How it is checked.
    pub(crate) matcher: Matcher,
}

/// Most patterns are one class of characters repeated, and need no automaton.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// Each byte is one of an ASCII class.
    Ascii { class: fn(u8) -> bool, may_be_empty: bool },
    /// Each character is one of a class.
    Chars { class: fn(char) -> bool, may_be_empty: bool },
    /// Anything else.
    Regex(LazyLock<Regex>),
}

impl Pattern {
    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Ascii { class, may_be_empty } => (*may_be_empty || !text.is_empty()) && text.bytes().all(class),
            Matcher::Chars { class, may_be_empty } => (*may_be_empty || !text.is_empty()) && text.chars().all(class),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

/// `\p{L}` of the patterns.
pub(crate) fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

/// `\p{Z}` of the patterns.
pub(crate) fn is_separator(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Separator
}

/// `\p{N}` of the patterns.
pub(crate) fn is_number(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Number
}

/// The expression anchored at both ends, for the generated tables.
pub(crate) fn whole(source: &str) -> Regex {
    Regex::new(&format!("^(?:{source})$")).expect("a test compiles every pattern of the model")
}
