//! Matching with `*` and `?`, within a limit on the work.
//!
//! # Invariants
//! - `*` stands for any number of characters, `?` for exactly one. Nothing else is special.
//! - Matching ends: every step costs fuel, and who runs out of it gets an error, which denies.

use std::cell::Cell;

/// The steps that one decision may spend on matching.
///
/// A typical decision takes a few hundred. The limit keeps hostile patterns (thousands of wildcards against kilobytes of
/// text, whose cost is their product) below some milliseconds.
pub(crate) const FUEL_PER_DECISION: u32 = 1_000_000;

/// The limit on the work of one decision was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfFuel;

/// What is left of the work that one decision may cost.
#[derive(Debug)]
pub(crate) struct Fuel(Cell<u32>);

impl Fuel {
    pub(crate) fn new() -> Self {
        Self(Cell::new(FUEL_PER_DECISION))
    }

    pub(crate) fn burn(&self, steps: usize) -> Result<(), OutOfFuel> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.0.get().checked_sub(steps)).ok_or(OutOfFuel);
        self.0.set(left.unwrap_or(0));
        left.map(drop)
    }
}

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This text.
    Literal(Box<str>),
    /// `*`
    Many,
    /// `?`
    One,
}

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// ASCII letters are the same in both cases, as in the names of actions.
    Ignored,
}

/// Splits `text` at its wildcards.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    push_tokens(&mut tokens, text);
    tokens
}

/// Appends the pieces of `text`; neighbouring `*` become one.
pub(crate) fn push_tokens(tokens: &mut Vec<Token>, mut text: &str) {
    while let Some(at) = text.find(['*', '?']) {
        push_literal(tokens, &text[..at]);
        match text.as_bytes()[at] {
            b'?' => tokens.push(Token::One),
            _ if tokens.last() == Some(&Token::Many) => {}
            _ => tokens.push(Token::Many),
        }
        text = &text[at + 1..];
    }
    push_literal(tokens, text);
}

/// Appends `text` as it stands, wildcards included.
pub(crate) fn push_literal(tokens: &mut Vec<Token>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Token::Literal(last)) = tokens.last_mut() {
        *last = [last, text].concat().into();
    } else {
        tokens.push(Token::Literal(text.into()));
    }
}

/// Whether the whole of `text` has the form of `tokens`.
pub(crate) fn matches(tokens: &[Token], text: &str, case: Case, fuel: &Fuel) -> Result<bool, OutOfFuel> {
    let (mut token, mut at) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: with that `*` one character longer.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        fuel.burn(1)?;
        let rest = &text[at..];
        let step = match tokens.get(token) {
            Some(Token::Many) => {
                if token + 1 == tokens.len() {
                    return Ok(true);
                }
                retry = Some((token + 1, at));
                Some(0)
            }
            Some(Token::Literal(literal)) => starts_with(rest, literal, case).then_some(literal.len()),
            Some(Token::One) => rest.chars().next().map(char::len_utf8),
            None if rest.is_empty() => return Ok(true),
            None => None,
        };
        if let Some(step) = step {
            (token, at) = (token + 1, at + step);
            continue;
        }
        let Some((after_many, from)) = retry else { return Ok(false) };
        let Some(skipped) = text[from..].chars().next() else { return Ok(false) };
        (token, at) = (after_many, from + skipped.len_utf8());
        retry = Some((token, at));
    }
}

fn starts_with(text: &str, literal: &str, case: Case) -> bool {
    match case {
        Case::Sensitive => text.starts_with(literal),
        // Equal but for ASCII case, so the cut falls between characters of `text` too.
        Case::Ignored => {
            text.as_bytes().get(..literal.len()).is_some_and(|head| head.eq_ignore_ascii_case(literal.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything:at/all", true);
        check("?", "", false);
        check("?", "é", true);
        check("?", "ab", false);
        check("a*", "a", true);
        check("a*b", "ab", true);
        check("a*b", "aXXbXXb", true);
        check("a*b", "aXXbXXc", false);
        check("a**b", "ab", true);
        check("*a*b*", "xxaxxbxx", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*?", "", false);
        check("*?b", "éb", true);
        check("abc", "abcd", false);
        check("Abc", "abc", false);

        #[track_caller]
        fn check(pattern: &str, text: &str, expect: bool) {
            assert_eq!(matches(&tokens(pattern), text, Case::Sensitive, &Fuel::new()), Ok(expect));
        }
    }

    #[test]
    fn case_is_ignored_for_ascii_alone() {
        let ignoring = |pattern: &str, text: &str| matches(&tokens(pattern), text, Case::Ignored, &Fuel::new());
        assert_eq!(ignoring("kms:ENC*", "kms:Encrypt"), Ok(true));
        assert_eq!(ignoring("É", "é"), Ok(false));
        assert_eq!(ignoring("*é", "xÉ"), Ok(false));
    }

    #[test]
    fn hostile_patterns_run_out_of_fuel() {
        let pattern = tokens(&format!("*{}", "?a".repeat(4_000)));
        let text = "a".repeat(60_000);
        assert_eq!(matches(&pattern, &format!("{text}b"), Case::Sensitive, &Fuel::new()), Err(OutOfFuel));
    }
}
