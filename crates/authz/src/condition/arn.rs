//! Patterns of ARNs, matched part by part.
//!
//! In conditions a wildcard in one part never reaches into the next. In the `Resource` element a `*` that ends a part does
//! (IAM User Guide, "IAM JSON policy elements: Resource"), as in `arn:aws:kms:*:key/*`.

use crate::condition::keys::KeyName;
use crate::condition::template::{Template, Variables, Version, Wildcards};
use crate::glob::{self, Case, Fuel, OutOfFuel, Token};
use crate::policy::error::Malformed;

/// The parts of an ARN: `arn`, partition, service, Region, account, and the rest, which may have colons itself.
const PARTS: usize = 6;

/// One list of pieces for each part.
type PartTokens = [Vec<Token>; PARTS];

/// The pattern of an ARN in a condition (`ArnLike`, `ArnEquals`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*`
    Any,
    /// Without variables.
    Fixed(Box<PartTokens>),
    /// With variables, whose values may bring colons.
    Open(Template),
    /// Fewer than six parts, so that no ARN fits.
    Never,
}

impl ArnPattern {
    pub(crate) fn parse(text: &str, version: Version) -> Result<Self, Malformed> {
        Ok(match Template::parse(text, version, Wildcards::Expand)? {
            Template::Fixed(tokens) if *tokens == [Token::Many] => Self::Any,
            Template::Fixed(tokens) => split(&tokens).map_or(Self::Never, |parts| Self::Fixed(Box::new(parts))),
            open @ Template::Open(_) => Self::Open(open),
        })
    }

    /// The variables in it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &KeyName> {
        match self {
            Self::Open(template) => Some(template.variables()),
            Self::Any | Self::Fixed(_) | Self::Never => None,
        }
        .into_iter()
        .flatten()
    }

    pub(crate) fn matches(&self, arn: &str, variables: &dyn Variables, fuel: &Fuel) -> Result<bool, OutOfFuel> {
        match self {
            Self::Any => Ok(true),
            Self::Never => Ok(false),
            Self::Fixed(parts) => match_parts(parts, arn, fuel),
            Self::Open(template) => {
                let parts = template.resolve(variables).and_then(|tokens| split(&tokens));
                parts.map_or(Ok(false), |parts| match_parts(&parts, arn, fuel))
            }
        }
    }
}

fn match_parts(parts: &PartTokens, arn: &str, fuel: &Fuel) -> Result<bool, OutOfFuel> {
    let mut given = arn.splitn(PARTS, ':');
    for tokens in parts {
        let Some(part) = given.next() else { return Ok(false) };
        if !glob::matches(tokens, part, Case::Sensitive, fuel)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Cuts at the first five colons; `None` when there are fewer.
fn split(tokens: &[Token]) -> Option<PartTokens> {
    let mut parts = PartTokens::default();
    let mut at = 0;
    for token in tokens {
        let Token::Literal(text) = token else {
            parts[at].push(token.clone());
            continue;
        };
        let mut rest: &str = text;
        while let Some((head, tail)) = rest.split_once(':').filter(|_| at + 1 < PARTS) {
            glob::push_literal(&mut parts[at], head);
            at += 1;
            rest = tail;
        }
        glob::push_literal(&mut parts[at], rest);
    }
    (at + 1 == PARTS).then_some(parts)
}

/// The pattern of a `Resource` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourcePattern {
    /// `*`: every resource, and operations that have none.
    Any,
    /// An ARN, part by part.
    Arn {
        /// All but the last part.
        head: Box<[Vec<Token>; PARTS - 1]>,
        /// The last part, the only one that may have variables.
        last: Template,
    },
    /// An ARN whose author left parts out at the end: they stand for anything.
    Short(Box<[Vec<Token>]>),
}

impl ResourcePattern {
    pub(crate) fn parse(text: &str, version: Version) -> Result<Self, Malformed> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let mut parts = text.splitn(PARTS, ':');
        let mut head = Vec::with_capacity(PARTS - 1);
        for part in parts.by_ref().take(PARTS - 1) {
            if version == Version::V2012 && part.contains("${") {
                return Err(Malformed::Variable(text.into()));
            }
            head.push(glob::tokens(part));
        }
        Ok(match (parts.next(), Box::try_from(head)) {
            (Some(last), Ok(head)) => Self::Arn { head, last: Template::parse(last, version, Wildcards::Expand)? },
            (_, Ok(head)) => Self::Short(head),
            (_, Err(head)) => Self::Short(head.into()),
        })
    }

    /// The variables in it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &KeyName> {
        match self {
            Self::Arn { last, .. } => Some(last.variables()),
            Self::Any | Self::Short(_) => None,
        }
        .into_iter()
        .flatten()
    }

    pub(crate) fn matches(&self, arn: &str, variables: &dyn Variables, fuel: &Fuel) -> Result<bool, OutOfFuel> {
        match self {
            Self::Any => Ok(true),
            Self::Arn { head, last } => match_head(&head[..], arn, fuel, &mut |_, left| match left {
                Some(left) => last.matches(left, variables, fuel),
                None => Ok(false),
            }),
            Self::Short(head) => match_head(head, arn, fuel, &mut |is_open, left| {
                let has = left.map_or(0, |left| left.split(':').count());
                Ok(has == 0 || is_open || has >= PARTS - head.len())
            }),
        }
    }
}

