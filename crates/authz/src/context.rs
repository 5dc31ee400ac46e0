//! What is known of a request when it is judged: the values of its condition keys, looked up one by one.
//!
//! # Invariant
//! Nothing is computed before a policy asks for it, and nothing is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use strongroom_core::world::Timestamp;

use crate::condition::keys::{ConditionKey, KeyName, KeyType};
use crate::condition::values::{parse_bool, parse_date, show_date};

/// One value of a condition key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text; an ARN is text too.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A moment.
    Date(Timestamp),
    /// An IP address.
    Ip(IpAddr),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The value as text, as string operators and policy variables see it. Bytes have none.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(true) => Some(Cow::Borrowed("true")),
            Value::Bool(false) => Some(Cow::Borrowed("false")),
            Value::Date(date) => Some(Cow::Owned(show_date(*date))),
            Value::Ip(ip) => Some(Cow::Owned(ip.to_string())),
            Value::Bytes(_) => None,
        }
    }
}

/// Pairs of text, such as an encryption context or tags.
pub trait Pairs {
    /// The value of exactly this key.
    fn value_of(&self, key: &str) -> Option<&str>;

    /// How many pairs there are.
    fn count(&self) -> usize;

    /// Calls `each` with every pair.
    fn for_each(&self, each: &mut dyn FnMut(&str, &str));
}

impl<K: AsRef<str>, V: AsRef<str>> Pairs for [(K, V)] {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.iter().find(|pair| pair.0.as_ref() == key).map(|pair| pair.1.as_ref())
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(key, value)| each(key.as_ref(), value.as_ref()));
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Pairs for Vec<(K, V)> {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.as_slice().value_of(key)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.as_slice().for_each(each);
    }
}

impl<P: Pairs + ?Sized> Pairs for &P {
    fn value_of(&self, key: &str) -> Option<&str> {
        (**self).value_of(key)
    }

    fn count(&self) -> usize {
        (**self).count()
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        (**self).for_each(each);
    }
}

impl Pairs for BTreeMap<String, String> {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(key, value)| each(key, value));
    }
}

/// Calls `each` with the values of all pairs whose key is `key` but for ASCII case: how families such as
/// `kms:EncryptionContext:` and `aws:ResourceTag/` are looked up.
pub fn values_in_any_case(pairs: &(impl Pairs + ?Sized), key: &str, each: &mut dyn FnMut(Value<'_>)) {
    pairs.for_each(&mut |own, value| {
        if own.eq_ignore_ascii_case(key) {
            each(Value::Text(value));
        }
    });
}

/// The condition values of one request, but for those of its caller, which the engine reads from
/// [`Caller`](crate::caller::Caller) itself.
pub trait RequestContext {
    /// Calls `each` with every value of `key`; not at all when it has none in this request.
    ///
    /// `rest` is what follows a family's prefix and compares without regard to case; for
    /// [`ConditionKey::Unlisted`] it is the whole name.
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>));

    /// The encryption context that grants compare with their constraints; `None` for operations that have none.
    fn encryption_context(&self) -> Option<&dyn Pairs> {
        None
    }
}

/// A value that is kept, for [`FixedContext`].
#[derive(Clone, Debug, PartialEq)]
enum Kept {
    Text(Box<str>),
    Number(i64),
    Bool(bool),
    Date(Timestamp),
    Ip(IpAddr),
    Bytes(Box<[u8]>),
}

impl Kept {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Date(date) => Value::Date(*date),
            Self::Ip(ip) => Value::Ip(*ip),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

impl From<Value<'_>> for Kept {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.into()),
            Value::Number(number) => Self::Number(number),
            Value::Bool(truth) => Self::Bool(truth),
            Value::Date(date) => Self::Date(date),
            Value::Ip(ip) => Self::Ip(ip),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
        }
    }
}

/// Why a simulated request cannot have a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// No condition key can be called so.
    #[error("no condition key is called {0}")]
    Key(Box<str>),
    /// The key has values of another type.
    #[error("{value} is not a value of {key}")]
    Value {
        /// The key as given.
        key: Box<str>,
        /// The value as given.
        value: Box<str>,
    },
}

