//! Patterns of the model as matchers. Most are one class of characters, repeated; those need no automaton at run time.

/// The Rust expression for a `Matcher` of `source`.
pub(crate) fn matcher(source: &str) -> String {
    let Some((Class { ranges, categories }, may_be_empty)) = repeated_class(source) else {
        return format!("Matcher::Regex(LazyLock::new(|| whole(r\"{source}\")))");
    };
    let ascii = categories.is_empty() && ranges.iter().all(|(_, last)| last.is_ascii());
    let (kind, prefix) = if ascii { ("Ascii", "b") } else { ("Chars", "") };
    let categories: String = categories.iter().map(|category| format!(" || is_{category}(c)")).collect();
    let arms: Vec<String> = ranges
        .iter()
        .map(|(first, last)| match first == last {
            true => format!("{prefix}{first:?}"),
            false => format!("{prefix}{}..={prefix}{}", literal(*first), literal(*last)),
        })
        .collect();
    let class = match arms.join(" | ").as_str() {
        "b'0'..=b'9'" => "c.is_ascii_digit()".into(),
        arms => format!("matches!(c, {arms}){categories}"),
    };
    format!("Matcher::{kind} {{ class: |c| {class}, may_be_empty: {may_be_empty} }}")
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

/// A class of characters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Class {
    ranges: Ranges,
    /// Unicode categories, by the functions of `kms::constraint` that know them.
    categories: Vec<&'static str>,
}

/// The class and whether it may occur no times, if that is all there is.
fn repeated_class(source: &str) -> Option<(Class, bool)> {
    let body = source.strip_prefix('^').unwrap_or(source);
    let body = body.strip_suffix('$').unwrap_or(body);
    let (class, repeat) = body.split_at_checked(body.len() - 1)?;
    let may_be_empty = match repeat {
        "+" => false,
        "*" => true,
        _ => return None,
    };
    if class == r"\p{ASCII}" {
        return Some((Class { ranges: vec![('\0', '\x7f')], categories: Vec::new() }, may_be_empty));
    }
    let mut inside = class.strip_prefix('[')?.strip_suffix(']')?;
    let mut categories = Vec::new();
    for (escape, category) in [(r"\p{L}", "letter"), (r"\p{Z}", "separator"), (r"\p{N}", "number")] {
        if let Some(rest) = inside.strip_prefix(escape) {
            inside = rest;
            categories.push(category);
        }
    }
    Some((Class { ranges: ranges(inside)?, categories }, may_be_empty))
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
    Some(apart(ranges))
}

/// The same characters in ranges that do not overlap; as they stand where they do not.
fn apart(ranges: Ranges) -> Ranges {
    let mut sorted = ranges.clone();
    sorted.sort_unstable();
    if sorted.windows(2).all(|two| two[0].1 < two[1].0) {
        return ranges;
    }
    let mut merged = Ranges::new();
    for (first, last) in sorted {
        match merged.last_mut() {
            Some(range) if first <= range.1 => range.1 = range.1.max(last),
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged
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
        check("[a-fb-c0e-g]*", Some((&[('0', '0'), ('a', 'g')], true)));
        check(r"^\p{ASCII}+$", Some((&[('\0', '\x7f')], false)));
        check(r"^[a\s.-]+$", Some((&[('a', 'a'), (' ', ' '), ('\t', '\r'), ('.', '.'), ('-', '-')], false)));
        check("[0-9]{12}", None);
        check("cluster-[2-7a-zA-Z]{11,16}", None);
        check("^https://[a-zA-Z0-9.-]+$", None);
        check("^[^a]+$", None);

        #[track_caller]
        fn check(source: &str, expect: Option<(&[(char, char)], bool)>) {
            let class = |ranges: &[(char, char)]| Class { ranges: ranges.to_vec(), categories: Vec::new() };
            assert_eq!(repeated_class(source), expect.map(|(ranges, empty)| (class(ranges), empty)), "{source}");
        }
    }

    #[test]
    fn categories_lead_a_class() {
        let class = Class { ranges: vec![('_', '_'), ('@', '@')], categories: vec!["letter", "separator", "number"] };
        assert_eq!(repeated_class(r"[\p{L}\p{Z}\p{N}_@]*"), Some((class, true)));
        assert_eq!(repeated_class(r"[_\p{L}]*"), None, "a category elsewhere needs an automaton");
    }
}
