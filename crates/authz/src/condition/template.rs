//! Text of a policy with wildcards and variables in it.
//!
//! # Invariants
//! - What a variable stands for is compared as it is: a `*` in a caller's tag is an asterisk, never a wildcard.
//! - A template with a variable that has no value matches nothing, so that inverted operators match (IAM User Guide,
//!   "Policy variables with no value").

use std::borrow::Cow;

use crate::condition::keys::KeyName;
use crate::glob::{self, Case, Fuel, OutOfFuel, Token};
use crate::policy::error::Malformed;

/// Which language a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `2008-10-17`, also when a document does not say: variables are plain text.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// Whether `*` and `?` mean themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wildcards {
    /// They stand for other characters.
    Expand,
    /// They are plain text.
    Literal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Token(Token),
    Variable { name: KeyName, default: Option<Box<str>> },
}

/// Text of a policy, split where it is not literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Without variables.
    Fixed(Box<[Token]>),
    /// With at least one.
    Open(OpenTemplate),
}

/// A template that waits for the values of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenTemplate(Box<[Part]>);

/// Finds the values of variables.
pub(crate) trait Variables {
    /// The one value of `name`; `None` when there is none, or more than one.
    fn value_of(&self, name: &KeyName) -> Option<String>;
}

impl Template {
    /// Splits `text` as documents of `version` mean it.
    pub(crate) fn parse(text: &str, version: Version, wildcards: Wildcards) -> Result<Self, Malformed> {
        let parts = match version {
            Version::V2008 => parse_plain(text, wildcards),
            Version::V2012 => parse_parts(text, wildcards)?,
        };
        if parts.iter().any(|part| matches!(part, Part::Variable { .. })) {
            return Ok(Self::Open(OpenTemplate(parts.into())));
        }
        let mut tokens = Vec::with_capacity(parts.len());
        parts.into_iter().for_each(|part| push_part(&mut tokens, part));
        Ok(Self::Fixed(tokens.into()))
    }

    /// Whether `text` as a whole has this form.
    pub(crate) fn matches(&self, text: &str, variables: &dyn Variables, fuel: &Fuel) -> Result<bool, OutOfFuel> {
        match self.resolve(variables) {
            Some(tokens) => glob::matches(&tokens, text, Case::Sensitive, fuel),
            None => Ok(false),
        }
    }

    /// The pieces, variables replaced; `None` when one has no value.
    pub(crate) fn resolve(&self, variables: &dyn Variables) -> Option<Cow<'_, [Token]>> {
        match self {
            Self::Fixed(tokens) => Some(Cow::Borrowed(tokens)),
            Self::Open(open) => open.resolve(variables).map(Cow::Owned),
        }
    }

    /// The variables in it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &KeyName> {
        let parts = match self {
            Self::Fixed(_) => &[][..],
            Self::Open(open) => &open.0,
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name),
            Part::Token(_) => None,
        })
    }

    /// The text with its variables replaced; `None` when one has no value, or when there are wildcards.
    pub(crate) fn text(&self, variables: &dyn Variables) -> Option<String> {
        match &*self.resolve(variables)? {
            [] => Some(String::new()),
            [Token::Literal(text)] => Some(text.as_ref().to_owned()),
            _ => None,
        }
    }
}

impl OpenTemplate {
    fn resolve(&self, variables: &dyn Variables) -> Option<Vec<Token>> {
        let mut tokens = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            match part {
                Part::Token(Token::Literal(text)) => glob::push_literal(&mut tokens, text),
                Part::Token(wildcard) => tokens.push(wildcard.clone()),
                Part::Variable { name, default } => {
                    let value = variables.value_of(name).or_else(|| default.as_deref().map(str::to_owned))?;
                    glob::push_literal(&mut tokens, &value);
                }
            }
        }
        Some(tokens)
    }
}

fn push_part(tokens: &mut Vec<Token>, part: Part) {
    match part {
        Part::Token(Token::Literal(text)) => glob::push_literal(tokens, &text),
        Part::Token(wildcard) => tokens.push(wildcard),
        Part::Variable { .. } => {}
    }
}

