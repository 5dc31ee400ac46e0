//! What a tag may be (behaviours 10.2).

use strongroom_core::key::Tag;
use strongroom_wire::kms;

use crate::error::OpError;

/// User tags on one key.
pub(crate) const TAGS_MAX: usize = 50;

/// The tags of a request, checked.
///
/// # Errors
/// [`OpError::Tag`]: too many, twice the same key, a reserved key, or a character that tags do not have.
pub(crate) fn check_tags(tags: Vec<kms::Tag>) -> Result<Vec<Tag>, OpError> {
    if tags.len() > TAGS_MAX {
        return Err(OpError::Tag("Too many tags".into()));
    }
    for (at, tag) in tags.iter().enumerate() {
        if tags[..at].iter().any(|earlier| earlier.tag_key == tag.tag_key) {
            return Err(OpError::Tag("Duplicate tag keys".into()));
        }
        if tag.tag_key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(OpError::Tag("aws: prefixed tag key names are not allowed for external use".into()));
        }
        if !tag.tag_key.chars().chain(tag.tag_value.chars()).all(is_tag_character) {
            return Err(OpError::Tag("A tag has a character that is not allowed".into()));
        }
    }
    Ok(tags.into_iter().map(|tag| Tag { key: tag.tag_key, value: tag.tag_value }).collect())
}

/// Letters, digits and spaces of any language, and `_ . : / = + - @`.
fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric()
        || c == ' '
        || matches!(c, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
        || (c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked() {
        check(&[("team", "a b"), ("größe", "1.5:/=+-@")], true);
        check(&[("a", ""), ("A", "")], true);
        check(&[("a", "1"), ("a", "2")], false);
        check(&[("aws:x", "")], false);
        check(&[("AWS:x", "")], false);
        check(&[("a\n", "")], false);
        check(&[("a", "<")], false);
        let many: Vec<_> = (0..51).map(|at| at.to_string()).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
        check(&many[..50], true);
        check(&many, false);

        #[track_caller]
        fn check(tags: &[(&str, &str)], allowed: bool) {
            let tag = |(key, value): &(&str, &str)| kms::Tag { tag_key: (*key).into(), tag_value: (*value).into() };
            assert_eq!(check_tags(tags.iter().map(tag).collect()).is_ok(), allowed);
        }
    }
}