/// Judges what is left of an ARN after the parts that were matched, the last of which ends with `*` or not.
type Finish<'f> = dyn FnMut(bool, Option<&str>) -> Result<bool, OutOfFuel> + 'f;

/// Matches the parts of `head`, and lets `finish` judge what is left.
fn match_head(head: &[Vec<Token>], arn: &str, fuel: &Fuel, finish: &mut Finish<'_>) -> Result<bool, OutOfFuel> {
    let Some((tokens, following)) = head.split_first() else { return Ok(false) };
    let (part, mut left) = arn.split_once(':').map_or((arn, None), |(part, left)| (part, Some(left)));
    if !glob::matches(tokens, part, Case::Sensitive, fuel)? {
        return Ok(false);
    }
    let is_open = tokens.last() == Some(&Token::Many);
    loop {
        let fits = match left {
            _ if following.is_empty() => finish(is_open, left)?,
            Some(left) => match_head(following, left, fuel, finish)?,
            None => false,
        };
        if fits {
            return Ok(true);
        }
        // Once more with the part that follows taken by the `*`.
        left = match left.and_then(|left| left.split_once(':')) {
            Some((_, after)) if is_open => Some(after),
            Some(_) | None => return Ok(false),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Variables for Known {
        fn value_of(&self, name: &KeyName) -> Option<String> {
            match name.to_string().as_str() {
                "aws:username" => Some("ann".to_owned()),
                "aws:PrincipalArn" => Some("arn:aws:iam::111122223333:user/ann".to_owned()),
                _ => None,
            }
        }
    }

    #[test]
    fn arns_match_part_by_part() {
        // The example of the IAM User Guide, "Amazon Resource Name (ARN) condition operators".
        let value = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt";
        check("arn:aws:someservice:*:111122223333:finance/*", value, false);
        check("arn:aws:someservice:*:999999999999:store/*", value, true);
        check("*", value, true);
        check("*", "not an arn", true);
        check("arn:*", value, false);
        check("arn:aws:iam::*:role/a?c", "arn:aws:iam::111122223333:role/abc", true);
        check("arn:aws:iam::*:role/a?c", "arn:aws:iam::111122223333:role/abbc", false);
        check("arn:aws:iam::*", "arn:aws:iam::111122223333:role/abc", false);
        check("arn:aws:iam::111122223333:role/Abc", "arn:aws:iam::111122223333:role/abc", false);
        check("arn:aws:iam::111122223333:user/${aws:username}", "arn:aws:iam::111122223333:user/ann", true);
        check("${aws:PrincipalArn}", "arn:aws:iam::111122223333:user/ann", true);
        check("${aws:PrincipalTag/none}", "arn:aws:iam::111122223333:user/ann", false);

        #[track_caller]
        fn check(pattern: &str, arn: &str, expect: bool) {
            let pattern = ArnPattern::parse(pattern, Version::V2012).expect("a pattern");
            assert_eq!(pattern.matches(arn, &Known, &Fuel::new()), Ok(expect));
        }
    }

    #[test]
    fn resources() {
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        check("*", key, true);
        check("*", "*", true);
        check(key, key, true);
        check("arn:aws:kms:*:111122223333:key/*", key, true);
        check("arn:aws:kms:*:111122223333:key/*", "*", false);
        check("arn:aws:kms:us-east-1:111122223333", key, true);
        check("arn:aws:kms", key, true);
        check("arn:aws:kms:us-west-2", key, false);
        check("arn:aws:kms:*", key, true);
        check("arn:aws:kms:us-*:1111????3333:key/1234*", key, true);
        // A `*` reaches beyond its part where it ends it.
        check("arn:aws:kms:*:key/*", key, true);
        check("arn:aws:*:key/*", key, true);
        check("arn:aws:*:111122223333", key, false);
        check("arn:*:1234abcd-12ab-34cd-56ef-1234567890ab", key, false);
        check("arn:aws:kms:us-*:key/1234*", key, true);
        check("arn:aws:kms:eu-*:key/1234*", key, false);
        check("arn:aws:kms:*:alias/*", key, false);
        check("arn:aws:kms:*1:key/*", key, false);
        check("arn:aws:kms:us*key/*", key, false);
        check("arn:aws:kms:us-east-1:1111????????:*", key, true);
        check("arn:aws:kms:us-east-?:1111222233??:key/*", key, true);
        check("arn:aws:kms:us-east-1?111122223333:key/*", key, false);
        check("arn:aws:kms:*:*:*:key/*", key, false);
        check(
            "arn:aws:kms:us-east-1:111122223333:alias/${aws:username}-*",
            "arn:aws:kms:us-east-1:111122223333:alias/ann-x",
            true,
        );
        check(
            "arn:aws:kms:us-east-1:111122223333:alias/${aws:userid}",
            "arn:aws:kms:us-east-1:111122223333:alias/",
            false,
        );

        #[track_caller]
        fn check(pattern: &str, arn: &str, expect: bool) {
            let pattern = ResourcePattern::parse(pattern, Version::V2012).expect("a pattern");
            assert_eq!(pattern.matches(arn, &Known, &Fuel::new()), Ok(expect), "{arn}");
        }
    }

    #[test]
    fn variables_stand_in_the_last_part_alone() {
        let text = "arn:aws:iam::${aws:PrincipalAccount}:role/x";
        assert!(matches!(ResourcePattern::parse(text, Version::V2012), Err(Malformed::Variable(_))));
        assert!(ResourcePattern::parse(text, Version::V2008).is_ok());
    }
}
