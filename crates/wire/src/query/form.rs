//! Parameters of a form (`application/x-www-form-urlencoded`) read as typed inputs.
//!
//! Names of parameters are paths: `Tags.member.1.Key` is the member `Key` of the first item of the list `Tags`. The pairs are
//! sorted once; a structure is then a run of neighbours with one prefix, so that reading costs no tree.
//!
//! # Invariants
//! - Every read is bounded by the number of pairs, whatever the names say: an item's number chooses its place, not an amount.
//! - Values with escapes lie in buffers that wipe themselves; all others are borrowed from the body.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use zeroize::Zeroizing;

use crate::json::{Checked, Text};

/// A structure that requests bring. Generated; nobody else implements it.
pub trait Decode: Sized {
    /// Reads the members.
    #[doc(hidden)]
    fn decode(params: &Params<'_>) -> Result<Checked<Self>, Malformed>;
}

/// A parameter whose value is of another type than its member.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(String);

/// Why a request was refused before anything was done for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// Not a form.
    Syntax(String),
    /// A parameter is of another type than its member.
    Type(String),
    /// Constraints of the model do not hold; the whole message.
    Validation(String),
}

/// The parameters of a request, sorted by name.
pub struct Form<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Form<'a> {
    /// Splits a form.
    ///
    /// # Errors
    /// [`BadRequest::Syntax`] when a name stands twice.
    pub fn parse(text: &'a [u8]) -> Result<Self, BadRequest> {
        let pairs = form_urlencoded::parse(text);
        let mut pairs: Vec<_> = pairs.map(|(name, value)| (wiping(name), wiping(value))).collect();
        pairs.sort_unstable_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        match pairs.windows(2).find(|two| two[0].0.as_str() == two[1].0.as_str()) {
            Some(_) => Err(BadRequest::Syntax("The query string names a parameter twice".into())),
            None => Ok(Self(pairs)),
        }
    }

    /// The value of the parameter with exactly this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params().find(name)
    }

    fn params(&self) -> Params<'_> {
        Params { pairs: &self.0, prefix_len: 0 }
    }
}

impl fmt::Debug for Form<'_> {
    /// Values may be credentials: they are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} parameters)", self.0.len())
    }
}

fn wiping(text: Cow<'_, str>) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Text::Borrowed(text),
        Cow::Owned(text) => Text::Unescaped(Zeroizing::new(text)),
    }
}

/// Reads the input of an operation.
///
/// # Errors
/// [`BadRequest::Type`] or [`BadRequest::Validation`].
pub fn decode<T: Decode>(form: &Form<'_>) -> Result<T, BadRequest> {
    match T::decode(&form.params()) {
        Ok(Ok(input)) => Ok(input),
        Ok(Err(violations)) => Err(BadRequest::Validation(violations.into_message())),
        Err(Malformed(text)) => Err(BadRequest::Type(text)),
    }
}

/// The parameters under one prefix. Public because the trait of inputs names it.
#[derive(Clone, Copy)]
pub struct Params<'f> {
    pairs: &'f [(Text<'f>, Text<'f>)],
    /// The bytes that all names here have in common.
    prefix_len: usize,
}