fn parse_plain(text: &str, wildcards: Wildcards) -> Vec<Part> {
    let mut tokens = Vec::new();
    match wildcards {
        Wildcards::Expand => glob::push_tokens(&mut tokens, text),
        Wildcards::Literal => glob::push_literal(&mut tokens, text),
    }
    tokens.into_iter().map(Part::Token).collect()
}

fn parse_parts(mut text: &str, wildcards: Wildcards) -> Result<Vec<Part>, Malformed> {
    let mut parts = Vec::new();
    while let Some(at) = text.find("${") {
        parts.extend(parse_plain(&text[..at], wildcards));
        let inner = &text[at + 2..];
        let (part, after) = parse_variable(inner).ok_or_else(|| Malformed::Variable(text[at..].into()))?;
        parts.push(part);
        text = after;
    }
    parts.extend(parse_plain(text, wildcards));
    Ok(parts)
}

/// Reads `name}`, `name, 'default'}` or one of the escapes `*}`, `?}`, `$}`; gives what follows too.
fn parse_variable(inner: &str) -> Option<(Part, &str)> {
    for escape in ["*", "?", "$"] {
        if let Some(after) = inner.strip_prefix(escape).and_then(|rest| rest.strip_prefix('}')) {
            return Some((Part::Token(Token::Literal(escape.into())), after));
        }
    }
    let end = inner.find([',', '}'])?;
    let name = KeyName::parse(inner[..end].trim())?;
    if let Some(after) = inner[end..].strip_prefix('}') {
        return Some((Part::Variable { name, default: None }, after));
    }
    let quoted = inner[end + 1..].trim_start().strip_prefix('\'')?;
    let (default, rest) = quoted.split_once('\'')?;
    let after = rest.trim_start().strip_prefix('}')?;
    Some((Part::Variable { name, default: Some(default.into()) }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Variables for Known {
        fn value_of(&self, name: &KeyName) -> Option<String> {
            match name.to_string().as_str() {
                "aws:username" => Some("ann".to_owned()),
                "aws:PrincipalTag/star" => Some("*".to_owned()),
                "aws:PrincipalTag/nested" => Some("${aws:username}".to_owned()),
                _ => None,
            }
        }
    }

    #[test]
    fn variables_are_replaced_once_and_literally() {
        check("home/${aws:username}/*", "home/ann/x", true);
        check("home/${AWS:UserName}/*", "home/ann/x", true);
        check("home/${aws:username}/*", "home/bob/x", false);
        check("${aws:PrincipalTag/star}", "anything", false);
        check("${aws:PrincipalTag/star}", "*", true);
        check("${aws:PrincipalTag/nested}", "ann", false);
        check("${aws:PrincipalTag/nested}", "${aws:username}", true);
        check("${aws:PrincipalTag/none}", "", false);
        check("*${aws:PrincipalTag/none}", "anything", false);
        check("${aws:PrincipalTag/none, 'all'}", "all", true);
        check("${aws:PrincipalTag/none,'all'}", "all", true);
        check("${aws:username, 'all'}", "ann", true);
        check("${aws:PrincipalTag/none, ''}", "", true);
        check("${aws:PrincipalTag/none, 'a*'}", "abc", false);
        check("${*}${?}${$}{x}", "*?${x}", true);
        check("a${*}", "ab", false);
        check("cost: $5", "cost: $5", true);

        #[track_caller]
        fn check(template: &str, text: &str, expect: bool) {
            let template = Template::parse(template, Version::V2012, Wildcards::Expand).expect("a template");
            assert_eq!(template.matches(text, &Known, &Fuel::new()), Ok(expect));
        }
    }

    #[test]
    fn the_older_language_has_no_variables() {
        let template = Template::parse("${aws:username}", Version::V2008, Wildcards::Expand).expect("plain text");
        assert_eq!(template.matches("${aws:username}", &Known, &Fuel::new()), Ok(true));
        assert_eq!(template.matches("ann", &Known, &Fuel::new()), Ok(false));
    }

    #[test]
    fn broken_variables_do_not_parse() {
        for broken in [
            "${",
            "${}",
            "${aws:username",
            "${username}",
            "${aws:username, all}",
            "${aws:username, 'all}",
            "${a:${b:c}}",
        ] {
            let got = Template::parse(broken, Version::V2012, Wildcards::Expand);
            assert!(matches!(got, Err(Malformed::Variable(_))), "{broken}: {got:?}");
        }
    }
}
