//! Grant tokens: what has the form of one, and what has not.
//!
//! A token that was given out is printable text in the alphabet of base64 for URLs (behaviours 6.5). Grants themselves are
//! consistent at once here, so a token adds nothing to them.

use crate::error::OpError;

/// Refuses tokens that nobody can have given out.
///
/// # Errors
/// [`OpError::InvalidGrantToken`].
pub(crate) fn check_grant_tokens(tokens: Option<&[String]>) -> Result<(), OpError> {
    let well_formed = |token: &String| {
        token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'/' | b'='))
    };
    if tokens.unwrap_or_default().iter().all(well_formed) { Ok(()) } else { Err(OpError::InvalidGrantToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_decides() {
        let check = |token: &str| check_grant_tokens(Some(&[token.to_owned()])).is_ok();
        assert!(check("AQpAM2RhZTk1MGMyNTk2ZmZmMzEyYWVhOWViN2I1MWM4Mzc0MWFiYjc0ZDE1ODkyNGFlNTIzODZhMzgyZjBlNGY3Ng=="));
        assert!(!check("not a token"));
        assert!(!check("tök"));
        assert!(check_grant_tokens(None).is_ok());
    }
}