/// A context that holds its values: for simulated requests, and for tests.
#[derive(Clone, Debug, Default)]
pub struct FixedContext {
    values: Vec<(KeyName, Kept)>,
    encryption_context: Option<Vec<(String, String)>>,
}

impl FixedContext {
    /// A context without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value to those of `name`.
    pub fn add(&mut self, name: KeyName, value: Value<'_>) {
        self.values.push((name, value.into()));
    }

    /// Adds a value to those of the key called `name`, read from `text` as the type of the key says.
    ///
    /// # Errors
    /// [`BadValue`] when there can be no such key, or when its values are not so.
    pub fn add_text(&mut self, name: &str, text: &str) -> Result<(), BadValue> {
        let key = KeyName::parse(name).ok_or_else(|| BadValue::Key(name.into()))?;
        let bad = || BadValue::Value { key: name.into(), value: text.into() };
        let value = match key.key().facts().value_type {
            KeyType::String | KeyType::Arn => Value::Text(text),
            KeyType::Numeric => Value::Number(text.parse().map_err(|_| bad())?),
            KeyType::Date => Value::Date(parse_date(text).ok_or_else(bad)?),
            KeyType::Bool => Value::Bool(parse_bool(text).ok_or_else(bad)?),
            KeyType::Ip => Value::Ip(text.parse().map_err(|_| bad())?),
        };
        self.add(key, value);
        Ok(())
    }

    /// Takes over the values of `name` from another context, unless they are here already.
    pub fn capture(&mut self, name: &KeyName, from: &dyn RequestContext) {
        if self.values.iter().any(|(own, _)| own.means_the_same(name)) {
            return;
        }
        from.values(name.key(), name.rest(), &mut |value| self.values.push((name.clone(), value.into())));
    }

    /// About how much memory it takes.
    pub fn weight_bytes(&self) -> usize {
        let of_value = |(name, value): &(KeyName, Kept)| {
            let text = match value {
                Kept::Text(text) => text.len(),
                Kept::Bytes(bytes) => bytes.len(),
                Kept::Number(_) | Kept::Bool(_) | Kept::Date(_) | Kept::Ip(_) => 0,
            };
            size_of::<(KeyName, Kept)>() + name.rest().len() + text
        };
        let pairs = self.encryption_context.iter().flatten();
        self.values.iter().map(of_value).sum::<usize>() + pairs.map(|(k, v)| 48 + k.len() + v.len()).sum::<usize>()
    }

    /// Whether it has a value for this key; families are asked for the whole name.
    pub fn has(&self, key: ConditionKey, rest: &str) -> bool {
        let mut has = false;
        self.values(key, rest, &mut |_| has = true);
        has
    }

    /// Sets the encryption context, and the condition keys that follow from it.
    pub fn set_encryption_context(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        self.encryption_context = Some(pairs.into_iter().collect());
    }
}

impl RequestContext for FixedContext {
    fn values(&self, key: ConditionKey, rest: &str, each: &mut dyn FnMut(Value<'_>)) {
        if let Some(pairs) = &self.encryption_context {
            encryption_context_values(pairs, key, rest, each);
        }
        for (name, value) in &self.values {
            if name.key() == key && name.rest().eq_ignore_ascii_case(rest) {
                each(value.value());
            }
        }
    }

    fn encryption_context(&self) -> Option<&dyn Pairs> {
        self.encryption_context.as_ref().map(|pairs| pairs as &dyn Pairs)
    }
}

/// The values of `kms:EncryptionContext:…` and `kms:EncryptionContextKeys` for a request with this encryption context.
pub fn encryption_context_values(
    pairs: &(impl Pairs + ?Sized),
    key: ConditionKey,
    rest: &str,
    each: &mut dyn FnMut(Value<'_>),
) {
    if key == ConditionKey::KmsEncryptionContext {
        values_in_any_case(pairs, rest, each);
    } else if key == ConditionKey::KmsEncryptionContextKeys {
        pairs.for_each(&mut |own, _| each(Value::Text(own)));
    }
}
