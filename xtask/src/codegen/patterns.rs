//! Patterns of the model as matchers. Most are one class of characters, repeated; those need no automaton at run time.

/// The Rust expression for a `Matcher` of `source`.
pub(crate) fn matcher(source: &str) -> String {
    let Some((ranges, may_be_empty)) = repeated_class(source) else {
        return format!("Matcher::Regex(LazyLock::new(|| whole(r\"{source}\")))");
    };
    let ascii = ranges.iter().all(|(_, last)| last.is_ascii());
    let (kind, prefix) = if ascii { ("Ascii", "b") } else { ("Chars", "") };
    let arms: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match first == last {
            true => format!("{prefix}{first:?}"),
            false => format!("{prefix}{}..={prefix}{}", literal(*first), literal(*last)),
        })
        .collect();
    format!("Matcher::{kind} {{ class: |c| matches!(c, {}), may_be_empty: {may_be_empty} }}", arms.join(" | "))
}

fn literal(c: char) -> String {
    if c.is_ascii_graphic() {
        format!("{c:?}")
    } else if c.is_ascii() {
        format!("'\\x{:02x}'", u32::from(c))
    } else {
        format!("'\\u{{{:x}}}'", u32::from(c))
    }
}

type Ranges = Vec<(char, char)>;

/// The class and whether it may occur no times, if that is all there is.
fn repeated_class(source: &str) -> Option<(Ranges, bool)> {
    let body = source.strip_prefix('^').unwrap_or(source);
    let body = body.strip_suffix('$').unwrap_or(body);
    let (class, repeat) = body.split_at_checked(body.len() - 1)?;
    let may_be_empty = match repeat {
        "+" => false,
        "*" => true,
        _ => return None,
    };
    if class == r"\p{ASCII}" {
        return Some((vec![('\0', '\x7f')], may_be_empty));
    }
    let inside = class.strip_prefix('[')?.strip_suffix(']')?;
    Some((ranges(inside)?, may_be_empty))
}

fn ranges(inside: &str) -> Option<Ranges> {
    let mut ranges = Ranges::new();
    let mut rest: Vec<char> = inside.chars().rev().collect();
    // Whether a minus would join the last range to something: not after a range, a class or at the beginning.
    let mut joinable = false;
    while let Some(c) = rest.pop() {
        match c {
            '[' | ']' | '^' | '&' | '~' => return None,
            '\\' => {
                let (class, one) = escape(&mut rest)?;
                joinable = one;
                ranges.extend(class);
            }
            '-' if joinable && !rest.is_empty() => {
                let last = match rest.pop()? {
                    '\\' => escape(&mut rest)?.0.first()?.0,
                    '[' | ']' => return None,
                    last => last,
                };
                ranges.last_mut()?.1 = last;
                joinable = false;
            }
            c => {
                ranges.push((c, c));
                joinable = true;
            }
        }
    }
    Some(ranges)
}

/// What stands after a backslash, and whether it is one character.
fn escape(rest: &mut Vec<char>) -> Option<(Ranges, bool)> {
    let one = |c| Some((vec![(c, c)], true));
    match rest.pop()? {
        'w' => Some((vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')], false)),
        'd' => Some((vec![('0', '9')], false)),
        's' => Some((vec![(' ', ' '), ('\t', '\r')], false)),
        'u' => {
            let digits: String = (0..4).map_while(|_| rest.pop()).collect();
            one(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?)
        }
        c if c.is_ascii_punctuation() => one(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found() {
        check(
            "^[a-zA-Z0-9:/_-]+$",
            Some((&[('a', 'z'), ('A', 'Z'), ('0', '9'), (':', ':'), ('/', '/'), ('_', '_'), ('-', '-')], false)),
        );
        check(
            "^[a-zA-Z0-9-_.]+$",
            Some((&[('a', 'z'), ('A', 'Z'), ('0', '9'), ('-', '-'), ('_', '_'), ('.', '.')], false)),
        );
        check(r"[\u0020-\u00FF]*", Some((&[(' ', 'ÿ')], true)));
        check(r"^\p{ASCII}+$", Some((&[('\0', '\x7f')], false)));
        check(r"^[a\s.-]+$", Some((&[('a', 'a'), (' ', ' '), ('\t', '\r'), ('.', '.'), ('-', '-')], false)));
        check("[0-9]{12}", None);
        check("cluster-[2-7a-zA-Z]{11,16}", None);
        check("^https://[a-zA-Z0-9.-]+$", None);
        check("^[^a]+$", None);

        #[track_caller]
        fn check(source: &str, expect: Option<(&[(char, char)], bool)>) {
            assert_eq!(repeated_class(source), expect.map(|(ranges, empty)| (ranges.to_vec(), empty)), "{source}");
        }
    }
}
