//! The condition operators: the one table of them.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators". Names are exact; `IfExists` may follow every
//! one but `Null`, and `ForAllValues:` or `ForAnyValue:` may go before every one but `Null`.

use std::fmt;

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The same text.
    StringEquals,
    /// The same text but for case.
    StringEqualsIgnoreCase,
    /// Text with `*` and `?`.
    StringLike,
    /// The same number.
    NumericEquals,
    /// A smaller number.
    NumericLessThan,
    /// A smaller number or the same.
    NumericLessThanEquals,
    /// A greater number.
    NumericGreaterThan,
    /// A greater number or the same.
    NumericGreaterThanEquals,
    /// The same moment.
    DateEquals,
    /// Before.
    DateLessThan,
    /// Before, or at the same moment.
    DateLessThanEquals,
    /// After.
    DateGreaterThan,
    /// After, or at the same moment.
    DateGreaterThanEquals,
    /// The same truth.
    Bool,
    /// The same bytes.
    BinaryEquals,
    /// An address of the range.
    IpAddress,
    /// An ARN, part by part, with `*` and `?` within the parts.
    ArnLike,
    /// Whether there is no value at all.
    Null,
}

/// How several values of a request are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// There is at most one.
    Single,
    /// Every one must fit; fits when there is none.
    ForAllValues,
    /// One at least must fit; does not fit when there is none.
    ForAnyValue,
}

/// An operator as a policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// The comparison.
    pub test: Test,
    /// Whether its outcome is inverted (`StringNotEquals`).
    pub negated: bool,
    /// How several values of a request are combined.
    pub quantifier: Quantifier,
    /// Whether it fits when the request has no value for the key.
    pub if_exists: bool,
}

/// Every operator: name, comparison, inverted.
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::StringEquals, false),
    ("StringNotEquals", Test::StringEquals, true),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringEqualsIgnoreCase, true),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::NumericEquals, false),
    ("NumericNotEquals", Test::NumericEquals, true),
    ("NumericLessThan", Test::NumericLessThan, false),
    ("NumericLessThanEquals", Test::NumericLessThanEquals, false),
    ("NumericGreaterThan", Test::NumericGreaterThan, false),
    ("NumericGreaterThanEquals", Test::NumericGreaterThanEquals, false),
    ("DateEquals", Test::DateEquals, false),
    ("DateNotEquals", Test::DateEquals, true),
    ("DateLessThan", Test::DateLessThan, false),
    ("DateLessThanEquals", Test::DateLessThanEquals, false),
    ("DateGreaterThan", Test::DateGreaterThan, false),
    ("DateGreaterThanEquals", Test::DateGreaterThanEquals, false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::BinaryEquals, false),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    // ArnEquals and ArnLike behave identically, says the guide; so do their inversions.
    ("ArnEquals", Test::ArnLike, false),
    ("ArnNotEquals", Test::ArnLike, true),
    ("ArnLike", Test::ArnLike, false),
    ("ArnNotLike", Test::ArnLike, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// The operator that a policy calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        let (quantifier, own) = match name.split_once(':') {
            Some(("ForAllValues", own)) => (Quantifier::ForAllValues, own),
            Some(("ForAnyValue", own)) => (Quantifier::ForAnyValue, own),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let (own, if_exists) = match own.strip_suffix("IfExists") {
            Some(own) => (own, true),
            None => (own, false),
        };
        let (_, test, negated) = *OPERATORS.iter().find(|row| row.0 == own)?;
        let is_plain = quantifier == Quantifier::Single && !if_exists;
        (test != Test::Null || is_plain).then_some(Self { test, negated, quantifier, if_exists })
    }

    /// Every name that a policy may use, for tests that go through all of them.
    pub fn names() -> impl Iterator<Item = String> {
        let prefixes = ["", "ForAllValues:", "ForAnyValue:"];
        let suffixes = ["", "IfExists"];
        let all = prefixes.into_iter().flat_map(move |prefix| {
            suffixes
                .into_iter()
                .flat_map(move |suffix| OPERATORS.iter().map(move |(name, _, _)| format!("{prefix}{name}{suffix}")))
        });
        all.filter(|name| Self::parse(name).is_some())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.quantifier {
            Quantifier::Single => "",
            Quantifier::ForAllValues => "ForAllValues:",
            Quantifier::ForAnyValue => "ForAnyValue:",
        };
        let row = OPERATORS.iter().find(|row| (row.1, row.2) == (self.test, self.negated));
        let name = row.map_or("", |row| row.0);
        write!(f, "{prefix}{name}{}", if self.if_exists { "IfExists" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        check("StringEquals", true);
        check("StringEqualsIfExists", true);
        check("ForAllValues:StringNotLikeIfExists", true);
        check("ForAnyValue:NumericLessThan", true);
        check("Null", true);
        check("NullIfExists", false);
        check("ForAllValues:Null", false);
        check("stringequals", false);
        check("StringEqualsIfExistsIfExists", false);
        check("ForSomeValues:StringEquals", false);
        check("ForAllValues:ForAnyValue:StringEquals", false);
        check("StringMatches", false);
        check("", false);

        #[track_caller]
        fn check(name: &str, expect: bool) {
            assert_eq!(Operator::parse(name).is_some(), expect, "{name}");
        }
    }

    #[test]
    fn the_table_is_whole() {
        // 26 operators with three quantifiers, with and without IfExists, and Null.
        assert_eq!(Operator::names().count(), 26 * 3 * 2 + 1);
    }
}