impl<'f> Params<'f> {
    /// A string.
    pub(crate) fn text(&self, member: &str) -> Result<Option<Text<'f>>, Malformed> {
        Ok(self.find(member).map(Text::Borrowed))
    }

    /// A whole number.
    pub(crate) fn integer(&self, member: &str) -> Result<Option<i64>, Malformed> {
        self.find(member).map(|value| value.parse().map_err(|_| self.malformed(member, "an integer"))).transpose()
    }

    /// True or false.
    pub(crate) fn boolean(&self, member: &str) -> Result<Option<bool>, Malformed> {
        match self.find(member) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.malformed(member, "a boolean")),
        }
    }

    /// A list of strings.
    pub(crate) fn texts(&self, member: &str) -> Result<Option<Vec<Option<Text<'f>>>>, Malformed> {
        let Some(items) = self.items(member)? else { return Ok(None) };
        let text = |item: &Item<'f>| match item.pairs {
            [(name, value)] if name.as_str().len() == item.name_len => Ok(Some(Text::Borrowed(value.as_str()))),
            _ => Err(self.malformed(member, "a list of strings")),
        };
        items.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// A list of structures.
    pub(crate) fn structures<T: Decode>(&self, member: &str) -> Result<Option<Vec<Option<Checked<T>>>>, Malformed> {
        let Some(items) = self.items(member)? else { return Ok(None) };
        let structure = |item: &Item<'f>| match item.pairs {
            [(name, _), ..] if name.as_str().len() == item.name_len => {
                Err(self.malformed(member, "a list of structures"))
            }
            pairs => T::decode(&Params { pairs, prefix_len: item.name_len + 1 }).map(Some),
        };
        items.iter().map(structure).collect::<Result<_, _>>().map(Some)
    }

    /// The items of a list in the order of their numbers; gaps close. An empty list is its bare name without a value.
    fn items(&self, member: &str) -> Result<Option<Vec<Item<'f>>>, Malformed> {
        let malformed = || self.malformed(member, "a list");
        let named = self.under(member);
        let numbered = named.under("member");
        match self.find(member) {
            None if named.pairs.is_empty() => return Ok(None),
            Some("") if named.pairs.is_empty() => return Ok(Some(Vec::new())),
            None if numbered.pairs.len() == named.pairs.len() => {}
            None | Some(_) => return Err(malformed()),
        }
        let mut items: Vec<Item<'f>> = Vec::new();
        let mut rest = numbered.pairs;
        while let Some((name, _)) = rest.first() {
            let number = numbered.rest_of(name);
            let digits = number.split_once('.').map_or(number, |(digits, _)| digits);
            let number = item_number(digits).ok_or_else(malformed)?;
            let name_len = numbered.prefix_len + digits.len();
            let prefix = &name.as_str()[..name_len];
            let same =
                |name: &str| name.strip_prefix(prefix).is_some_and(|after| after.is_empty() || after.starts_with('.'));
            let end = rest.iter().position(|(name, _)| !same(name.as_str())).unwrap_or(rest.len());
            items.push(Item { number, name_len, pairs: &rest[..end] });
            rest = &rest[end..];
        }
        items.sort_unstable_by_key(|item| item.number);
        Ok(Some(items))
    }

    /// The value of exactly this name.
    fn find(&self, member: &str) -> Option<&'f str> {
        let at = self.pairs.binary_search_by(|(name, _)| self.rest_of(name).cmp(member)).ok()?;
        Some(self.pairs[at].1.as_str())
    }

    /// What stands under `member.`.
    fn under(&self, member: &str) -> Self {
        let prefix = || member.bytes().chain([b'.']);
        let start = self.pairs.partition_point(|(name, _)| self.rest_of(name).bytes().cmp(prefix()) == Ordering::Less);
        let tail = &self.pairs[start..];
        let is_under = |rest: &str| rest.strip_prefix(member).is_some_and(|after| after.starts_with('.'));
        let end = tail.partition_point(|(name, _)| is_under(self.rest_of(name)));
        Self { pairs: &tail[..end], prefix_len: self.prefix_len + member.len() + 1 }
    }

    fn rest_of<'n>(&self, name: &'n Text<'_>) -> &'n str {
        &name.as_str()[self.prefix_len..]
    }

    fn malformed(&self, member: &str, expected: &str) -> Malformed {
        let prefix = self.pairs.first().map_or("", |(name, _)| &name.as_str()[..self.prefix_len]);
        Malformed(format!("{prefix}{member} is not {expected}"))
    }
}

/// An item of a list.
struct Item<'f> {
    number: u32,
    /// The bytes of its name, up to its number.
    name_len: usize,
    pairs: &'f [(Text<'f>, Text<'f>)],
}

/// Items are counted from 1, in the one way to write a number.
fn item_number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}
